"""What a number of runs came to, as a table to read."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tests.chaos.experiment import Outcome
from tests.chaos.figures import quantile
from tests.chaos.schedule import Kind

NAMES = {
    Kind.KILL: "kills of one worker",
    Kind.KILL_ALL: "kills of all workers at once",
    Kind.STOP: "stops (SIGSTOP … SIGCONT)",
    Kind.TERMINATE: "rounds of ended sessions",
    Kind.RESTART: "crashes of PostgreSQL, started again",
    Kind.FAULT: "faults of the embedding service",
    Kind.CANCEL: "cancels, enqueued again",
    Kind.ENQUEUE: "rounds of askers at once",
    Kind.UNMOUNT: "folders that went away for a while",
    Kind.CLOCK: "jumps of the clock",
    Kind.COLLECT: "spells of collecting what is unused",
    Kind.REMOVE: "views removed, enqueued again",
    Kind.MIRROR: "mirrors cut short, damaged or removed",
    Kind.STALE_PID: "crashes of PostgreSQL, stale pid files",
}


def summary_of(outcomes: Sequence[Outcome]) -> str:
    """The table over all runs."""
    kinds = _sum(outcome.disturbances for outcome in outcomes)
    repeated_by_kind = _sum(outcome.repeated_by_kind for outcome in outcomes)
    jobs = _sum(outcome.jobs for outcome in outcomes)
    texts = sum(outcome.texts for outcome in outcomes)
    repeated = sum(outcome.repeated for outcome in outcomes)
    failed_away = sum(outcome.failed_away for outcome in outcomes)
    outages = [seconds for outcome in outcomes for seconds in outcome.outage_seconds]
    rows: list[tuple[str, str]] = [
        ("runs", f"{len(outcomes)}, {sum(outcome.holds for outcome in outcomes)} of them without a complaint"),
        ("worker processes killed", str(sum(outcome.kills for outcome in outcomes))),
        *((f"  {NAMES[kind]}", str(kinds.get(kind, 0))) for kind in Kind),
        ("sessions ended", str(sum(outcome.sessions for outcome in outcomes))),
        (
            "workers that ended by themselves",
            f"{sum(outcome.ended_by_themselves for outcome in outcomes)},"
            f" {sum(outcome.ended_at_their_start for outcome in outcomes)} of them at their start without a database",
        ),
        ("jobs", ", ".join(f"{count} {status}" for status, count in sorted(jobs.items()))),
        ("jobs failed, their folder was away", str(failed_away)),
        (
            "jobs lost",
            str(jobs.get("failed", 0) - failed_away + sum(jobs.get(s, 0) for s in ("pending", "running", "blocked"))),
        ),
        ("texts embedded", f"{texts:,}"),
        ("embedded again", f"{repeated:,} ({repeated / max(1, texts):.2%}), bound {_bound(outcomes):,}"),
        *(
            (f"  per {kind}", f"{count / kinds[kind]:.1f}")
            for kind, count in sorted(repeated_by_kind.items())
            if kinds.get(kind)
        ),
    ]
    if outages:
        rows.append(("seconds without a database", _spread(outages)))
    for name in sorted({name for outcome in outcomes for name in outcome.recoveries}):
        seconds = [second for outcome in outcomes for second in outcome.recoveries.get(name, [])]
        rows.append((f"seconds, {name}", _spread(seconds)))
    return "\n".join(f"{name:<42} {value}" for name, value in rows)


def _spread(seconds: list[float]) -> str:
    return (
        f"p50 {quantile(seconds, 0.5):.2f}, p95 {quantile(seconds, 0.95):.2f}, max {max(seconds):.2f} "
        f"({len(seconds)} times)"
    )


def _bound(outcomes: Sequence[Outcome]) -> int:
    return sum(outcome.bound for outcome in outcomes)


def _sum(counts: Iterable[dict[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return total
