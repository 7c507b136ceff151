"""What a latency benchmark consists of, and the table of its results."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median

from benchmarks.measure import table


@dataclass(slots=True)
class Trials:
    """How many trials a measure makes, what it draws its moments from, and what it saw."""

    count: int
    random: Random
    seconds: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, seconds: float) -> None:
        """Record one verified trial."""
        self.seconds.append(seconds)


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the table: `share` of the trials that were asked for, because some take long."""

    key: str
    what: str
    run: Callable[[Trials], None]
    target: float | None = None
    share: float = 1.0

    def measure(self, count: int) -> Trials:
        """Make the trials; the same moments are drawn in every run. Raises where a trial shows nothing."""
        wanted = max(1, math.ceil(count * self.share))
        trials = Trials(wanted, Random(self.key))
        self.run(trials)
        if len(trials.seconds) != wanted:
            raise RuntimeError(f"{self.key}: {len(trials.seconds)} trials instead of {wanted}")
        return trials

    def row(self, trials: Trials) -> list[str]:
        """The line of the table."""
        high = percentile(trials.seconds, 0.95)
        return [
            f"{self.key}: {self.what}",
            str(len(trials.seconds)),
            f"{median(trials.seconds):.2f}",
            f"{high:.2f}",
            f"{max(trials.seconds):.2f}",
            "" if self.target is None else f"{self.target:.0f}",
            "" if self.target is None else ("yes" if high <= self.target else "NO"),
        ]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed."""
    return sorted(values)[math.ceil(len(values) * share) - 1]


def latency_table(rows: list[list[str]]) -> str:
    """All lines."""
    return table(["what", "trials", "p50 s", "p95 s", "max s", "target p95 s", "met"], rows)
