"""What one task may cost at most."""

from dataclasses import dataclass
from typing import Final

from benchmarks.agents.conversation import Usage

MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a million tokens. Given by whoever runs it: a table of them here would soon be wrong."""

    input: float
    output: float

    def of(self, usage: Usage) -> float:
        """What these tokens cost, without a provider's discount for cached ones."""
        return (usage.input * self.input + usage.output * self.output) / MILLION


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one task: tool calls, tokens (input and output of all requests), and dollars where prices are
    known. `output_tokens` bounds a single turn."""

    calls: int
    tokens: int
    output_tokens: int
    dollars: float | None = None
    prices: Prices | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a limit that is none."""
        if min(self.calls, self.tokens, self.output_tokens) < 1:
            raise ValueError("the limits of calls and tokens must be at least 1")
        if self.dollars is not None and self.prices is None:
            raise ValueError("a limit in dollars needs the model's prices: give --prices INPUT OUTPUT")


@dataclass(slots=True)
class Budget:
    """What is left of a task's limits."""

    limits: Limits
    calls: int = 0
    input: int = 0
    output: int = 0
    estimated: bool = False

    def spend(self, usage: Usage) -> None:
        """Count the tokens of a request."""
        self.input += usage.input
        self.output += usage.output
        self.estimated |= usage.estimated

    def call(self) -> bool:
        """Take one tool call; False where none is left."""
        if self.calls >= self.limits.calls:
            return False
        self.calls += 1
        return True

    @property
    def dollars(self) -> float | None:
        """What was spent so far, None without prices."""
        return self.limits.prices.of(Usage(self.input, self.output)) if self.limits.prices else None

    def refusal(self, *, next_input: int) -> str | None:
        """Why a request of `next_input` tokens must not be sent, assuming the longest answer; None where it may be."""
        most = Usage(self.input + next_input, self.output + self.limits.output_tokens)
        if most.input + most.output > self.limits.tokens:
            return f"the next request could pass the limit of {self.limits.tokens:,} tokens"
        if self.limits.prices and self.limits.dollars is not None and self.limits.prices.of(most) > self.limits.dollars:
            return f"the next request could pass the limit of ${self.limits.dollars:g}"
        return None
