"""What is said between the harness and a model, in no provider's format."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool as a model sees it; `parameters` is a JSON Schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a model asks for. `wrong` says why the arguments can't be read, where they are no JSON object."""

    id: str
    name: str
    arguments: Mapping[str, Any]
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered."""

    call_id: str
    text: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request. `estimated` where the provider did not say, and characters / 4 were taken instead."""

    input: int
    output: int
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """A model's answer to the conversation so far. `raw` is the provider's own form, which it gets back unchanged:
    signed reasoning must not be rebuilt. `cut` where the model's limit of output ended it."""

    text: str
    calls: tuple[ToolCall, ...]
    usage: Usage
    raw: object = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """A turn of the model with the results of all of its calls."""

    turn: Turn
    results: tuple[ToolResult, ...]


@dataclass(slots=True)
class Conversation:
    """All that a model is sent: `system` and `tools` with every request, then the question and what followed."""

    system: str
    tools: Sequence[ToolDefinition]
    question: str
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def resident_tokens(self) -> int:
        """What the tools leave in the context, by estimate: instructions, definitions and every result."""
        results = sum(tokens(result.text) for exchange in self.exchanges for result in exchange.results)
        return self.fixed_tokens + results

    @property
    def fixed_tokens(self) -> int:
        """The instructions and the definitions, by estimate: what is there before the first call."""
        definitions = [
            {"name": tool.name, "description": tool.description, "parameters": tool.parameters} for tool in self.tools
        ]
        return tokens(self.system) + sum(tokens(compact(one)) for one in definitions)

    @property
    def input_tokens(self) -> int:
        """What the next request sends, by estimate."""
        turns = sum(turn_tokens(exchange.turn) for exchange in self.exchanges)
        return self.resident_tokens + tokens(self.question) + turns


class Model(Protocol):
    """Who answers. `name` is what the report calls it."""

    @property
    def name(self) -> str: ...

    async def turn(self, conversation: Conversation, *, max_output_tokens: int) -> Turn:
        """The next turn. Raises ModelUnavailable where a later try may succeed, ModelRefused where none will."""


class ModelUnavailable(Exception):
    """The provider did not answer, after several tries."""


class ModelRefused(Exception):
    """The provider does not accept the request: a wrong key, an unknown model, a body that it does not know."""


def tokens(text: str) -> int:
    """Characters / 4, the estimate by which such figures are compared; rounded up."""
    return -(-len(text) // 4)


def turn_tokens(turn: Turn) -> int:
    """A model's turn by estimate: its text and the arguments of its calls."""
    return tokens(turn.text) + sum(tokens(call.name + compact(call.arguments)) for call in turn.calls)


def compact(value: object) -> str:
    """JSON as it goes over the wire."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
