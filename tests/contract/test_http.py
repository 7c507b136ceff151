"""The HTTP agent: who may come in, how much may be sent, and what /healthz tells."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from anyio.from_thread import BlockingPortal

from pgdex.jobs.database.connection import Connection
from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.mcp.addresses import Address, parsed_address
from pgdex.jobs.mcp.health import FRESH_SECONDS
from tests.contract.agents import PGDEX_MCP, TOKEN, Agent, bearer, environment, http_client, http_server
from tests.contract.test_jobs import half_done, project

HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
LIMIT = 1 << 20


@pytest.fixture(scope="module")
def guarded(client_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a token and a name of its own, that other machines could reach."""
    folder = tmp_path_factory.mktemp("guarded")
    variables = {
        "PGDEX_MCP_TOKEN": f" {TOKEN} ",
        "PGDEX_MCP_HOSTS": "code.example.com, other.example",
        "PGDEX_ALLOWED_ROOTS": "/srv/code",
    }
    with http_server(folder, host="0.0.0.0", PGDEX_DATABASE_URL=client_url, PGDEX_HOME=str(folder), **variables) as url:
        yield url


def post(url: str, **headers: Any) -> httpx2.Response:
    return httpx2.post(f"{url}/mcp", headers=HEADERS | headers, content=json.dumps(INITIALIZE))


def refused_start(address: str, home: Path, **variables: str) -> str:
    """What `pgdex mcp --http` says that does not start."""
    finished = subprocess.run(
        [sys.executable, *PGDEX_MCP, "--http", address],
        env=environment(PGDEX_HOME=str(home), **variables),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert finished.returncode == 2, finished.stderr
    assert "Traceback" not in finished.stderr
    return finished.stderr


def test_beyond_this_machine_nothing_is_served_without_allowed_roots(tmp_path: Path) -> None:
    said = refused_start("0.0.0.0:8765", tmp_path, PGDEX_MCP_TOKEN=TOKEN)

    assert "can be reached from other machines" in said
    assert "PGDEX_ALLOWED_ROOTS" in said


@pytest.mark.parametrize("token", ["x", "0123456789abcdef0123456789abcde", f"{'a' * 31}   "])
def test_a_token_that_could_be_guessed_is_refused_and_not_repeated(token: str, tmp_path: Path) -> None:
    said = refused_start("127.0.0.1:8765", tmp_path, PGDEX_MCP_TOKEN=token)

    assert "PGDEX_MCP_TOKEN" in said
    assert "32 characters" in said
    assert len(token) < 20 or token.strip() not in said


def test_an_address_that_is_taken_is_a_clear_error(http_url: str, tmp_path: Path) -> None:
    address = http_url.removeprefix("http://")

    assert f"can't listen at {address}" in refused_start(address, tmp_path)


@pytest.mark.parametrize("address", ["8765", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:99999", ":::1", ":1"])
def test_an_address_that_is_none_is_quoted(address: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        parsed_address(address)

    assert repr(address) in str(error.value)


@pytest.mark.parametrize(
    ("address", "parsed"),
    [
        ("127.0.0.1:8765", ("127.0.0.1", 8765)),
        ("[::1]:80", ("::1", 80)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_an_address_is_a_host_and_a_port(address: str, parsed: tuple[str, int]) -> None:
    assert parsed_address(address) == Address(*parsed)


def test_without_the_token_nothing_is_answered(guarded: str) -> None:
    attempts: list[dict[str, Any]] = [
        {},
        bearer("x"),
        bearer("correct horse battery staple"),
        bearer(f"{TOKEN}x"),
        {"Authorization": f"Basic {TOKEN}".encode()},
        {"Authorization": TOKEN.encode()},
    ]
    for headers in attempts:
        response = post(guarded, **headers)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert TOKEN not in response.text
    for path in ("/", "/mcp/", "/docs", "/openapi.json"):
        assert httpx2.get(f"{guarded}{path}").status_code == 401


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_a_client_with_the_token_may_do_everything(mode: Any, guarded: str, portal: BlockingPortal) -> None:
    with portal.wrap_async_context_manager(http_client(guarded, mode=mode)) as connected:
        assert Agent(portal, connected).call("list_background_jobs").data["project_id"] == "default"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example:80", 421),
        ("127.0.0.1@evil.example", 421),
        ("evil.example/127.0.0.1", 421),
        ("10.1.2.3", 421),
        ("[::1", 421),
        ("localhost", 200),
        ("LOCALHOST:1234", 200),
        ("127.0.0.1:9", 200),
        ("[::1]:9", 200),
    ],
)
def test_a_name_that_leads_here_is_not_enough(host: str, status: int, http_url: str) -> None:
    assert post(http_url, Host=host, **bearer()).status_code == status
    assert httpx2.get(f"{http_url}/healthz", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://evil.example", 403),
        ("https://localhost.evil.example", 403),
        ("null", 403),
        ("file://", 403),
        ("http://localhost@evil.example", 403),
        ("http://localhost:6274", 200),
        ("https://127.0.0.1", 200),
    ],
)
def test_a_foreign_page_may_not_use_the_server(origin: str, status: int, http_url: str) -> None:
    assert post(http_url, Origin=origin, **bearer()).status_code == status
    assert httpx2.get(f"{http_url}/healthz", headers={"Origin": origin}).status_code == status


@pytest.mark.parametrize(
    ("host", "status"), [("code.example.com", 200), ("Other.Example:1", 200), ("10.1.2.3", 200), ("evil.example", 421)]
)
def test_a_server_for_other_machines_knows_addresses_and_the_names_it_was_told(
    host: str, status: int, guarded: str
) -> None:
    assert post(guarded, Host=host, **bearer(TOKEN)).status_code == status
    assert post(guarded, Origin=f"https://{host}", **bearer(TOKEN)).status_code == (403 if status == 421 else status)


def test_a_request_that_is_too_large_is_refused_whether_or_not_it_says_so(http_url: str) -> None:
    fits = json.dumps(INITIALIZE).encode()
    large = fits.ljust(LIMIT + 1)

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(large), 64_000):
            yield large[start : start + 64_000]

    assert httpx2.post(f"{http_url}/mcp", headers=HEADERS | bearer(), content=fits.ljust(LIMIT)).status_code == 200
    assert httpx2.post(f"{http_url}/mcp", headers=HEADERS | bearer(), content=large).status_code == 413
    assert httpx2.post(f"{http_url}/mcp", headers=HEADERS | bearer(), content=chunks()).status_code == 413


def test_a_body_that_never_ends_is_cut_off_at_the_limit(http_url: str) -> None:
    host, _, port = http_url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        head += f"Authorization: Bearer {TOKEN}\r\n"
        connection.sendall(
            f"POST /mcp HTTP/1.1\r\nHost: localhost\r\n{head}Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        for _ in range(17):
            connection.sendall(chunk)
        assert b" 413 " in connection.recv(1000).splitlines()[0]


def test_health_tells_of_the_database_and_the_jobs(http_url: str, admin: Connection) -> None:
    half_done(admin, project())

    time.sleep(FRESH_SECONDS)  # what is told is a second old at most
    told = httpx2.get(f"{http_url}/healthz", headers=bearer())

    assert told.status_code == 200
    health = told.json()
    assert (health["status"], health["database"], health["active_jobs"]) == ("ok", "ok", 1)
    assert 0 <= health["oldest_active_job_seconds"] < 60


def test_health_tells_strangers_only_whether_it_is_well(guarded: str) -> None:
    assert httpx2.get(f"{guarded}/healthz").json() == {"status": "ok"}
    assert httpx2.get(f"{guarded}/healthz", headers=bearer(TOKEN)).json().keys() == {
        *("status", "database", "active_jobs", "oldest_active_job_seconds"),
    }


def test_health_is_told_also_while_the_database_is_away(tmp_path: Path) -> None:
    url = "postgresql://pgdex:s3cret@127.0.0.1:1/x"
    with http_server(tmp_path, PGDEX_DATABASE_URL=url, PGDEX_HOME=str(tmp_path)) as server:
        told = httpx2.get(f"{server}/healthz", headers=bearer(), timeout=10)

    assert told.status_code == 503
    assert told.json()["database"] == "away"
    assert "s3cret" not in told.text
