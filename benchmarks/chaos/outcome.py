"""What became of the units of a scenario, and how the table says it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.chaos.systems import Unit


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of one scenario on one system."""

    recovered: bool
    lost: int
    stuck: int
    first_seconds: float | None
    last_seconds: float | None
    repeated: int
    before: float
    after: float


def judge(units: Sequence[Unit], *, affected: set[int], stuck: int, began_at: float, disturbed_at: float) -> Outcome:
    """Judge the units as they are at the end; `affected` were in progress when it was disturbed."""
    done = sorted(unit.done_at for unit in units if unit.done_at is not None)
    lost = len(units) - len(done)
    again = [u.done_at - disturbed_at for u in units if u.number in affected and u.done_at is not None]
    return Outcome(
        recovered=lost == 0 and stuck == 0,
        lost=lost,
        stuck=stuck,
        first_seconds=min(again, default=None),
        last_seconds=max(again) if len(again) == len(affected) else None,
        repeated=sum(max(0, unit.starts - 1) for unit in units),
        before=rate([moment for moment in done if moment <= disturbed_at], since=began_at),
        after=rate([moment for moment in done if moment > disturbed_at], since=disturbed_at),
    )


def rate(moments: Sequence[float], *, since: float) -> float:
    """Units per second until the last of the moments; 0 where there is none."""
    return len(moments) / (moments[-1] - since) if moments else 0.0


def outcome_row(outcomes: Sequence[Outcome]) -> list[str]:
    """The medians of several runs."""
    recovered = sum(outcome.recovered for outcome in outcomes)
    verdict = {0: "NO", len(outcomes): "yes"}.get(recovered, "sometimes")
    return [
        verdict if len(outcomes) == 1 else f"{verdict} ({recovered} of {len(outcomes)})",
        f"{median(outcome.lost for outcome in outcomes):g}",
        f"{median(outcome.stuck for outcome in outcomes):g}",
        _seconds(outcomes, lambda outcome: outcome.first_seconds),
        _seconds(outcomes, lambda outcome: outcome.last_seconds),
        f"{median(outcome.repeated for outcome in outcomes):g}",
        f"{median(outcome.before for outcome in outcomes):.2f}",
        f"{median(outcome.after for outcome in outcomes):.2f}",
    ]


def _seconds(outcomes: Sequence[Outcome], which: Callable[[Outcome], float | None]) -> str:
    """The median; never where it never happened in half of the runs."""
    value = median(float("inf") if (seconds := which(outcome)) is None else seconds for outcome in outcomes)
    return "never" if value == float("inf") else f"{value:.1f}"
