"""The requests that benchmarks.agents sends to providers and what it reads from their answers, over real HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio
import pytest

from benchmarks.agents.anthropic import AnthropicModel
from benchmarks.agents.conversation import (
    Conversation,
    Exchange,
    Model,
    ModelRefused,
    ModelUnavailable,
    ToolDefinition,
    ToolResult,
    Turn,
    Usage,
)
from benchmarks.agents.http import TRIES
from benchmarks.agents.openai import OpenAIModel
from benchmarks.agents.openai_responses import OpenAIResponsesModel

KEY = "key-of-a-test"
SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}}
THOUGHT = {"type": "thinking", "thinking": "…", "signature": "signed"}
TOOL_USE = {"type": "tool_use", "id": "t1", "name": "shell", "input": {"command": "ls"}}
TOOL_CALL = {"id": "c1", "type": "function", "function": {"name": "shell", "arguments": '{"command": "ls"}'}}

RESPONSE_CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "c1",
    "name": "shell",
    "arguments": '{"command": "ls"}',
}


@dataclass(slots=True)
class Provider:
    """A server on this machine: answers with `answers` in turn, the last one again and again, and keeps what came."""

    url: str = ""
    answers: list[tuple[int, object]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)


@contextmanager
def listening(provider: Provider) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            provider.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            number = min(len(provider.requests), len(provider.answers)) - 1
            status, answer = provider.answers[number]
            content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in provider.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    one = Provider()
    with listening(one):
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", one.url)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{one.url}/v1/")
        yield one


def asked(*exchanges: Exchange) -> Conversation:
    return Conversation("system", [ToolDefinition("shell", "runs", SCHEMA)], "where is it?", list(exchanges))


Real = AnthropicModel | OpenAIModel | OpenAIResponsesModel
KINDS = (AnthropicModel, OpenAIModel, OpenAIResponsesModel)


def turn_of(model: Real, conversation: Conversation) -> Turn:
    """The model's turn, without a pause before it tries again."""
    quick: Model = replace(model, endpoint=replace(model.endpoint, first_wait_seconds=0.0))

    async def run() -> Turn:
        return await quick.turn(conversation, max_output_tokens=100)

    return anyio.run(run)


def test_anthropic_is_asked_in_its_format_and_gets_its_reasoning_back_unchanged(provider: Provider) -> None:
    usage = {"input_tokens": 5, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 11, "output_tokens": 3}
    content = [THOUGHT, {"type": "text", "text": "I look."}, TOOL_USE]
    provider.answers = [(200, {"content": content, "stop_reason": "tool_use", "usage": usage})]
    model = AnthropicModel.from_environment("claude")

    turn = turn_of(model, asked())
    turn_of(model, asked(Exchange(turn, (ToolResult("t1", "no such file", is_error=True),))))

    assert (turn.text, turn.usage, turn.cut) == ("I look.", Usage(23, 3), False)
    assert [(call.id, call.name, call.arguments) for call in turn.calls] == [("t1", "shell", {"command": "ls"})]
    (path, headers, first), (_, _, second) = provider.requests
    assert (path, headers["x-api-key"], headers["anthropic-version"]) == ("/v1/messages", KEY, "2023-06-01")
    assert first == {
        "model": "claude",
        "max_tokens": 100,
        "system": "system",
        "tools": [{"name": "shell", "description": "runs", "input_schema": SCHEMA}],
        "messages": [{"role": "user", "content": "where is it?"}],
    }
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "no such file", "is_error": True}
    assert second["messages"][1:] == [
        {"role": "assistant", "content": content},
        {"role": "user", "content": [result]},
    ]


def test_openai_is_asked_in_its_format(provider: Provider) -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]}
    usage = {"prompt_tokens": 9, "completion_tokens": 4}
    provider.answers = [(200, {"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": usage})]
    model = OpenAIModel.from_environment("gpt")

    turn = turn_of(model, asked())
    turn_of(model, asked(Exchange(turn, (ToolResult("c1", "a.py"),))))

    assert (turn.text, turn.usage) == ("", Usage(9, 4))
    assert [(call.id, call.name, call.arguments) for call in turn.calls] == [("c1", "shell", {"command": "ls"})]
    (path, headers, first), (_, _, second) = provider.requests
    assert (path, headers["authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")
    assert first == {
        "model": "gpt",
        "max_completion_tokens": 100,
        "messages": [{"role": "system", "content": "system"}, {"role": "user", "content": "where is it?"}],
        "tools": [{"type": "function", "function": {"name": "shell", "description": "runs", "parameters": SCHEMA}}],
    }
    assert second["messages"][2:] == [message, {"role": "tool", "tool_call_id": "c1", "content": "a.py"}]


def test_openai_s_responses_are_asked_for_in_their_format_and_get_every_item_back_unchanged(
    provider: Provider,
) -> None:
    items = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"},
        {"type": "message", "id": "m_1", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        RESPONSE_CALL,
    ]
    usage = {"input_tokens": 9, "output_tokens": 4, "output_tokens_details": {"reasoning_tokens": 3}}
    provider.answers = [(200, {"status": "completed", "output": items, "usage": usage})]
    model = OpenAIResponsesModel.from_environment("gpt")

    turn = turn_of(model, asked())
    turn_of(model, asked(Exchange(turn, (ToolResult("c1", "no such file", is_error=True),))))

    assert (turn.text, turn.usage, turn.cut) == ("I look.", Usage(9, 4), False)
    assert [(call.id, call.name, call.arguments) for call in turn.calls] == [("c1", "shell", {"command": "ls"})]
    (path, headers, first), (_, _, second) = provider.requests
    assert (path, headers["authorization"]) == ("/v1/responses", f"Bearer {KEY}")
    tool = {"type": "function", "name": "shell", "description": "runs", "parameters": SCHEMA, "strict": False}
    assert first == {
        "model": "gpt",
        "max_output_tokens": 100,
        "store": False,
        "instructions": "system",
        "input": [{"role": "user", "content": "where is it?"}],
        "tools": [tool],
    }
    result = {"type": "function_call_output", "call_id": "c1", "output": "Error: no such file"}
    assert second["input"][1:] == [*items, result]


@pytest.mark.parametrize(("reason", "is_cut"), [("max_output_tokens", True), ("content_filter", False)])
def test_a_response_that_the_limit_of_output_ends_is_cut(reason: str, is_cut: bool, provider: Provider) -> None:
    refusal = {"type": "message", "content": [{"type": "refusal", "refusal": "I can't"}]}
    answer = {"status": "incomplete", "incomplete_details": {"reason": reason}, "output": [refusal]}
    provider.answers = [(200, answer)]

    turn = turn_of(OpenAIResponsesModel.from_environment("gpt"), asked())

    assert (turn.cut, turn.text, turn.usage.estimated) == (is_cut, "I can't", True)


@pytest.mark.parametrize(
    ("code", "raised"),
    [("server_error", ModelUnavailable), ("rate_limit_exceeded", ModelUnavailable), ("invalid_prompt", ModelRefused)],
)
def test_a_response_that_failed_is_no_answer(code: str, raised: type[Exception], provider: Provider) -> None:
    error = {"code": code, "message": "not today"}
    provider.answers = [(200, {"status": "failed", "error": error, "output": []})]

    with pytest.raises(raised, match="not today"):
        turn_of(OpenAIResponsesModel.from_environment("gpt"), asked())


@pytest.mark.parametrize("arguments", ["{", "[1]", '"ls"'])
def test_arguments_that_are_no_object_are_told_to_the_model(arguments: str, provider: Provider) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "shell", "arguments": arguments}}
    message = {"role": "assistant", "tool_calls": [call]}
    provider.answers = [
        (200, {"choices": [{"message": message}]}),
        (200, {"output": [RESPONSE_CALL | {"arguments": arguments}]}),
    ]

    for model in (OpenAIModel.from_environment("gpt"), OpenAIResponsesModel.from_environment("gpt")):
        assert "no JSON" in turn_of(model, asked()).calls[0].wrong


def test_tokens_are_estimated_where_the_provider_does_not_count_them(provider: Provider) -> None:
    provider.answers = [(200, {"choices": [{"message": {"role": "assistant", "content": "ANSWER: a.py:1"}}]})]

    usage = turn_of(OpenAIModel.from_environment("local"), asked()).usage

    assert usage.estimated
    assert usage.input == asked().input_tokens > 0
    assert usage.output > 0


@pytest.mark.parametrize("status", [429, 500, 529])
def test_a_busy_provider_is_asked_again(status: int, provider: Provider) -> None:
    done = {"content": [{"type": "text", "text": "done"}], "usage": {"input_tokens": 1, "output_tokens": 1}}
    provider.answers = [(status, "busy"), (status, "busy"), (200, done)]

    assert turn_of(AnthropicModel.from_environment("claude"), asked()).text == "done"
    assert len(provider.requests) == 3


def test_a_provider_that_stays_busy_is_given_up_with_its_answer(provider: Provider) -> None:
    provider.answers = [(503, "overloaded today")]

    with pytest.raises(ModelUnavailable, match="503: overloaded today"):
        turn_of(AnthropicModel.from_environment("claude"), asked())

    assert len(provider.requests) == TRIES


@pytest.mark.parametrize("answer", [(401, {"error": "bad key"}), (200, "<html>"), (200, "[]"), (200, {}), (404, "")])
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_no_second_try_would_change_is_not_tried_again(
    answer: tuple[int, object], kind: type[Real], provider: Provider
) -> None:
    provider.answers = [answer]

    with pytest.raises(ModelRefused, match=r"http://127\.0\.0\.1") as raised:
        turn_of(kind.from_environment("m"), asked())

    assert len(provider.requests) == 1
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "variable"),
    [
        (AnthropicModel, "ANTHROPIC_API_KEY"),
        (OpenAIModel, "OPENAI_API_KEY"),
        (OpenAIResponsesModel, "OPENAI_API_KEY"),
    ],
)
def test_a_missing_key_is_named_before_anything_is_sent(
    kind: type[Real], variable: str, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, " ")

    with pytest.raises(ModelRefused, match=variable):
        kind.from_environment("m")

    assert provider.requests == []


def test_a_key_is_not_shown_with_its_model(provider: Provider) -> None:
    assert provider.url in repr(AnthropicModel.from_environment("claude"))
    assert KEY not in repr(AnthropicModel.from_environment("claude"))
    assert KEY not in repr(OpenAIModel.from_environment("gpt"))
    assert KEY not in repr(OpenAIResponsesModel.from_environment("gpt"))
