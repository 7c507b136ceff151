"""The work outlives whoever asked for it: any process may be killed in the middle, and the job is completed after the
next start of any of them. Everything is as users have it: an embedded database, workers that the server started."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from anyio.from_thread import BlockingPortal
from mcp import Client

from tests.contract.agents import CHECKOUT, PGDEX_MCP, Agent, environment, stdio_server
from tests.support.trees import python_tree
from tests.support.waiting import wait_for

FILES = 240
HANDSHAKE_CPU_SECONDS = 3.0  # 2 on the machine that it is promised for; tests may run on slower ones
VARIABLES = {"PGDEX_PROCESSES": "1", "PGDEX_BATCH_FILES": "8", "PGDEX_SERVER_LINGER": "0"}


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """An empty PGDEX_HOME; afterwards nothing runs in it any more."""
    # Not pytest's folder: as root the server runs as another user, who can't enter that one.
    home = Path(tempfile.mkdtemp(prefix="pgdex-life-", dir="/tmp"))
    home.chmod(0o755)
    yield home
    kill(home, "mcp", "worker", "postgres")
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that takes some seconds."""
    return python_tree(tmp_path_factory.mktemp("large").resolve() / "large", FILES)


def processes(home: Path, kind: str) -> list[psutil.Process]:
    """The processes of `home`: servers ("mcp"), workers and their supervisors ("worker"), or "postgres"."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = process.cmdline()
            if kind == "postgres":
                is_one = f"{home}/data" in command
            else:
                is_one = kind in command and process.environ().get("PGDEX_HOME") == str(home)
            if is_one and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def kill(home: Path, *kinds: str) -> None:
    """kill -9 for all of these, and for those that a supervisor starts in place of one before its own turn comes."""

    def are_gone() -> bool:
        found = [process for kind in kinds for process in processes(home, kind)]
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        return not found

    wait_for(are_gone, what=f"the end of {kinds}", seconds=10)


@contextmanager
def connected(portal: BlockingPortal, home: Path, *, mode: Any = "auto") -> Iterator[Agent]:
    """A client with a server of its own, which may be killed meanwhile."""
    client = Client(stdio_server(home, PGDEX_HOME=str(home), **VARIABLES), mode=mode)
    context = portal.wrap_async_context_manager(client)
    agent = Agent(portal, context.__enter__())
    try:
        yield agent
    finally:
        with suppress(Exception):
            context.__exit__(None, None, None)


def begin(agent: Agent, large: Path) -> str:
    """Start a job that does every file, and return its id when some are done."""
    answer = agent.call("start_indexing_background", repo_path=str(large), force_reindex=True).data
    assert answer["already_running"] is False
    return wait_until_under_way(agent, answer["job_id"])


def wait_until_under_way(agent: Agent, job_id: str) -> str:
    def is_under_way() -> bool:
        status = agent.call("get_indexing_status", job_id=job_id).data
        assert not status["is_final"], f"too fast for this test: {status['progress_message']}"
        return bool(status["files_indexed"] >= 16)

    wait_for(is_under_way, what="the first files", seconds=40)
    return job_id


def assert_completes(agent: Agent, job_id: str) -> None:
    status = agent.call("watch_indexing", job_id=job_id, timeout_seconds=60).data
    assert status["status"] == "completed", status["progress_message"]
    assert status["files_indexed"] == FILES
    hits = agent.call("search_code", query=f"load_{FILES - 1}", limit=1).data["hits"]
    assert hits[0]["path"].endswith(f"module_{FILES - 1}.py")


def test_the_handshake_does_not_wait_for_the_database_and_the_first_call_does(
    portal: BlockingPortal, home: Path
) -> None:
    with connected(portal, home) as agent:
        assert not (home / "data" / "PG_VERSION").exists()
        (server,) = processes(home, "mcp")
        used = server.cpu_times()
        assert used.user + used.system < HANDSHAKE_CPU_SECONDS

        assert agent.call("list_background_jobs").data["jobs"] == []
        assert (home / "data" / "PG_VERSION").exists()
    wait_for(lambda: not processes(home, "mcp"), what="the server's end", seconds=5)


def test_a_job_survives_its_server(portal: BlockingPortal, home: Path, large: Path) -> None:
    with connected(portal, home) as agent:
        job_id = begin(agent, large)
        kill(home, "mcp")
    with connected(portal, home, mode="legacy") as agent:
        assert_completes(agent, job_id)


def test_a_job_survives_its_client(portal: BlockingPortal, home: Path, large: Path) -> None:
    client = subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.contract.lone_client", str(large), *PGDEX_MCP],
        cwd=CHECKOUT,
        env=environment(PGDEX_HOME=str(home), **VARIABLES),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert client.stdout is not None
    job_id = json.loads(client.stdout.readline())["job_id"]
    client.send_signal(signal.SIGKILL)
    client.wait()
    wait_for(lambda: not processes(home, "mcp"), what="the server's end", seconds=10)
    with connected(portal, home) as agent:
        assert_completes(agent, job_id)


def test_an_interrupted_job_goes_on_when_a_server_starts_without_anyone_asking(
    portal: BlockingPortal, home: Path, large: Path
) -> None:
    with connected(portal, home) as agent:
        job_id = begin(agent, large)
        kill(home, "mcp", "worker", "postgres")  # as when the machine is switched off
    with connected(portal, home) as agent:
        wait_for(lambda: processes(home, "worker"), what="workers")
        assert_completes(agent, job_id)


def test_many_servers_share_a_database_and_its_workers_also_when_these_are_killed(
    portal: BlockingPortal, home: Path, large: Path
) -> None:
    with connected(portal, home) as first, connected(portal, home) as second, connected(portal, home) as third:
        job_id = begin(first, large)
        again = second.call("start_indexing_background", repo_path=str(large)).data
        assert (again["job_id"], again["already_running"]) == (job_id, True)
        kill(home, "worker")
        assert_completes(third, job_id)
        supervisors = [one for one in processes(home, "worker") if "--only-one" in one.cmdline()]
        assert len(supervisors) == 1
        assert len(processes(home, "postgres")) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_server_at_once(number: signal.Signals, home: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, *PGDEX_MCP],
        cwd=home,
        env=environment(PGDEX_HOME=str(home), **VARIABLES),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    initialize = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    assert server.stdin is not None
    assert server.stdout is not None
    for message in (request | {"method": "initialize", "params": initialize},):
        server.stdin.write(json.dumps(message).encode() + b"\n")
    server.stdin.flush()
    assert b"protocolVersion" in server.stdout.readline()
    time.sleep(0.5)

    os.kill(server.pid, number)

    assert server.wait(10) == 128 + number
    assert server.stderr is not None
    assert b"Traceback" not in server.stderr.read()
