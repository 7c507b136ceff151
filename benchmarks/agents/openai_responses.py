"""OpenAI's Responses API (POST /responses), which the newest models are made for; others serve it as well:
https://developers.openai.com/api/reference/resources/responses.

Nothing is kept at the provider (`store` is false): each request carries the whole conversation, so every answer's items
go back as they came, encrypted reasoning included.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from benchmarks.agents.conversation import (
    Conversation,
    Exchange,
    ModelRefused,
    ModelUnavailable,
    ToolCall,
    Turn,
    Usage,
    compact,
    tokens,
)
from benchmarks.agents.http import Endpoint, base_url, key_from

# An answer with status 200 says this of a provider that is busy.
_PASSES: Final = frozenset({"server_error", "rate_limit_exceeded"})


@dataclass(frozen=True, slots=True)
class OpenAIResponsesModel:
    """A model of OpenAI, or of a service that speaks this API (OPENAI_BASE_URL, with its /v1)."""

    name: str
    endpoint: Endpoint

    @classmethod
    def from_environment(cls, name: str) -> Self:
        """With the key of OPENAI_API_KEY. Raises ModelRefused without one."""
        url = f"{base_url('OPENAI_BASE_URL', 'https://api.openai.com/v1')}/responses"
        return cls(name, Endpoint(url, {"authorization": f"Bearer {key_from('OPENAI_API_KEY')}"}))

    async def turn(self, conversation: Conversation, *, max_output_tokens: int) -> Turn:
        """The next turn; reasoning counts as output, as it is paid for."""
        answer = await self.endpoint.post(self._body(conversation, max_output_tokens))
        self._require_success(answer)
        try:
            items = answer["output"]
            parts = [part for item in items if item["type"] == "message" for part in item["content"]]
            # What a model refuses to say stands in `refusal`.
            text = "\n".join(part.get("text") or part.get("refusal") or "" for part in parts)
            calls = tuple(_call(item) for item in items if item["type"] == "function_call")
        except (KeyError, TypeError, AttributeError):
            raise ModelRefused(f"{self.endpoint.url} answered in another form: {compact(answer)[:200]}") from None
        details = answer.get("incomplete_details") or {}
        cut = answer.get("status") == "incomplete" and details.get("reason") == "max_output_tokens"
        return Turn(text, calls, _usage(answer, conversation), items, cut)

    def _require_success(self, answer: Mapping[str, Any]) -> None:
        if answer.get("status") != "failed" and not answer.get("error"):
            return
        error = answer.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        reason = f"{self.endpoint.url} answered that it failed: {compact(error)[:500]}"
        raise ModelUnavailable(reason) if code in _PASSES else ModelRefused(reason)

    def _body(self, conversation: Conversation, max_output_tokens: int) -> dict[str, Any]:
        return {
            "model": self.name,
            "max_output_tokens": max_output_tokens,
            "store": False,
            "instructions": conversation.system,
            "input": [
                {"role": "user", "content": conversation.question},
                *(item for exchange in conversation.exchanges for item in _items(exchange)),
            ],
            "tools": [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    # Otherwise the API rewrites the schema: every argument becomes a required one.
                    "strict": False,
                }
                for tool in conversation.tools
            ],
        }


def _items(exchange: Exchange) -> list[object]:
    results = [
        # The API has no mark of failure: the text says it.
        {
            "type": "function_call_output",
            "call_id": one.call_id,
            "output": f"Error: {one.text}" if one.is_error else one.text,
        }
        for one in exchange.results
    ]
    sent = exchange.turn.raw if isinstance(exchange.turn.raw, list) else []
    return [*sent, *results]


def _call(item: Mapping[str, Any]) -> ToolCall:
    try:
        given = json.loads(item.get("arguments") or "{}")
    except ValueError as error:
        return ToolCall(item["call_id"], item["name"], {}, wrong=f"the arguments are no JSON: {error}")
    if not isinstance(given, dict):
        return ToolCall(item["call_id"], item["name"], {}, wrong="the arguments are no JSON object")
    return ToolCall(item["call_id"], item["name"], given)


def _usage(answer: Mapping[str, Any], conversation: Conversation) -> Usage:
    said = answer.get("usage") or {}
    if "input_tokens" not in said or "output_tokens" not in said:
        return Usage(conversation.input_tokens, tokens(compact(answer["output"])), estimated=True)
    return Usage(said["input_tokens"], said["output_tokens"])
