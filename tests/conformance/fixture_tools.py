"""The tools that the suite calls, by the names that it gives them."""

import json
from typing import Annotated, Any

import anyio
from mcp.server.mcpserver import Context, require_client_extension
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    ContentBlock,
    ElicitResult,
    EmbeddedResource,
    ImageContent,
    InputRequests,
    InputRequiredResult,
    ListRootsResult,
    SamplingMessage,
    TextContent,
)
from pydantic import Field

from pgdex.jobs.mcp.tasks import TASKS
from tests.conformance.content import (
    CHOICES,
    DEFAULTS,
    asked,
    audio,
    embedded,
    form,
    image,
    mixed,
    roots,
    sampled,
    text,
)

PAUSE_SECONDS = 0.05


def test_simple_text() -> str:
    return "This is a simple text response for testing."


def test_image_content() -> list[ImageContent]:
    return [image()]


def test_audio_content() -> list[AudioContent]:
    return [audio()]


def test_embedded_resource() -> list[EmbeddedResource]:
    return [embedded("test://embedded-resource", "This is an embedded resource content.")]


def test_multiple_content_types() -> list[ContentBlock]:
    return mixed()


def test_error_handling() -> str:
    raise ToolError("This tool intentionally returns an error for testing")


async def test_tool_with_logging(context: Context) -> str:
    for said in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await _log(context, said)
        await anyio.sleep(PAUSE_SECONDS)
    return "Tool with logging executed successfully"


async def test_logging_tool(context: Context) -> str:
    await _log(context, "This may only be sent to a client that asked for it")
    return "logged"


async def test_tool_with_progress(context: Context) -> str:
    for done in (0, 50, 100):
        await context.report_progress(done, 100, f"Completed step {done} of 100")
        await anyio.sleep(PAUSE_SECONDS)
    meta = context.request_context.meta or {}
    return str(meta.get("progress_token", 0))


async def test_reconnection(context: Context) -> str:
    await context.close_sse_stream()
    await anyio.sleep(0.2)  # the client comes back meanwhile, and gets the answer then
    return "Reconnection test completed"


async def test_sampling(prompt: str, context: Context) -> str:
    messages = [SamplingMessage(role="user", content=text(prompt))]
    with _deprecations_allowed():
        result = await context.session.create_message(messages, max_tokens=100, related_request_id=context.request_id)
    return f"LLM response: {result.content.text if isinstance(result.content, TextContent) else 'no text'}"


async def test_elicitation(message: str, context: Context) -> str:
    return await _elicited(context, message, form({"response": {"type": "string"}}, "response"))


async def test_elicitation_sep1034_defaults(context: Context) -> str:
    return await _elicited(context, "Please review the form fields with defaults", form(DEFAULTS))


async def test_elicitation_sep1330_enums(context: Context) -> str:
    return await _elicited(context, "Please select options from the enum fields", form(CHOICES))


def json_schema_2020_12_tool(name: str | None = None) -> str:
    return f"called with {name}"


def test_region(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> str:
    return f"region {region}"


def test_missing_capability(context: Context) -> str:
    declared = context.client_capabilities
    if declared is None or declared.sampling is None:
        raise MCPError(
            code=MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="this tool needs a client that can sample",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return "sampling was declared"


# Of the protocol 2026-07-28, where a server asks by answering (SEP-2322)


def test_input_required_result_elicitation(context: Context) -> str | InputRequiredResult:
    name = _field(context, "user_name", "name")
    return f"Hello, {name}!" if name is not None else _ask(user_name=asked("What is your name?", "name"))


def test_streaming_elicitation(context: Context) -> str | InputRequiredResult:
    return test_input_required_result_elicitation(context)


def test_input_required_result_sampling(context: Context) -> str | InputRequiredResult:
    answer = (context.input_responses or {}).get("capital_question")
    if answer is None:
        return _ask(capital_question=sampled("What is the capital of France?", 100))
    return f"The model said: {json.dumps(answer.model_dump(mode='json'))}"


def test_input_required_result_list_roots(context: Context) -> str | InputRequiredResult:
    answer = (context.input_responses or {}).get("client_roots")
    if not isinstance(answer, ListRootsResult):
        return _ask(client_roots=roots())
    return f"The roots are {', '.join(str(root.uri) for root in answer.roots)}"


def test_input_required_result_request_state(context: Context) -> str | InputRequiredResult:
    if _field(context, "confirm", "ok") is None or context.request_state != "confirming":
        return _ask("confirming", confirm=asked("Please confirm", "ok", "boolean"))
    return "state-ok"


def test_input_required_result_tampered_state(context: Context) -> str | InputRequiredResult:
    return test_input_required_result_request_state(context)


def test_input_required_result_multiple_inputs(context: Context) -> str | InputRequiredResult:
    wanted: InputRequests = {
        "user_name": asked("What is your name?", "name"),
        "greeting": sampled("Generate a greeting", 50),
        "client_roots": roots(),
    }
    if not wanted.keys() <= (context.input_responses or {}).keys():
        return _ask("asking", **wanted)
    return "all inputs were given"


def test_input_required_result_multi_round(context: Context) -> str | InputRequiredResult:
    if context.request_state == "round-2" and (color := _field(context, "step2", "color")) is not None:
        return f"The color is {color}"
    if context.request_state == "round-1" and _field(context, "step1", "name") is not None:
        return _ask("round-2", step2=asked("Step 2: What is your favorite color?", "color"))
    return _ask("round-1", step1=asked("Step 1: What is your name?", "name"))


def test_input_required_result_capabilities(context: Context) -> str | InputRequiredResult:
    declared = context.client_capabilities
    wanted: InputRequests = {}
    if declared is not None and declared.sampling is not None:
        wanted["question"] = sampled("What is the capital of France?", 50)
    if declared is not None and declared.elicitation is not None:
        wanted["user_name"] = asked("What is your name?", "name")
    return _ask(**wanted) if wanted and not context.input_responses else "done"


# Of the tasks extension; fixture_tasks.py makes them tasks


def greet(name: str) -> str:
    return f"Hello, {name}!"


async def slow_compute(seconds: float = 0, label: str = "") -> str:
    await anyio.sleep(seconds)
    return f"computed {label}"


def failing_job(context: Context) -> str:
    require_client_extension(context.request_context, TASKS)
    raise ToolError("this job fails")


def protocol_error_job(context: Context) -> str:
    require_client_extension(context.request_context, TASKS)
    raise MCPError(code=-32603, message="this job breaks")


def confirm_delete(context: Context, filename: str = "") -> str:
    require_client_extension(context.request_context, TASKS)
    return f"deleted {filename}"


def multi_input(context: Context) -> str:
    require_client_extension(context.request_context, TASKS)
    return "both were given"


def test_tool_with_task(context: Context) -> str | InputRequiredResult:
    require_client_extension(context.request_context, TASKS)
    return test_input_required_result_elicitation(context)


FIXTURES = [
    value
    for name, value in list(globals().items())
    if callable(value) and not name.startswith("_") and getattr(value, "__module__", "") == __name__
]


def _ask(state: str | None = None, /, **requests: Any) -> InputRequiredResult:
    return InputRequiredResult(input_requests=requests, request_state=state)


def _field(context: Context, key: str, name: str) -> Any:
    """What the user wrote into a field; None where the question was not answered."""
    answer = (context.input_responses or {}).get(key)
    if not isinstance(answer, ElicitResult) or answer.action != "accept":
        return None
    return (answer.content or {}).get(name)


async def _elicited(context: Context, message: str, schema: dict[str, Any]) -> str:
    """What the user answers, under the protocol in which a server may ask while a call is open."""
    answer = await context.session.elicit_form(message, schema, related_request_id=context.request_id)
    return f"User response: action={answer.action}, content={json.dumps(answer.content or {})}"


async def _log(context: Context, said: str) -> None:
    with _deprecations_allowed():
        await context.info(said)


def _deprecations_allowed() -> Any:
    """The suite still asks for what the newest protocol deprecates."""
    import warnings

    return warnings.catch_warnings(action="ignore")
