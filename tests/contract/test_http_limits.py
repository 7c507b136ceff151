"""What one client of the HTTP server can't take from the others: connections, time, calls, the log, the health."""

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from anyio.from_thread import BlockingPortal
from starlette.types import Receive, Scope, Send

from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.mcp import limits
from pgdex.jobs.mcp.limits import BoundedProtocol
from pgdex.jobs.mcp.throttle import MOST_LINES
from tests.contract.agents import Agent, bearer, http_client, http_server
from tests.support.databases import settings_for
from tests.support.waiting import wait_for

HALF_A_REQUEST = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX: "


@pytest.fixture
def server(client_url: str, tmp_path: Path) -> Iterator[str]:
    """A server of the test's own."""
    with http_server(tmp_path, PGDEX_DATABASE_URL=client_url, PGDEX_HOME=str(tmp_path)) as url:
        yield url


def address_of(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


def opened(url: str, count: int, first: bytes) -> list[socket.socket]:
    """Connections that send `first` and then nothing."""
    connections = []
    for _ in range(count):
        connection = socket.create_connection(address_of(url), timeout=10)
        connection.sendall(first)
        connections.append(connection)
    return connections


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side has closed it."""
    connection.setblocking(False)
    try:
        while connection.recv(1000):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@pytest.mark.parametrize("first", [b"", HALF_A_REQUEST])
def test_connections_that_send_no_request_shut_nobody_out_and_are_closed(first: bytes, server: str) -> None:
    idle = opened(server, limits.MOST_CONNECTIONS + 100, first)
    try:
        for _ in range(5):
            assert httpx2.get(f"{server}/healthz", timeout=5).status_code == 200
        wait_for(lambda: all(is_closed(one) for one in idle), what="the end of the idle ones", seconds=30)
    finally:
        for one in idle:
            one.close()


def test_clients_with_a_request_keep_their_places(
    server: str, portal: BlockingPortal, admin: Connection, repository: Path
) -> None:
    with portal.wrap_async_context_manager(http_client(server)) as client:
        agent = Agent(portal, client)
        job = agent.call("start_indexing_background", repo_path=str(repository), project_id="places").data["job_id"]
        with ThreadPoolExecutor(1) as pool:
            watch = pool.submit(agent.call, "watch_indexing", job_id=job, project_id="places", timeout_seconds=4)
            idle = opened(server, limits.MOST_CONNECTIONS + 100, HALF_A_REQUEST)
            assert watch.result().data["timed_out"] is True
        for one in idle:
            one.close()
        assert agent.call("cancel_indexing_background", job_id=job, project_id="places", confirmed=True).data[
            "cancelled"
        ]


def test_headers_that_never_end_are_refused(server: str) -> None:
    with socket.create_connection(address_of(server), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 100_000)
        assert b" 400 " in connection.recv(1000).splitlines()[0]


async def _hungry(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that wants the whole body before it answers."""
    if scope["type"] != "http":
        return
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"well"})


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The same protocol in this process, with a second in place of ten and thirty."""
    monkeypatch.setattr(limits, "HEADER_SECONDS", 1.0)
    monkeypatch.setattr(limits, "BODY_SECONDS", 1.0)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(_hungry, http=BoundedProtocol, ws="none", log_config=None, lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.mark.parametrize("head", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_is_given_up(head: str, impatient: str) -> None:
    (connection,) = opened(impatient, 1, f"POST / HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n5\r\nab".encode())
    with closing(connection):
        assert b" 408 " in connection.recv(1000).splitlines()[0]
        assert connection.recv(1000) in (b"", b'{"error": "the request was not sent in time"}\r\n')


def test_a_header_that_comes_drop_by_drop_is_given_up(impatient: str) -> None:
    (connection,) = opened(impatient, 1, b"GET / HTTP/1.1\r\n")
    with closing(connection):

        def drip() -> bool:
            try:
                connection.sendall(b"X: y\r\n")
                return is_closed(connection)
            except OSError:
                return True

        wait_for(drip, what="the end of the connection", seconds=10)


def test_one_connection_serves_many_requests_and_a_slow_body_in_time(impatient: str) -> None:
    def slowly() -> Iterator[bytes]:
        for _ in range(4):
            time.sleep(0.1)
            yield b"part"

    with httpx2.Client() as client:
        for _ in range(8):
            assert client.post(impatient, content=slowly(), timeout=10).text == "well"


def tool_call(name: str, arguments: dict[str, Any]) -> bytes:
    """A call as a client of the stateless protocol sends it."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": name, "arguments": arguments, "_meta": meta}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()


@pytest.fixture
def locked(admin_url: str, admin: Connection) -> Iterator[Connection]:
    """Someone's transaction that holds a table which every search reads."""
    with connect(settings_for(admin_url)) as holder:
        holder.execute("begin")
        holder.execute("lock table pgdex.repositories in access exclusive mode")
        yield holder
        holder.execute("rollback")


@contextmanager
def released(holder: Connection) -> Iterator[None]:
    """Lets the lock go at the end, also of a test that has failed: whoever waits for it would hold up that end."""
    try:
        yield
    finally:
        holder.execute("rollback")


def test_calls_that_wait_for_a_lock_starve_nobody_and_end(
    http_url: str, portal: BlockingPortal, locked: Connection, admin: Connection
) -> None:
    async def call(tool: str, **arguments: Any) -> Any:
        async with http_client(http_url) as client:
            return await client.call_tool(tool, arguments)

    with ThreadPoolExecutor(30) as pool, released(locked):
        searches = [pool.submit(portal.call, lambda: call("search_code", query="x")) for _ in range(20)]
        waiting = (
            "select count(*) from pg_stat_activity where application_name = 'pgdex mcp' and wait_event = 'relation'"
        )
        wait_for(lambda: admin.execute(waiting).fetchall()[0] > (3,), what="blocked searches", seconds=20)

        began = time.monotonic()
        health = httpx2.get(f"{http_url}/healthz", headers=bearer(), timeout=10)
        missing = "00000000-0000-4000-8000-000000000000"
        page = portal.call(lambda: call("get_indexing_status", job_id=missing))
        assert time.monotonic() - began < 20
        answers = [search.result(max(0.0, 60 - (time.monotonic() - began))).content[0].text for search in searches]

    assert (health.status_code, health.json()["database"]) == (200, "ok")
    assert re.match(r"JOB_NOT_FOUND|DATABASE_ERROR: the database is busy", page.content[0].text)
    kinds = {answer.partition(":")[0] for answer in answers}
    assert kinds <= {"DATABASE_ERROR", "BUSY"}
    assert "DATABASE_ERROR" in kinds
    for answer in answers:
        if answer.startswith("BUSY"):
            assert "call again" in answer
        else:
            assert re.match("DATABASE_ERROR: the database is busy", answer)
            assert "pg_stat_activity" in answer  # who holds it


def test_requests_without_the_token_do_not_fill_the_log(server: str, tmp_path: Path) -> None:
    with httpx2.Client() as client:
        for number in range(10 * MOST_LINES):
            headers = {"Authorization": f"Bearer {number}", "X-Forwarded-For": "z" * 1000}
            assert client.post(f"{server}/mcp?{'q' * 1000}", headers=headers).status_code == 401
    for connection in opened(server, 200, b"nonsense\r\n\r\n"):
        connection.close()

    (log,) = tmp_path.glob("http-*.log")
    lines = log.read_text().splitlines()
    assert len(lines) < 3 * MOST_LINES
    assert max(map(len, lines)) < 2000
    assert sum('"action": "refused"' in line for line in lines) == MOST_LINES


def test_a_flood_of_health_checks_is_answered_over_one_connection(server: str, admin: Connection) -> None:
    activity = "select count(*) from pg_stat_activity where application_name = 'pgdex mcp health'"
    before = admin.execute(activity).fetchone()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: httpx2.get(f"{server}/healthz", timeout=10).status_code, range(300)))

    assert set(answers) == {200}
    after = admin.execute(activity).fetchone()
    assert after == before  # the one that the server's first answer has opened
