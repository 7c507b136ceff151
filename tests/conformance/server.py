"""pgdex's HTTP server with what the suite calls.

python -m tests.conformance.server HOST:PORT
"""

import base64
import json
import sys
from collections.abc import Sequence
from typing import Any

from mcp.server.mcpserver import AssistantMessage, Context, Extension, MCPServer, UserMessage
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.tools import Tool
from mcp.server.streamable_http import EventCallback, EventId, EventMessage, EventStore, StreamId
from mcp_types import (
    CallToolResult,
    ElicitResult,
    EmptyResult,
    InputRequiredResult,
    JSONRPCMessage,
    SetLevelRequestParams,
    SubscribeRequestParams,
)
from starlette.applications import Starlette

from pgdex.jobs.logging import log_as_json
from pgdex.jobs.mcp.http import serve_http
from pgdex.jobs.mcp.server import PgdexServer
from pgdex.jobs.mcp.tasks import Tasks
from pgdex.jobs.settings import settings
from tests.conformance.content import PIXEL, SCHEMA_2020_12, asked, embedded, image
from tests.conformance.fixture_tasks import FixtureTasks
from tests.conformance.fixture_tools import FIXTURES, json_schema_2020_12_tool

WATCHED = "test://watched-resource"
RETRY_MS = 100
DESCRIPTION = "What the conformance suite calls."


class Events(EventStore):
    """What was sent, so that a client that comes back gets what it has missed."""

    def __init__(self) -> None:
        self._events: list[tuple[StreamId, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: StreamId, message: JSONRPCMessage | None) -> EventId:
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(self, last_event_id: EventId, send_callback: EventCallback) -> StreamId | None:
        if not last_event_id.isdigit() or not 0 < int(last_event_id) <= len(self._events):
            return None
        stream, _ = self._events[int(last_event_id) - 1]
        for number, (of, message) in enumerate(self._events[int(last_event_id) :], int(last_event_id) + 1):
            if of == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


class FixtureServer(PgdexServer):
    """The server with the suite's tools, resources and prompts, and what only they need: an event store, and levels for
    a log."""

    def __init__(self, name: str, *, tools: Sequence[Tool], extensions: Sequence[Extension], **options: Any) -> None:
        [tasks] = (one for one in extensions if isinstance(one, Tasks))
        super().__init__(name, tools=tools, extensions=[Tasks(FixtureTasks(tasks.source))], **options)
        self._of_the_suite = {fixture.__name__ for fixture in FIXTURES}
        for fixture in FIXTURES:
            if fixture is not json_schema_2020_12_tool:
                self.add_tool(fixture, description=DESCRIPTION)
        described = Tool.from_function(json_schema_2020_12_tool, description=DESCRIPTION)
        described.parameters = SCHEMA_2020_12
        self._tool_manager._tools[described.name] = described
        self._number = 0
        for change in (self.test_trigger_tool_change, self.test_trigger_prompt_change):
            self._of_the_suite.add(change.__name__)
            self.add_tool(change, description=DESCRIPTION)
        _add_resources(self)
        _add_prompts(self)

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        if name in self._of_the_suite:
            return await MCPServer.call_tool(self, name, arguments, context)
        return await super().call_tool(name, arguments, context)

    def streamable_http_app(self, **options: Any) -> Starlette:
        _add_handlers(self)
        return super().streamable_http_app(event_store=Events(), retry_interval=RETRY_MS, **options)

    async def test_trigger_tool_change(self, context: Context) -> str:
        self._number += 1

        def added() -> str:
            return "added while the server runs"

        self.add_tool(added, name=f"added_{self._number}", description=DESCRIPTION)
        await context.notify_tools_changed()
        return "a tool was added"

    async def test_trigger_prompt_change(self, context: Context) -> str:
        self._number += 1

        def added() -> str:
            return "added while the server runs"

        self.add_prompt(Prompt.from_function(added, name=f"added_{self._number}", description=DESCRIPTION))
        await context.notify_prompts_changed()
        return "a prompt was added"


def _add_resources(server: MCPServer[Any]) -> None:
    @server.resource("test://static-text", name="static-text", mime_type="text/plain")
    def static_text() -> str:
        """A text."""
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", name="static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        """A picture."""
        return base64.b64decode(PIXEL)

    @server.resource("test://template/{id}/data", name="template", mime_type="application/json")
    def template(id: str) -> str:  # noqa: A002 (the suite's name)
        """One of many."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @server.resource(WATCHED, name="watched-resource", mime_type="text/plain")
    def watched() -> str:
        """One that can be subscribed to."""
        return "Watched resource content"


def _add_prompts(server: MCPServer[Any]) -> None:
    def test_simple_prompt() -> str:
        return "This is a simple prompt for testing."

    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803 (the suite's name)
        return [
            UserMessage(embedded(resourceUri, "Embedded resource content for testing.")),
            UserMessage("Please process the embedded resource above."),
        ]

    def test_prompt_with_image() -> list[UserMessage]:
        return [UserMessage(image()), UserMessage("Please analyze the image above.")]

    def test_input_required_result_prompt(context: Context) -> list[AssistantMessage] | InputRequiredResult:
        answer = (context.input_responses or {}).get("user_context")
        if not isinstance(answer, ElicitResult):
            question = asked("What context should the prompt use?", "context")
            return InputRequiredResult(input_requests={"user_context": question})
        return [AssistantMessage(f"The context is {(answer.content or {}).get('context')}")]

    for function in (
        test_simple_prompt,
        test_prompt_with_arguments,
        test_prompt_with_embedded_resource,
        test_prompt_with_image,
        test_input_required_result_prompt,
    ):
        server.add_prompt(Prompt.from_function(function, description=DESCRIPTION))


def _add_handlers(server: MCPServer[Any]) -> None:
    """The log levels of the older protocol, and subscriptions to the suite's resource beside those to jobs."""
    lowlevel = server._lowlevel_server

    async def set_level(_: Any, params: SetLevelRequestParams) -> EmptyResult:
        del params
        return EmptyResult()

    lowlevel.add_request_handler("logging/setLevel", SetLevelRequestParams, set_level)
    of_jobs = lowlevel.get_request_handler("resources/subscribe")
    assert of_jobs is not None

    async def subscribe(ctx: Any, params: SubscribeRequestParams) -> Any:
        return EmptyResult() if params.uri == WATCHED else await of_jobs.handler(ctx, params)

    lowlevel.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribe)


if __name__ == "__main__":
    log_as_json()
    serve_http(settings(), sys.argv[1], kind=FixtureServer)
