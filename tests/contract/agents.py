"""Connected SDK clients for tests that run no event loop: one agent for each transport and protocol."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import httpx2
from anyio.from_thread import BlockingPortal
from mcp import Client, StdioServerParameters
from mcp.client import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult, TextContent

PGDEX_MCP = ("-P", "-m", "pgdex.jobs.cli", "mcp")
CHECKOUT = str(Path(__file__).parents[2])
# How the SDK's client negotiates ("auto" asks for the newest first), and what comes of it.
VERSIONS: dict[Literal["legacy", "auto"], str] = {"legacy": "2025-11-25", "auto": "2026-07-28"}
TRANSPORTS = [f"{transport}-{protocol}" for transport in ("stdio", "http") for protocol in VERSIONS.values()]
START_SECONDS = 30.0
TOKEN = "correct horse battery staple ä und noch mehr"

Progress = tuple[float, float | None, str | None]
UserAnswer = Callable[[str], ElicitResult]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a tool call came back with."""

    raw: CallToolResult
    progress: list[Progress] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What a model reads."""
        return "\n".join(part.text for part in self.raw.content if isinstance(part, TextContent))

    @property
    def data(self) -> dict[str, Any]:
        """The structured content; AssertionError with the message of a tool error."""
        assert not self.raw.is_error, self.text
        assert isinstance(self.raw.structured_content, dict)
        return self.raw.structured_content

    @property
    def error(self) -> str:
        """The message of a tool error; AssertionError where it was none."""
        assert self.raw.is_error, self.text
        assert self.raw.structured_content is None
        return self.text

    @property
    def code(self) -> str:
        """The code of a tool error."""
        return self.error.partition(":")[0]


@dataclass(slots=True)
class Agent:
    """A connected client."""

    portal: BlockingPortal
    client: Client

    def call(self, tool: str, /, **arguments: Any) -> Reply:
        """Call a tool and return what came back, progress included."""
        seen: list[Progress] = []

        async def note(progress: float, total: float | None, message: str | None) -> None:
            seen.append((progress, total, message))

        send = partial(self.client.call_tool, tool, arguments, progress_callback=note)
        return Reply(self.portal.call(send), seen)


def environment(**variables: str) -> dict[str, str]:
    """The variables of a server's process: these, and none that a person's own pgdex is configured with."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PGDEX_")}
    return kept | {"PYTHONPATH": CHECKOUT} | variables


def stdio_server(folder: Path, **variables: str) -> StdioServerParameters:
    """`pgdex mcp` as a client starts it, in `folder`."""
    return StdioServerParameters(
        command=sys.executable, args=list(PGDEX_MCP), env=environment(**variables), cwd=str(folder)
    )


def bearer(token: str = TOKEN) -> dict[str, Any]:
    """The header that a client sends."""
    return {"Authorization": f"Bearer {token}".encode()}


@asynccontextmanager
async def http_client(url: str, *, token: str = TOKEN, **options: Any) -> AsyncIterator[Client]:
    """A client of the server at `url` (without a path)."""
    patience = httpx2.Timeout(30, read=300)
    async with (
        httpx2.AsyncClient(headers=bearer(token), timeout=patience) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), **options) as client,
    ):
        yield client


@contextmanager
def http_server(folder: Path, *options: str, host: str = "127.0.0.1", **variables: str) -> Iterator[str]:
    """`pgdex mcp --http` on a free port, with TOKEN unless told otherwise; yields its address without a path."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / f"http-{port}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *PGDEX_MCP, "--http", f"{host}:{port}", *options],
            cwd=folder,
            env=environment(**{"PGDEX_MCP_TOKEN": TOKEN} | variables),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_it_answers(url, process, folder / f"http-{port}.log")
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _wait_until_it_answers(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx2.get(f"{url}/healthz", timeout=5)
        except httpx2.TransportError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return


@dataclass(slots=True)
class Agents:
    """Opens each agent once and keeps it open."""

    portal: BlockingPortal
    folder: Path
    database_url: str
    http_url: str
    answer_of_the_user: UserAnswer | None = None
    questions: list[str] = field(default_factory=list)
    _open: dict[str, tuple[Agent, AbstractContextManager[Client]]] = field(default_factory=dict)

    def agent(self, name: str, *, asks: bool = False) -> Agent:
        """The agent called `name` (of TRANSPORTS); one that `asks` shows the server's questions to
        `answer_of_the_user`."""
        key = f"{name} asks" if asks else name
        if key not in self._open:
            transport, _, protocol = name.partition("-")
            mode = next(mode for mode, version in VERSIONS.items() if version == protocol)
            server = stdio_server(
                self.folder, PGDEX_DATABASE_URL=self.database_url, PGDEX_HOME=str(self.folder / "home")
            )
            options: Any = {"mode": mode, "elicitation_callback": self._ask if asks else None}
            client = Client(server, **options) if transport == "stdio" else http_client(self.http_url, **options)
            context = self.portal.wrap_async_context_manager(client)
            self._open[key] = (Agent(self.portal, context.__enter__()), context)
        return self._open[key][0]

    async def _ask(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        self.questions.append(params.message)
        assert self.answer_of_the_user is not None
        return self.answer_of_the_user(params.message)

    def close(self) -> None:
        """Close all."""
        for _, context in self._open.values():
            context.__exit__(None, None, None)
