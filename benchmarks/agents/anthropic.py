"""Anthropic's Messages API (version 2023-06-01, POST /v1/messages): https://docs.anthropic.com/en/api/messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

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

_INPUT: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


@dataclass(frozen=True, slots=True)
class AnthropicModel:
    """A model of Anthropic, or of a service that speaks its API (ANTHROPIC_BASE_URL)."""

    name: str
    endpoint: Endpoint

    @classmethod
    def from_environment(cls, name: str) -> Self:
        """With the key of ANTHROPIC_API_KEY. Raises ModelRefused without one."""
        url = f"{base_url('ANTHROPIC_BASE_URL', 'https://api.anthropic.com')}/v1/messages"
        return cls(
            name,
            Endpoint(url, {"x-api-key": key_from("ANTHROPIC_API_KEY"), "anthropic-version": "2023-06-01"}),
        )

    async def turn(self, conversation: Conversation, *, max_output_tokens: int) -> Turn:
        """The next turn; input tokens are counted with those read from and written into the provider's cache."""
        answer = await self.endpoint.post(self._body(conversation, max_output_tokens))
        try:
            blocks = answer["content"]
            text = "\n".join(block["text"] for block in blocks if block["type"] == "text")
            calls = tuple(_call(block) for block in blocks if block["type"] == "tool_use")
        except (KeyError, TypeError):
            raise ModelRefused(f"{self.endpoint.url} answered in another form: {compact(answer)[:200]}") from None
        return Turn(text, calls, _usage(answer, conversation), blocks, answer.get("stop_reason") == "max_tokens")

    def _body(self, conversation: Conversation, max_output_tokens: int) -> dict[str, Any]:
        return {
            "model": self.name,
            "max_tokens": max_output_tokens,
            "system": conversation.system,
            "tools": [
                {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
                for tool in conversation.tools
            ],
            "messages": [
                {"role": "user", "content": conversation.question},
                *(message for exchange in conversation.exchanges for message in _messages(exchange)),
            ],
        }


def _messages(exchange: Exchange) -> list[dict[str, Any]]:
    results = [
        {"type": "tool_result", "tool_use_id": one.call_id, "content": one.text, "is_error": one.is_error}
        for one in exchange.results
    ]
    return [{"role": "assistant", "content": exchange.turn.raw}, {"role": "user", "content": results}]


def _call(block: Mapping[str, Any]) -> ToolCall:
    given = block.get("input")
    if isinstance(given, dict):
        return ToolCall(block["id"], block["name"], given)
    return ToolCall(block["id"], block["name"], {}, wrong="the arguments are no JSON object")


def _usage(answer: Mapping[str, Any], conversation: Conversation) -> Usage:
    said = answer.get("usage") or {}
    if "input_tokens" not in said or "output_tokens" not in said:
        return Usage(conversation.input_tokens, tokens(compact(answer["content"])), estimated=True)
    return Usage(sum(said.get(name) or 0 for name in _INPUT), said["output_tokens"])
