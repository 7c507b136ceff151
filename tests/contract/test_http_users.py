"""Who may use the HTTP server: whoever has the token, on a Unix socket its owner, no other user of the machine."""

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import pytest

from tests.contract.agents import PGDEX_MCP, bearer, environment, http_server
from tests.contract.test_http import HEADERS, INITIALIZE, post, refused_start
from tests.support.logins import run_pgdex
from tests.support.waiting import wait_for

NOBODY = 65534
as_root = pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can be someone else")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter, which pytest's own are not."""
    with TemporaryDirectory(prefix="pgdex-users-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def as_nobody(*command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as another user of the machine."""
    become = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    return subprocess.run([*become, *command], capture_output=True, text=True, timeout=30, check=False, cwd="/")


def test_a_server_that_was_told_no_token_makes_one(client_url: str, tmp_path: Path) -> None:
    with http_server(tmp_path, PGDEX_DATABASE_URL=client_url, PGDEX_HOME=str(tmp_path), PGDEX_MCP_TOKEN="") as url:
        printed = run_pgdex("mcp", "token", home=tmp_path, PGDEX_DATABASE_URL=client_url)
        token = printed.out.strip()
        file = tmp_path / "mcp-token"
        (log,) = tmp_path.glob("http-*.log")

        assert len(token) >= 43
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "pgdex mcp token" in log.read_text()
        assert token not in log.read_text()
        assert post(url).status_code == 401
        assert post(url, **bearer(token)).status_code == 200
        assert httpx2.get(f"{url}/healthz").json() == {"status": "ok"}

        rotated = run_pgdex("mcp", "token", "--rotate", home=tmp_path, PGDEX_DATABASE_URL=client_url).out.strip()
        assert rotated != token
        assert post(url, **bearer(token)).status_code == 401
        assert post(url, **bearer(rotated)).status_code == 200

        file.unlink()
        assert post(url, **bearer(rotated)).status_code == 401


def test_a_token_that_others_can_read_is_no_token(tmp_path: Path) -> None:
    file = tmp_path / "mcp-token"
    file.write_text("x" * 43)
    file.chmod(0o644)

    said = refused_start("127.0.0.1:8765", tmp_path)

    assert str(file) in said
    assert "open to other users" in said
    assert run_pgdex("mcp", "token", home=tmp_path).code == 2
    assert run_pgdex("mcp", "token", "--rotate", home=tmp_path).code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@as_root
def test_another_user_of_the_machine_gets_nothing(client_url: str, open_folder: Path) -> None:
    with http_server(
        open_folder, PGDEX_DATABASE_URL=client_url, PGDEX_HOME=str(open_folder), PGDEX_MCP_TOKEN=""
    ) as url:
        read = as_nobody("cat", str(open_folder / "mcp-token"))
        ask = ("curl", "-s", "-w", " %{http_code}", "-d", json.dumps(INITIALIZE))
        asked = as_nobody(
            *ask, *(part for name, value in HEADERS.items() for part in ("-H", f"{name}: {value}")), f"{url}/mcp"
        )

    assert "Permission denied" in read.stderr
    assert read.stdout == ""
    assert asked.stdout.endswith(" 401")


@contextmanager
def socket_server(path: Path, folder: Path, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`pgdex mcp --http unix:PATH`, once it listens."""
    with (folder / "socket.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *PGDEX_MCP, "--http", f"unix:{path}"],
            cwd=folder,
            env=environment(PGDEX_HOME=str(folder), **variables),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(path.exists, what="the socket", seconds=30)
        yield process
    finally:
        process.terminate()
        process.wait(10)


def over(path: Path) -> httpx2.Client:
    return httpx2.Client(transport=httpx2.HTTPTransport(uds=str(path)), base_url="http://localhost", timeout=10)


def test_a_unix_socket_needs_no_token_and_is_its_owner_s(client_url: str, open_folder: Path) -> None:
    path = open_folder / "run" / "mcp.sock"
    with socket_server(path, open_folder, PGDEX_DATABASE_URL=client_url), over(path) as client:
        told = client.post("/mcp", headers=HEADERS, content=json.dumps(INITIALIZE))
        health = client.get("/healthz").json()

        assert told.status_code == 200
        assert health["database"] == "ok"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert "listens at" in refused_start(f"unix:{path}", open_folder)
        assert not (open_folder / "mcp-token").exists()
    assert not path.exists()


def test_a_unix_socket_asks_for_a_token_that_was_set(client_url: str, open_folder: Path) -> None:
    path = open_folder / "mcp.sock"
    token = "0123456789" * 4
    with (
        socket_server(path, open_folder, PGDEX_DATABASE_URL=client_url, PGDEX_MCP_TOKEN=token),
        over(path) as client,
    ):
        assert client.post("/mcp", headers=HEADERS, content=json.dumps(INITIALIZE)).status_code == 401
        right = HEADERS | bearer(token)
        assert client.post("/mcp", headers=right, content=json.dumps(INITIALIZE)).status_code == 200


@as_root
@pytest.mark.parametrize("mode", [0o600, 0o666])
def test_another_user_can_not_use_the_unix_socket_whatever_its_mode(
    mode: int, client_url: str, open_folder: Path
) -> None:
    path = open_folder / "mcp.sock"
    with socket_server(path, open_folder, PGDEX_DATABASE_URL=client_url):
        path.chmod(mode)
        asked = as_nobody("curl", "-s", "--max-time", "5", "--unix-socket", str(path), "http://localhost/healthz")

    assert asked.returncode in (7, 52, 56)  # can't connect; or the other side has hung up
    assert asked.stdout == ""


def test_what_a_server_that_was_killed_left_is_no_hindrance(client_url: str, open_folder: Path) -> None:
    path = open_folder / "mcp.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    with socket_server(path, open_folder, PGDEX_DATABASE_URL=client_url), over(path) as client:

        def answers() -> bool:
            try:
                return client.get("/healthz").status_code == 200
            except httpx2.TransportError:
                return False

        wait_for(answers, what="an answer", seconds=20)


def test_a_socket_where_others_write_or_something_else_lies_is_refused(open_folder: Path) -> None:
    shared = open_folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    plain = open_folder / "plain"
    plain.write_text("precious")

    assert "can be written by other users" in refused_start(f"unix:{shared}/s", open_folder)
    assert "is no socket" in refused_start(f"unix:{plain}", open_folder)
    assert plain.read_text() == "precious"
    assert "absolute path" in refused_start("unix:relative", open_folder)
    assert "too long" in refused_start(f"unix:/tmp/{'x' * 120}", open_folder)
