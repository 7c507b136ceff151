"""Five disasters, on pgdex and on procrastinate with nothing around it.

Run: python -m benchmarks.chaos_scenarios [--runs 3] [--only crash] [--systems pgdex] [--deadline 120] [--write]

Rebuilt after the chaos scenarios of the public suite hardbyte/postgresql-job-queue-benchmarking (`chaos.py`), which
enqueues 10 or 20 sleeping jobs, disturbs them, and counts what is completed by a deadline of 120 to 300 s:

- crash: after its `crash_recovery`, kill -9 of the worker with every slot busy, and a new worker;
- repeated kills: after `repeated_kills`, three times kill -9 of the worker five seconds after it started;
- Postgres restart: after `postgres_restart`, a fast restart under workers that go on running;
- backend kills: after `pg_backend_kill`, pg_terminate_backend for every session of the database;
- pool exhaustion: after `pool_exhaustion`, many more slots than connections. There a pool of 5 under 50 slots; here a
  server of 20 connections under 2 x 10 slots, and a client that holds all that are left for 15 s.

Both systems get a PostgreSQL server of their own for each scenario, two worker processes, and the same units of work
of 3 s: for procrastinate a job that sleeps and then writes a row, for pgdex a batch of 4 files with one embedding
call of that length. procrastinate has its defaults, and a loop starts its processes again 0.1 s after they end. pgdex
runs under its own supervisor, which doubles that delay each time; in "pool exhaustion", where a process has 10 slots,
under the same loop as procrastinate.

The disturbance comes when a fifth of the units is done and every slot has been at work on the next for a moment.
Recovered: all units are done, and everything in the queue has ended well, by the deadline after the disturbance's
end; for pgdex also: the job is completed, and the index is whole. Lost: units that are not done; stuck: entries of the
queue that have not ended well.
Affected are the units that were in progress when it began; the recovery is the time from its beginning until the first
and until the last of them were done. Repeated: how often a unit was begun again. Units/s: before, from the beginning to
the last unit done before the disturbance; after, from the disturbance to the last unit of all.

What a table can't show: a new pgdex process tries its embedding service first, which costs one more call of 3 s.
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.chaos.outcome import Outcome, outcome_row
from benchmarks.chaos.run import SYSTEMS, run_scenario
from benchmarks.chaos.scenarios import SCENARIOS
from benchmarks.measure import machine, table, write_section

HEADER = [
    "scenario", "system", "recovered", "lost", "stuck", "first s", "last s", "repeated", "units/s before", "after",
]  # fmt: skip


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=1, help="runs of each scenario; the table has their medians")
    options.add_argument("--only", default="", help="scenarios, comma-separated")
    options.add_argument("--systems", default=",".join(SYSTEMS), help="systems, comma-separated")
    options.add_argument("--deadline", type=float, default=120.0, help="seconds after the disturbance")
    options.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    given = options.parse_args()
    names = [scenario.name for scenario in SCENARIOS]
    wanted = [name for name in given.only.split(",") if name] or names
    systems = given.systems.split(",")
    if unknown := [name for name in wanted if name not in names] + [name for name in systems if name not in SYSTEMS]:
        sys.exit(f"unknown: {', '.join(unknown)}. Scenarios: {', '.join(names)}; systems: {', '.join(SYSTEMS)}")

    # As for Ctrl-C: servers and workers are ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(machine(), flush=True)
    rows = []
    recovered = dict.fromkeys(systems, 0)
    for scenario in SCENARIOS:
        if scenario.name not in wanted:
            continue
        for system in systems:
            outcomes: list[Outcome] = []
            for _ in range(given.runs):
                with tempfile.TemporaryDirectory(prefix="pgdex-bench-work-", ignore_cleanup_errors=True) as folder:
                    outcomes.append(run_scenario(scenario, system, folder=Path(folder), deadline=given.deadline))
                print(scenario.name, system, outcomes[-1], flush=True)
            rows.append([scenario.name, system, *outcome_row(outcomes)])
            recovered[system] += all(outcome.recovered for outcome in outcomes)
    count = len(wanted)
    report = (
        f"Deadline {given.deadline:.0f} s after the disturbance, {given.runs} runs, medians. "
        + "; ".join(f"{system} recovered in {number} of {count}" for system, number in recovered.items())
        + ".\n\n"
        + table(HEADER, rows)
    )
    print(f"\n{report}")
    if given.write:
        write_section("chaos_scenarios", report)


if __name__ == "__main__":
    main()
