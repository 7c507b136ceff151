"""Full index of the ansible corpus with 1, 2 and 4 worker processes, beside the floor; then nothing changed, then
18 files changed. Estimates before the start and on the way are compared with what happened.

Run: python -m benchmarks.index_corpus [--write] [--write-estimates]
"""

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks.corpus import ANSIBLE, copy_of, fetch
from benchmarks.floor import run_floor
from benchmarks.measure import Sampler, Usage, machine, table, write_section
from jobs.client import Client
from jobs.database import conninfo
from jobs.mcp_server.estimate import estimate_of
from jobs.models import JobStatus
from jobs.settings import Settings

ETA_AT_PERCENT = (20, 50, 80)
PHASES = ("scanning", "reading", "chunking", "embedding", "writing", "finishing")


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--processes", default="1,2,4", help="worker processes to measure, comma-separated")
    options.add_argument("--tree", type=Path, help="another tree than the ansible corpus")
    options.add_argument("--embedder", default="hashing")
    options.add_argument("--no-floor", action="store_true")
    options.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    options.add_argument("--write-estimates", action="store_true", help="put the estimates there, in a section by tree")
    given = options.parse_args()
    os.environ["PGDEX_EMBEDDER"] = given.embedder  # also of the workers
    source = given.tree or fetch(ANSIBLE)

    print(machine(), flush=True)
    full: list[list[str]] = []
    changes: list[list[str]] = []
    guesses: list[list[str]] = []
    work = Path(tempfile.mkdtemp(prefix="pgdex-bench-", dir="/tmp"))
    work.chmod(0o755)
    try:
        tree = copy_of(source, work / "tree")
        if not given.no_floor:
            for processes in (1, 2):
                with fresh_home(work) as settings:
                    seconds = run_floor(tree, conninfo=conninfo(settings), embedder=given.embedder, processes=processes)
                    full.append([f"floor, {processes} processes", f"{seconds:.1f}", *[""] * 7])
                    print("floor", processes, f"{seconds:.1f} s", flush=True)
        for processes in map(int, given.processes.split(",")):
            with fresh_home(work) as settings, workers(settings, processes) as supervisor:
                status, usage, latency, backwards, said = index(settings, tree, supervisor)
                guesses.append(said.row(f"{processes} processes, empty database", status))
                full.append(full_row(settings, processes, status, usage, latency, backwards))
                print(" | ".join(full[-1]), flush=True)
                forced, *_, said = index(settings, tree, supervisor, force=True)
                guesses.append(said.row(f"{processes} processes, with a history", forced))
                print(guesses, flush=True)
                if processes == 2:
                    again, *_ = index(settings, tree, supervisor)
                    changes.append(change_row("nothing changed", again))
                    change(tree)
                    after, *_ = index(settings, tree, supervisor)
                    changes.append(change_row("10 changed, 5 deleted, 3 added", after))
                    print(changes, flush=True)
                    tree = copy_of(source, work / "tree")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report = (
        f"Corpus: {given.tree.name if given.tree else ANSIBLE}. Embedder: {given.embedder}.\n\n"
        + table(
            ["run", "wall s", "files/s", "CPU s workers", "CPU s server", "peak MiB a worker", "chunks",
             "database MiB", "status p95 ms"],
            full,
        )
        + "\n\n"
        + table(["second run", "job s", "command s", "indexed", "unchanged", "skipped", "deleted"], changes)
    )  # fmt: skip
    estimates = (
        f"Corpus: {given.tree.name if given.tree else ANSIBLE}. Embedder: {given.embedder}. "
        f"1-minute load average at the end: {os.getloadavg()[0]:.1f}.\n\n"
        + table(
            ["run", "took s", "estimate before s", "of the truth",
             *(f"left at {percent} %: said / true s" for percent in ETA_AT_PERCENT), "error at 20 %"],
            guesses,
        )
    )  # fmt: skip
    print(report)
    print(estimates)
    if given.write:
        write_section("index_corpus", report)
    if given.write_estimates:
        write_section(f"estimates_{given.tree.name if given.tree else 'ansible'}", estimates)


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
        """One row of the table of estimates."""
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


@contextmanager
def fresh_home(work: Path, *, embedder: str = "hashing") -> Iterator[Settings]:
    """Settings with an embedded server of its own, upgraded, which is stopped and removed afterwards."""
    home = Path(tempfile.mkdtemp(dir=work))
    home.chmod(0o755)
    os.environ["PGDEX_HOME"] = str(home)
    os.environ["PGDEX_EMBEDDER"] = embedder
    settings = Settings(home=home, embedder=embedder)
    Client.open(settings).close()
    yield settings
    pid = int((home / "data" / "postmaster.pid").read_text().split()[0])
    server = psutil.Process(pid)
    server.terminate()
    server.wait(30)
    shutil.rmtree(home, ignore_errors=True)


@contextmanager
def workers(settings: Settings, processes: int) -> Iterator[psutil.Process]:
    """A supervisor with `processes` workers that are ready for work."""
    command = [sys.executable, "-P", "-m", "jobs.cli", "worker", "--processes", str(processes)]
    log = (settings.home / "worker.log").open("wb")
    supervisor = subprocess.Popen(command, stdout=log, stderr=log)
    with Client.open(settings) as client:
        while sum(w.alive and w.pid is not None for w in client.workers()) < processes:
            time.sleep(0.1)
    yield psutil.Process(supervisor.pid)
    supervisor.terminate()
    supervisor.wait(30)


def index(
    settings: Settings, tree: Path, supervisor: psutil.Process, *, force: bool = False
) -> tuple[JobStatus, tuple[Usage, Usage], list[float], int, Said]:
    """Run one job; the status at its end, the usage of workers and server, the latencies of status calls (s), how
    often the percentage that a watcher saw went back, and what was said about the time that it takes."""
    server = psutil.Process(int((settings.home / "data" / "postmaster.pid").read_text().split()[0]))
    latency: list[float] = []
    seen: list[float] = []
    with Client.open(settings) as client, Sampler(supervisor, name="procrastinate") as work, Sampler(server) as base:
        said = Said(round(estimate_of(client, tree, embedder=settings.embedder).seconds), {})
        started = client.start(tree, force=force)
        while True:
            before = time.perf_counter()
            status = client.status(started.job_id)
            latency.append(time.perf_counter() - before)
            seen.append(status.progress_percentage)
            said.note(status)
            if status.is_final:
                said.ended_at = time.perf_counter()
                break
            time.sleep(0.05)
    if status.status != "completed":
        raise RuntimeError(f"the job ended as {status.status}: {status.error_message}\n{status.error_traceback}")
    backwards = sum(later < earlier for earlier, later in itertools.pairwise(seen))
    return status, (work.usage, base.usage), latency, backwards, said


def full_row(
    settings: Settings,
    processes: int,
    status: JobStatus,
    usage: tuple[Usage, Usage],
    latency: list[float],
    backwards: int,
) -> list[str]:
    """One row of the table of full runs; prints what does not fit into it."""
    summary: dict[str, Any] = status.summary or {}
    seconds = summary["seconds"]
    total = sum(seconds[phase] for phase in PHASES)
    shares = ", ".join(f"{phase} {seconds[phase]:.1f} s ({seconds[phase] / total:.0%})" for phase in PHASES)
    print(f"{processes} processes: {shares}; progress went back {backwards} times; {summary}", flush=True)
    with psycopg.connect(conninfo(settings)) as connection:
        size = connection.execute("select pg_database_size(current_database())").fetchone()
        chunks = connection.execute("select count(*) from pgdex.chunks").fetchone()
    assert size is not None
    assert chunks is not None
    latency.sort()
    return [
        f"pgdex, {processes} processes",
        f"{summary['duration_seconds']:.1f}",
        f"{summary['files_per_second']:.0f}",
        f"{usage[0].cpu_seconds:.1f}",
        f"{usage[1].cpu_seconds:.1f}",
        f"{usage[0].peak_bytes / 2**20:.0f}",
        f"{chunks[0]:,}",
        f"{size[0] / 2**20:.0f}",
        f"{latency[int(len(latency) * 0.95)] * 1000:.1f}",
    ]


def change_row(name: str, status: JobStatus) -> list[str]:
    """One row of the table of later runs."""
    summary: dict[str, Any] = status.summary or {}
    return [
        name,
        f"{summary['duration_seconds']:.2f}",
        f"{status.elapsed_seconds:.2f}",
        f"{summary['files_indexed']:,}",
        f"{summary['files_unchanged']:,}",
        f"{summary['files_skipped']:,}",
        f"{summary['files_deleted']:,}",
    ]


def change(tree: Path) -> None:
    """Change 10 Python files, delete 5, add 3."""
    files = sorted(path for path in tree.rglob("*.py") if path.stat().st_size > 1000)
    for path in files[100:110]:
        path.write_text(path.read_text() + "\n# changed\n")
    for path in files[200:205]:
        path.unlink()
    for number in range(3):
        (tree / f"added_{number}.py").write_text(f"def added_{number}():\n    return {number}\n")


if __name__ == "__main__":
    threading.current_thread().name = "benchmark"
    main()
