"""Full index of the ansible corpus with 1, 2 and 4 worker processes, beside the floor; then nothing changed, then
18 files changed. Run: python -m benchmarks.index_corpus [--processes 1,2,4] [--runs 3] [--write]

The kinds of run take turns. With --write there are plots too: files a second over time, and where the slots' time goes.
"""

import argparse
import itertools
import threading
import time
from pathlib import Path

import psutil

from benchmarks.corpus import ANSIBLE, copy_of, fetch
from benchmarks.floor import run_floor
from benchmarks.index_report import FloorRun, FullRun, described, draw, full_row
from benchmarks.job_record import job_record
from benchmarks.local_cluster import fresh_home, server_process, work_folder, workers
from benchmarks.measure import Sampler, Usage, load, machine, write_section
from benchmarks.processes import cpu_seconds, own_cpu_seconds
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.database.connection import conninfo
from pgdex.jobs.settings import Settings


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--processes", default="1,2,4", help="worker processes to measure, comma-separated")
    options.add_argument("--tree", type=Path, help="another tree than the ansible corpus")
    options.add_argument("--embedder", default="hashing")
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--no-floor", action="store_true")
    options.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    given = options.parse_args()
    source = given.tree or fetch(ANSIBLE)

    print(machine(), before := load(), flush=True)
    numbers = [int(number) for number in given.processes.split(",")]
    floors: dict[int, list[FloorRun]] = {}
    full: dict[int, list[FullRun]] = {}
    changes: dict[str, list[JobStatus]] = {}
    with work_folder("bench") as work:
        tree = copy_of(source, work / "tree")
        for _ in range(given.runs):
            for processes in () if given.no_floor else (1, 2):
                floors.setdefault(processes, []).append(floor(work, tree, embedder=given.embedder, processes=processes))
                print("floor", processes, floors[processes][-1], flush=True)
            for processes in numbers:
                with (
                    fresh_home(work, embedder=given.embedder) as settings,
                    workers(settings, processes) as supervisor,
                ):
                    full.setdefault(processes, []).append(full_run(settings, tree, supervisor))
                    print(" | ".join(full_row(processes, full[processes][-1:])), flush=True)
                    if processes == 2:
                        again, *_ = index(settings, tree, supervisor)
                        changes.setdefault("nothing changed", []).append(again)
                        change(tree)
                        after, *_ = index(settings, tree, supervisor)
                        changes.setdefault("10 changed, 5 deleted, 3 added", []).append(after)
                        tree = copy_of(source, work / "tree")
    report = described(
        floors, full, changes, corpus=given.tree.name if given.tree else ANSIBLE, embedder=given.embedder
    )
    report = f"Medians of {given.runs} runs in turn; {before}. {report}"
    print(report)
    if given.write:
        draw(full)
        write_section("index_corpus", report)


def floor(work: Path, tree: Path, *, embedder: str, processes: int) -> FloorRun:
    """The bare loops on a fresh server."""
    with fresh_home(work) as settings:
        server = server_process(settings)
        before = own_cpu_seconds(), cpu_seconds(server)
        seconds = run_floor(tree, conninfo=conninfo(settings), embedder=embedder, processes=processes)
        return FloorRun(seconds, own_cpu_seconds() - before[0], cpu_seconds(server) - before[1])


def index(
    settings: Settings, tree: Path, supervisor: psutil.Process
) -> tuple[JobStatus, tuple[Usage, Usage], list[float], int]:
    """Run one job; the status at its end, the usage of workers and server, the latencies of status calls (s), and
    how often the percentage that a watcher saw went back."""
    server = server_process(settings)
    latency: list[float] = []
    seen: list[float] = []
    with Client.open(settings) as client, Sampler(supervisor, name="procrastinate") as work, Sampler(server) as base:
        started = client.start(tree)
        while True:
            before = time.perf_counter()
            status = client.status(started.job_id)
            latency.append(time.perf_counter() - before)
            seen.append(status.progress_percentage)
            if status.is_final:
                break
            time.sleep(0.05)
    if status.status != "completed":
        raise RuntimeError(f"the job ended as {status.status}: {status.error_message}\n{status.error_traceback}")
    backwards = sum(later < earlier for earlier, later in itertools.pairwise(seen))
    return status, (work.usage, base.usage), latency, backwards


def full_run(settings: Settings, tree: Path, supervisor: psutil.Process) -> FullRun:
    """Index everything, and read what the database knows of it."""
    status, usage, latency, backwards = index(settings, tree, supervisor)
    with Client.open(settings) as client:
        record = job_record(client.connection, status.job_id)
        size = client.connection.execute("select pg_database_size(current_database())").fetchone()
        chunks = client.connection.execute("select count(*) from pgdex.chunks").fetchone()
    assert size is not None
    assert chunks is not None
    latency.sort()
    return FullRun(
        summary=status.summary or {},
        record=record,
        usage=usage[0],
        server=usage[1],
        status_p95=latency[int(len(latency) * 0.95)],
        backwards=backwards,
        chunks=chunks[0],
        database_bytes=size[0],
    )


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
