"""How long it takes until work goes on after a loss, and until it stops after a cancel.

Run: python -m benchmarks.recovery_latency [--trials 50] [--only a,b,e] [--write]

Each line has a server, an embedding service and one or two worker processes of its own. Every trial verifies that
what it measures happened, and ends the run where it did not. Times are seen from outside, by looking every 10 ms.
Lines whose trials take six seconds or more make fewer of them than asked for.
"""

import argparse
import signal
import sys
import time

from benchmarks.chaos.cancelling import CANCELS
from benchmarks.chaos.latency import latency_table
from benchmarks.chaos.losses import LOSSES
from benchmarks.measure import machine, write_section

MEASURES = tuple(sorted((*LOSSES, *CANCELS), key=lambda measure: measure.key[0]))


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trials", type=int, default=50, help="trials of each line")
    options.add_argument("--only", default="", help="lines to measure, comma-separated: a, b, e (all of e), e-scan")
    options.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    given = options.parse_args()
    wanted = [key for key in given.only.split(",") if key]
    if unknown := [key for key in wanted if not any(_chosen(m.key, [key]) for m in MEASURES)]:
        sys.exit(f"no such line: {', '.join(unknown)}. There are {', '.join(m.key for m in MEASURES)}")

    # As for Ctrl-C: servers and workers are ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(machine(), flush=True)
    rows: list[list[str]] = []
    notes: list[str] = []
    for measure in MEASURES:
        if wanted and not _chosen(measure.key, wanted):
            continue
        started = time.monotonic()
        trials = measure.measure(given.trials)
        rows.append(measure.row(trials))
        notes += trials.notes
        print(" | ".join(rows[-1]), f"({time.monotonic() - started:.0f} s)", flush=True)
    report = "\n\n".join(filter(None, (latency_table(rows), "\n".join(f"- {note}" for note in notes))))
    print(f"\n{report}")
    if given.write:
        write_section("recovery_latency", report)


def _chosen(key: str, wanted: list[str]) -> bool:
    """Whether the line is among the wanted ones, by its whole name or its letter."""
    return key in wanted or key.partition("-")[0] in wanted


if __name__ == "__main__":
    main()
