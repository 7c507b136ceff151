"""Clients that break off or send rubbish: the server goes on, and keeps nothing for them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdex.jobs.database.connection import Connection
from tests.contract.agents import CHECKOUT, PGDEX_MCP, VERSIONS, Agents, environment
from tests.contract.test_http import INITIALIZE
from tests.contract.test_jobs import half_done, project
from tests.contract.test_watching import listeners
from tests.support.waiting import wait_for


@pytest.mark.parametrize("mode", VERSIONS)
def test_a_watcher_that_is_killed_leaves_no_listener_and_the_job_goes_on(
    mode: str, agents: Agents, http_url: str, admin: Connection
) -> None:
    mine = project()
    job = {"job_id": half_done(admin, mine), "project_id": mine}
    wait_for(lambda: listeners(admin) == 0, what="other watches to end", seconds=10)
    watcher = subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.contract.lone_watcher", http_url, mode, job["job_id"], mine],
        cwd=CHECKOUT,
        env=environment(),
    )
    try:
        wait_for(lambda: listeners(admin) == 1, what="the watch", seconds=20)
    finally:
        watcher.kill()
        watcher.wait()

    wait_for(lambda: listeners(admin) == 0, what="the watch to end", seconds=10)
    assert agents.agent("http-2026-07-28").call("get_indexing_status", **job).data["status"] == "running"


@pytest.fixture
def stdio(client_url: str, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A server whose client is the test itself."""
    server = subprocess.Popen(
        [sys.executable, *PGDEX_MCP],
        cwd=tmp_path,
        env=environment(PGDEX_DATABASE_URL=client_url, PGDEX_HOME=str(tmp_path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with server:
        yield server
        assert server.stdin is not None
        server.stdin.close()
        assert server.wait(10) == 0


def test_a_line_that_is_no_message_is_answered_and_the_server_goes_on(stdio: "subprocess.Popen[bytes]") -> None:
    assert stdio.stdin is not None
    assert stdio.stdout is not None
    lines = [b"certainly no JSON", b"", b"  ", b'{"method": 5}', b"[1, 2]", b"\xff\xfe", b'{"jsonrpc": "2.0"']
    stdio.stdin.write(b"".join(line + b"\n" for line in [*lines, json.dumps(INITIALIZE).encode()]))
    stdio.stdin.flush()

    answers = [json.loads(stdio.stdout.readline()) for _ in range(6)]

    assert [answer["error"]["code"] for answer in answers[:5]] == [-32700, -32600, -32600, -32700, -32700]
    assert all(answer["id"] is None for answer in answers[:5])
    assert (answers[5]["id"], answers[5]["result"]["serverInfo"]["name"]) == (INITIALIZE["id"], "pgdex")
