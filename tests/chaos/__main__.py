"""The long run: python -m tests.chaos --seed 7 --kills 200, or many short ones: --seeds 1-50 --kills 8."""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from tests.chaos.experiment import Outcome, experiment
from tests.chaos.schedule import MEAN_GAP_SECONDS, Kind, make_schedule
from tests.chaos.summary import summary_of


def main() -> int:
    """0 where every check of every run holds, 1 else."""
    options = _options()
    for name in [name for name in os.environ if name.startswith("PGDEX_")]:
        del os.environ[name]  # no run depends on the configuration of the person who starts it
    signal.signal(signal.SIGINT, _interrupted)  # a shell lets its background jobs ignore it
    signal.signal(signal.SIGTERM, _interrupted)
    seeds = _seeds(options.seeds) if options.seeds else [options.seed]
    outcomes = [_one(seed, options) for seed in seeds]
    print()
    print(summary_of(outcomes))
    if options.report:
        options.report.write_text(json.dumps([outcome.report() for outcome in outcomes], indent=1, default=str))
    failed = [outcome for outcome in outcomes if not outcome.holds]
    for outcome in failed:
        print(f"\nseed {outcome.schedule.seed} did not hold. To repeat it:\n  {_command(outcome, options)}")
    return 1 if failed else 0


def _one(seed: int, options: argparse.Namespace) -> Outcome:
    schedule = make_schedule(
        seed,
        kills=options.kills,
        workers=options.workers,
        repositories=options.repositories,
        kinds=frozenset(options.kinds),
        mean_gap=options.gap,
    )
    print(schedule if options.print_schedule else str(schedule).partition("\n")[0], flush=True)
    outcome = experiment(
        schedule,
        modules=options.modules,
        say=lambda line: print(line, flush=True),
        supervised=options.supervised,
        keep_logs=options.logs and options.logs / f"seed-{seed}",
    )
    for check, complaints in outcome.complaints.items():
        print(f"FAILED: {check}", *complaints[:20], sep="\n  ", flush=True)
    if outcome.holds:
        print(f"seed {seed}: every check holds, after {outcome.seconds:.0f} s", flush=True)
    return outcome


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000, help="default: the clock")
    parser.add_argument("--seeds", help="several runs, one after the other: 1-50, or 3,7,9")
    parser.add_argument("--kills", type=int, default=200, help="go on until that many workers were killed (200)")
    parser.add_argument("--workers", type=int, default=3, help="worker processes (3)")
    parser.add_argument("--repositories", type=int, default=3, help="families of views that are indexed at once (3)")
    parser.add_argument("--modules", type=int, default=60, help="files of a repository (60)")
    parser.add_argument("--gap", type=float, default=MEAN_GAP_SECONDS, help="mean seconds between two disturbances")
    parser.add_argument("--kinds", type=Kind, nargs="+", default=list(Kind), help=f"only these of {' '.join(Kind)}")
    parser.add_argument("--supervised", action="store_true", help="under `pgdex worker` instead of plain processes")
    parser.add_argument("--report", type=Path, help="write everything there, as JSON")
    parser.add_argument("--logs", type=Path, help="keep the logs of a run that fails there")
    parser.add_argument("--print-schedule", action="store_true", help="print what will go wrong, and when")
    return parser.parse_args()


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # nothing that was started is left behind


def _seeds(text: str) -> list[int]:
    """The numbers of "1-50" or "3,7,9"."""
    first, dash, last = text.partition("-")
    return list(range(int(first), int(last) + 1)) if dash else [int(part) for part in text.split(",")]


def _command(outcome: Outcome, options: argparse.Namespace) -> str:
    kinds = "" if set(options.kinds) == set(Kind) else f" --kinds {' '.join(options.kinds)}"
    how = " --supervised" if options.supervised else ""
    return (
        f"python -m tests.chaos --seed {outcome.schedule.seed} --kills {options.kills} --workers {options.workers} "
        f"--repositories {options.repositories} --modules {options.modules} --gap {options.gap:g}"
        f"{kinds}{how} --print-schedule"
    )


if __name__ == "__main__":
    sys.exit(main())
