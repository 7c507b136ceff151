"""OpenAI's Chat Completions API (POST /chat/completions), which many other services and local servers speak too:
https://platform.openai.com/docs/api-reference/chat."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from benchmarks.agents.conversation import (
    Conversation,
    Exchange,
    ModelRefused,
    ToolCall,
    Turn,
    Usage,
    compact,
    tokens,
)
from benchmarks.agents.http import Endpoint, base_url, key_from


@dataclass(frozen=True, slots=True)
class OpenAIModel:
    """A model of OpenAI, or of a service that speaks its API (OPENAI_BASE_URL, with its /v1)."""

    name: str
    endpoint: Endpoint

    @classmethod
    def from_environment(cls, name: str) -> Self:
        """With the key of OPENAI_API_KEY. Raises ModelRefused without one."""
        url = f"{base_url('OPENAI_BASE_URL', 'https://api.openai.com/v1')}/chat/completions"
        return cls(name, Endpoint(url, {"authorization": f"Bearer {key_from('OPENAI_API_KEY')}"}))

    async def turn(self, conversation: Conversation, *, max_output_tokens: int) -> Turn:
        """The next turn."""
        answer = await self.endpoint.post(self._body(conversation, max_output_tokens))
        try:
            choice = answer["choices"][0]
            message = choice["message"]
            calls = tuple(_call(one) for one in message.get("tool_calls") or [])
        except (KeyError, IndexError, TypeError, AttributeError):
            raise ModelRefused(f"{self.endpoint.url} answered in another form: {compact(answer)[:200]}") from None
        cut = choice.get("finish_reason") == "length"
        return Turn(message.get("content") or "", calls, _usage(answer, message, conversation), message, cut)

    def _body(self, conversation: Conversation, max_output_tokens: int) -> dict[str, Any]:
        return {
            "model": self.name,
            "max_completion_tokens": max_output_tokens,
            "messages": [
                {"role": "system", "content": conversation.system},
                {"role": "user", "content": conversation.question},
                *(message for exchange in conversation.exchanges for message in _messages(exchange)),
            ],
            "tools": [
                {
                    "type": "function",
                    "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
                }
                for tool in conversation.tools
            ],
        }


def _messages(exchange: Exchange) -> list[object]:
    results = [
        # The API has no mark of failure: the text says it.
        {"role": "tool", "tool_call_id": one.call_id, "content": f"Error: {one.text}" if one.is_error else one.text}
        for one in exchange.results
    ]
    return [exchange.turn.raw, *results]


def _call(call: Mapping[str, Any]) -> ToolCall:
    function = call["function"]
    try:
        given = json.loads(function.get("arguments") or "{}")
    except ValueError as error:
        return ToolCall(call["id"], function["name"], {}, wrong=f"the arguments are no JSON: {error}")
    if not isinstance(given, dict):
        return ToolCall(call["id"], function["name"], {}, wrong="the arguments are no JSON object")
    return ToolCall(call["id"], function["name"], given)


def _usage(answer: Mapping[str, Any], message: Mapping[str, Any], conversation: Conversation) -> Usage:
    said = answer.get("usage") or {}
    if "prompt_tokens" not in said or "completion_tokens" not in said:
        return Usage(conversation.input_tokens, tokens(compact(message)), estimated=True)
    return Usage(said["prompt_tokens"], said["completion_tokens"])
