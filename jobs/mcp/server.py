"""The server: its tools, how their errors reach the model, and its life on stdio."""

import atexit
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedResourceError
from mcp.server.mcpserver.tools import Tool
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolResult,
    GetPromptResult,
    InputRequiredResult,
    ToolAnnotations,
)
from pydantic import ValidationError

from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.logging import fields
from pgdex.jobs.mcp.capabilities import only_what_there_is
from pgdex.jobs.mcp.completions import Completions
from pgdex.jobs.mcp.definitions import tool_of
from pgdex.jobs.mcp.errors import explained, is_expected, unknown_arguments
from pgdex.jobs.mcp.given import given_arguments
from pgdex.jobs.mcp.instructions import INSTRUCTIONS
from pgdex.jobs.mcp.job_feed import JobFeed
from pgdex.jobs.mcp.job_tasks import JobTasks
from pgdex.jobs.mcp.prompts import add_prompts
from pgdex.jobs.mcp.protocol_errors import protocol_error
from pgdex.jobs.mcp.quoted import quoted
from pgdex.jobs.mcp.resources.files import FileResources
from pgdex.jobs.mcp.resources.jobs import JobResources
from pgdex.jobs.mcp.resources.repositories import RepositoryResources
from pgdex.jobs.mcp.server_context import ServerContext
from pgdex.jobs.mcp.stdio import run_on_stdio
from pgdex.jobs.mcp.subscriptions import Subscriptions
from pgdex.jobs.mcp.tasks import Tasks
from pgdex.jobs.mcp.tools.cancelling import Cancelling
from pgdex.jobs.mcp.tools.listing import Listing
from pgdex.jobs.mcp.tools.removing import Removing
from pgdex.jobs.mcp.tools.repositories import Repositories
from pgdex.jobs.mcp.tools.retrying import Retrying
from pgdex.jobs.mcp.tools.searching import Searching
from pgdex.jobs.mcp.tools.starting import Starting
from pgdex.jobs.mcp.tools.status import Status
from pgdex.jobs.mcp.tools.watching import Watching
from pgdex.jobs.settings import Settings
from pgdex.migrations.version import RELEASE

LEAVE_SECONDS = 1.5
"""A client that closes gives its servers about two seconds."""
WARM_UP_PAUSE_SECONDS = 0.5
LONGEST_WARM_UP_PAUSE_SECONDS = 30.0

READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
STARTS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
CANCELS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=False)

logger = logging.getLogger("pgdex.mcp")


class PgdexServer(MCPServer[None]):
    """An MCP server whose errors begin with a code, and that takes no arguments which a tool does not have."""

    def __init__(self, name: str, *, tools: Sequence[Tool], **options: Any) -> None:
        super().__init__(name, tools=[*tools], **options)
        self._schemas = {tool.name: tool.parameters for tool in tools}
        self.middleware.append(only_what_there_is(self))

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool. Raises ToolError, whose message is for the model; MCPError where there is no such tool."""
        try:
            given = given_arguments(arguments, self._schema_of(name, arguments))
            return quoted(await super().call_tool(name, given, context))
        except InvalidRequest as error:
            raise self._reported(name, error) from error
        except ToolError as error:
            # The SDK wraps what a tool raised, with a prefix, and without its text where that was not a ToolError.
            cause = error.__cause__ or error
            raise self._reported(name, cause) from cause

    async def read_resource(
        self, uri: Any, context: Context[None, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Read a resource. Raises MCPError, whose message is for the model, and ResourceNotFoundError."""
        try:
            return await super().read_resource(uri, context)
        except UnexpectedResourceError as error:
            cause = error.__cause__ or error
            raise protocol_error(cause, about=str(uri), data={"uri": str(uri)}) from cause

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[None, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """Render a prompt. Raises MCPError for one that there isn't, and for arguments that it can't take."""
        try:
            return await super().get_prompt(name, arguments, context)
        except ValueError as error:
            cause: BaseException = error
            while not isinstance(cause, ValidationError) and cause.__cause__ is not None:
                cause = cause.__cause__
            told = explained(cause) if isinstance(cause, ValidationError) else str(error)
            raise MCPError(code=INVALID_PARAMS, message=told) from error

    def _schema_of(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The input schema of a tool that has all these arguments. Raises InvalidRequest, MCPError."""
        if name not in self._schemas:
            message = f"unknown tool {name[:100]!r}; the tools are {', '.join(self._schemas)}"
            raise MCPError(code=INVALID_PARAMS, message=message)
        schema = self._schemas[name]
        known = schema["properties"]
        unknown = arguments.keys() - known.keys()
        if unknown:
            raise unknown_arguments(unknown, known)
        return schema

    def _reported(self, name: str, error: BaseException) -> ToolError:
        told = explained(error)
        if is_expected(error):
            logger.info(told, extra=fields(action="tool_failed", tool=name[:100]))
        else:
            logger.error(told, exc_info=error, extra=fields(action="tool_crashed", tool=name[:100]))
        return ToolError(told)


def build_server(context: ServerContext, *, eager: bool, kind: type[PgdexServer] = PgdexServer) -> PgdexServer:
    """The server with all that it offers. It begins to open the database when it starts (`eager`), or when its first
    client has been answered. Tests have a `kind` that offers more."""

    over = threading.Event()
    warm_up = threading.Thread(target=_warm_up, args=[context, over], name="pgdex-warm-up", daemon=True)

    async def after_the_handshake(ctx: ServerRequestContext[None, Any], call_next: CallNext) -> HandlerResult:
        try:
            return await call_next(ctx)
        finally:
            if warm_up.ident is None:
                warm_up.start()

    @asynccontextmanager
    async def life(_: MCPServer[None]) -> AsyncIterator[None]:
        if eager:
            warm_up.start()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(feed.run)
            try:
                yield
            finally:
                over.set()
                context.close()
                context.connections.close()
                tasks.cancel_scope.cancel()

    feed = JobFeed(context)
    jobs = JobTasks(context)
    bus = InMemorySubscriptionBus()
    server = kind(
        "pgdex",
        tools=_tools(context),
        title="pgdex code search",
        description="Indexes code repositories in the background and searches them.",
        instructions=INSTRUCTIONS,
        version=RELEASE,
        lifespan=life,
        subscriptions=bus,
        extensions=[Tasks(jobs)],
        middleware=[] if eager else [after_the_handshake],
        log_level="WARNING",
    )
    for resources in (RepositoryResources(context), FileResources(context), JobResources(context)):
        resources.add_to(server)
    add_prompts(server)
    Completions(context).add_to(server)
    Subscriptions(context, feed, jobs, bus).add_to(server)
    return server


def _tools(context: ServerContext) -> list[Tool]:
    searching = Searching(context)
    return [
        tool_of("Start indexing", Starting(context).start_indexing_background, STARTS),
        tool_of("Indexing status", Status(context).get_indexing_status, READS),
        tool_of("List indexing jobs", Listing(context).list_background_jobs, READS),
        tool_of("Cancel indexing", Cancelling(context).cancel_indexing_background, CANCELS),
        tool_of("Retry indexing", Retrying(context).retry_indexing, STARTS),
        tool_of("List repositories", Repositories(context).list_repositories, READS),
        tool_of("Remove a repository", Removing(context).remove_repository, CANCELS),
        tool_of("Search code", searching.search_code, READS),
        tool_of("Find related code", searching.find_related_code, READS),
        tool_of("Wait for indexing", Watching(context).watch_indexing, READS),
    ]


def serve_stdio(settings: Settings) -> None:
    """Serve one client over stdin and stdout until it closes them, or until SIGTERM or SIGINT."""
    context = ServerContext(settings, folder=Path.cwd())
    # Not eager: the imports and the database's first start would share the processor with the handshake.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    anyio.run(run_on_stdio, build_server(context, eager=False))


def _leave(number: int, _frame: FrameType | None) -> None:
    """End now: a thread that waits for the client's next line can't be ended in another way. What runs at exit (the
    embedded server may have to stop) runs before."""
    done = threading.Thread(target=atexit._run_exitfuncs, daemon=True)
    done.start()
    done.join(LEAVE_SECONDS)
    os._exit(128 + number)


def _warm_up(context: ServerContext, over: threading.Event) -> None:
    """Warm up, and try again until the database is there: after a crash it may refuse the first connection, and the
    jobs that the crash interrupted wait for the workers that this starts."""
    from psycopg import OperationalError

    from pgdex.jobs.database.outages import Backoff
    from pgdex.jobs.errors import DatabaseUnavailable

    pauses = Backoff(first=WARM_UP_PAUSE_SECONDS, longest=LONGEST_WARM_UP_PAUSE_SECONDS)
    while not over.is_set():
        try:
            context.warm_up()
        except (DatabaseUnavailable, OperationalError) as error:
            logger.warning("the database is not ready: %s", error, extra=fields(action="database_away"))
            over.wait(pauses.next())
        except Exception as error:
            logger.warning("the server is not ready: %s", error, extra=fields(action="warm_up_failed"))
            return
        else:
            return
