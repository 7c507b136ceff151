"""What is said about how long a job takes, before it starts and on its way, against what happened.

Run: python -m benchmarks.estimates [--tree FOLDER] [--processes 2] [--write]
"""

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.corpus import ANSIBLE, fetch
from benchmarks.local_cluster import fresh_home, work_folder, workers
from benchmarks.measure import table, write_section
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.estimates import estimate_of
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.settings import Settings

ETA_AT_PERCENT = (20, 50, 80)
LOOK_SECONDS = 0.2


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--processes", default="2", help="worker processes to measure, comma-separated")
    options.add_argument("--tree", type=Path, help="another tree than the ansible corpus")
    options.add_argument("--embedder", default="hashing")
    options.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    given = options.parse_args()
    tree = (given.tree or fetch(ANSIBLE)).resolve()
    name = given.tree.name if given.tree else "ansible"
    rows: list[list[str]] = []
    with work_folder("estimates") as work:
        for processes in map(int, given.processes.split(",")):
            with fresh_home(work, embedder=given.embedder) as settings, workers(settings, processes):
                for what, force in (("empty database", False), ("with a history", True)):
                    said, status = watched(settings, tree, force=force)
                    rows.append(said.row(f"{processes} processes, {what}", status))
                    print(rows[-1], flush=True)
    report = f"Tree: {name}. Embedder: {given.embedder}. Load at the end: {os.getloadavg()[0]:.1f}.\n\n" + table(
        [
            *("run", "took s", "estimate before s", "of the truth"),
            *(f"left at {percent} %: said / true s" for percent in ETA_AT_PERCENT),
            "error at 20 %",
        ],
        rows,
    )
    print(report)
    if given.write:
        write_section(f"estimates_{name}", report)


@dataclass(slots=True)
class Said:
    """What was said about how long a job takes, and when."""

    before: float
    left: dict[int, tuple[float, int | None]]
    """By percent: when so much was done, and how many seconds were said to be left."""
    ended_at: float = 0.0

    def note(self, status: JobStatus) -> None:
        """Keep what is said when one of the percentages is reached."""
        for percent in ETA_AT_PERCENT:
            if status.progress_percentage >= percent and percent not in self.left and not status.is_final:
                self.left[percent] = (time.perf_counter(), status.estimated_time_remaining_seconds)

    def row(self, name: str, status: JobStatus) -> list[str]:
        """One row of the table."""
        took = float(status.elapsed_seconds)
        pairs = {percent: (said, self.ended_at - at) for percent, (at, said) in self.left.items()}
        said, true = pairs.get(20, (None, 0.0))
        return [
            name,
            f"{took:.1f}",
            f"{self.before:.0f}",
            f"{self.before / took:.0%}",
            *(
                f"{pairs[percent][0]} / {pairs[percent][1]:.1f}" if percent in pairs else ""
                for percent in ETA_AT_PERCENT
            ),
            f"{said / true - 1:+.0%}" if said is not None and true else "",
        ]


def watched(settings: Settings, tree: Path, *, force: bool) -> tuple[Said, JobStatus]:
    """Run one job to its end and note what is said meanwhile."""
    with Client.open(settings) as client:
        said = Said(
            estimate_of(
                client.connection, settings, tree, project=settings.project, embedder=settings.embedder
            ).seconds,
            {},
        )
        job = client.start(tree, force=force).job_id
        while not (status := client.status(job)).is_final:
            said.note(status)
            time.sleep(LOOK_SECONDS)
        said.ended_at = time.perf_counter()
        return said, status


if __name__ == "__main__":
    main()
