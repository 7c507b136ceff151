"""What grows with the number of files: time, memory of each process, the database, the latency of `status`.

Run: python -m benchmarks.growth [--sizes 10000,100000,1000000] [--runs 1] [--write]

Generated files of one chunk each (about 300 bytes), below a folder of /tmp that is removed afterwards. A million of
them need 6 GB of disk for files and as much for the database. More runs go through all sizes in turn.
"""

import argparse
import shutil
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psutil

from benchmarks.generated_trees import small_files
from benchmarks.job_record import JobRecord, job_record
from benchmarks.local_cluster import fresh_home, server_process, work_folder, workers
from benchmarks.measure import load, machine, table, write_section
from benchmarks.plots import IMAGES, Axis, line_chart
from benchmarks.processes import cpu_seconds, peak_bytes, run_command
from pgdex.jobs.client.client import Client

PROCESSES = 2
LOOK_SECONDS = 0.25  # between two calls of `status`
COMMAND_SECONDS = 600.0
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Grown:
    """One size, indexed."""

    files: int
    record: JobRecord
    workers_cpu: float
    server_cpu: float
    worker_peak: int
    supervisor_peak: int
    backend_peak: int
    command_peak: int
    command_seconds: float
    unchanged_seconds: float
    unchanged_peak: int
    database_bytes: int
    status_p95: float
    status_max: float


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md and docs/images."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", default="10000,100000,1000000", help="numbers of files, comma-separated")
    options.add_argument("--runs", type=int, default=1)
    options.add_argument("--embedder", default="hashing")
    options.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    given = options.parse_args()
    print(machine(), load(), flush=True)
    before = load()
    sizes = [int(size) for size in given.sizes.split(",")]
    grown: dict[int, list[Grown]] = {size: [] for size in sizes}
    with work_folder("growth") as work:
        for _ in range(given.runs):
            for size in sizes:
                started = time.perf_counter()
                tree = small_files(work / "tree", size)
                print(f"{size:,} files made in {time.perf_counter() - started:.0f} s", flush=True)
                grown[size].append(measured(work, tree, size, embedder=given.embedder))
                print(" | ".join(row(grown[size][-1:])), flush=True)
                shutil.rmtree(tree)
    report = described(list(grown.values()), runs=given.runs, before=before, embedder=given.embedder)
    print(report)
    if given.write:
        draw({size: some[0].record for size, some in grown.items()})
        write_section("growth", report)


def measured(work: Path, tree: Path, size: int, *, embedder: str) -> Grown:
    """Index the tree on a fresh server, and then once more with nothing changed."""
    with fresh_home(work, embedder=embedder) as settings, workers(settings, PROCESSES) as supervisor:
        database = server_process(settings)
        cpu = cpu_seconds(supervisor), cpu_seconds(database)
        command = run_command(
            [sys.executable, "-P", "-m", "pgdex.jobs.cli", "index", str(tree), "--detach"],
            environment={},
            folder=settings.home,
            log=settings.home / "command.log",
            limit_seconds=COMMAND_SECONDS,
        )
        if not command.is_through:
            raise RuntimeError(f"`pgdex index --detach` took more than {COMMAND_SECONDS:g} s for {size:,} files")
        with Client.open(settings) as client:
            latencies, backend_peak = watch(client, newest(client), database)
            record = job_record(client.connection, newest(client))
            used = cpu_seconds(supervisor) - cpu[0], cpu_seconds(database) - cpu[1]
            worker_peak = max(map(peak_bytes, supervisor.children()), default=0)
            latencies.sort()
            bytes_now = client.connection.execute("select pg_database_size(current_database())").fetchone()
            assert bytes_now is not None
            again = client.start(tree).job_id
            watch(client, again, database)
            unchanged = job_record(client.connection, again)
        if record.files != size or unchanged.files:
            raise RuntimeError(f"{record.files:,} of {size:,} files were indexed, and {unchanged.files:,} once more")
        return Grown(
            files=size,
            record=record,
            workers_cpu=used[0],
            server_cpu=used[1],
            worker_peak=worker_peak,
            supervisor_peak=peak_bytes(supervisor),
            backend_peak=backend_peak,
            command_peak=command.peak_bytes,
            command_seconds=command.seconds,
            unchanged_seconds=unchanged.seconds,
            unchanged_peak=max(map(peak_bytes, supervisor.children()), default=0),
            database_bytes=int(bytes_now[0]),
            status_p95=latencies[int(len(latencies) * 0.95)],
            status_max=latencies[-1],
        )


def newest(client: Client) -> UUID:
    """The job that the command asked for."""
    return client.find("last").job_id


def watch(client: Client, job_id: UUID, database: psutil.Process) -> tuple[list[float], int]:
    """Ask for the status until the job has ended: the latencies, and the most private memory of a server process."""
    latencies: list[float] = []
    largest = 0
    while True:
        before = time.perf_counter()
        status = client.status(job_id)
        latencies.append(time.perf_counter() - before)
        if status.is_final:
            break
        largest = max([largest, *map(private_bytes, database.children())])
        time.sleep(LOOK_SECONDS)
    if status.status != "completed":
        raise RuntimeError(f"the job ended as {status.status}: {status.error_message}")
    return latencies, largest


def private_bytes(process: psutil.Process) -> int:
    """Resident memory without what is shared with others, which for PostgreSQL is its buffers; 0 if it has gone."""
    try:
        memory = process.memory_info()
    except psutil.Error:
        return 0
    return int(memory.rss - memory.shared)


def row(grown: list[Grown]) -> list[str]:
    """One size: medians of times, the most of memory."""

    def middle(values: list[float]) -> float:
        return statistics.median(values)

    return [
        f"{grown[0].files:,}",
        f"{middle([g.record.seconds for g in grown]):.1f}",
        f"{middle([g.record.scanned for g in grown]):.1f}",
        f"{middle([g.record.seconds - g.record.indexed for g in grown]):.1f}",
        f"{middle([g.record.files_per_second for g in grown]):.0f}",
        f"{middle([g.record.rate_between(0, 0.1) for g in grown]):.0f}",
        f"{middle([g.record.rate_between(0.9, 1) for g in grown]):.0f}",
        f"{middle([g.record.overhead(PROCESSES) for g in grown]):.1%}",
        f"{middle([g.workers_cpu for g in grown]):.1f}",
        f"{middle([g.server_cpu for g in grown]):.1f}",
        f"{max(g.worker_peak for g in grown) / MIB:.0f}",
        f"{max(g.supervisor_peak for g in grown) / MIB:.0f}",
        f"{max(g.command_peak for g in grown) / MIB:.0f}",
        f"{max(g.backend_peak for g in grown) / MIB:.0f}",
        f"{max(g.database_bytes for g in grown) / MIB:,.0f}",
        f"{middle([g.status_p95 for g in grown]) * 1000:.1f}",
        f"{max(g.status_max for g in grown) * 1000:.0f}",
        f"{middle([g.command_seconds for g in grown]):.2f}",
        f"{middle([g.unchanged_seconds for g in grown]):.2f}",
        f"{max(g.unchanged_peak for g in grown) / MIB:.0f}",
    ]


def described(grown: list[list[Grown]], *, runs: int, before: str, embedder: str) -> str:
    """The table, turned on its side: a column for each size."""
    names = [
        "files", "job, s", "of it scan, s", "of it finish, s", "files/s", "files/s, first 10 %", "files/s, last 10 %",
        "queue overhead", "CPU of workers, s", "CPU of server, s", "peak of a worker, MiB", "peak of supervisor, MiB",
        "peak of `pgdex index`, MiB", "private peak of a server process, MiB", "database, MiB", "status p95, ms",
        "status max, ms", "`pgdex index --detach`, s", "then nothing changed, job s", "peak of a worker after it, MiB",
    ]  # fmt: skip
    columns = [row(some) for some in grown]
    lines = [[name, *(column[place] for column in columns)] for place, name in enumerate(names)]
    return (
        f"{PROCESSES} worker processes, embedder {embedder}, {runs} runs of each size; {before}. Peaks"
        " are what the system counted, but a server process's is sampled.\n\n"
        + table(lines[0], lines[1:])
        + "\n\n![Files a second over the course of a job](images/growth.svg)"
    )


def draw(records: dict[int, JobRecord]) -> None:
    """Files a second over the share of the job that is done."""
    line_chart(
        IMAGES / "growth.svg",
        title="Files a second over the course of a job",
        x=Axis("% of the time of indexing"),
        y=Axis("files/s"),
        series={
            f"{size:,} files": [
                ((at - record.scanned) / (record.indexed - record.scanned) * 100, rate)
                for at, rate in record.curve(points=40)
            ]
            for size, record in records.items()
        },
    )


if __name__ == "__main__":
    main()
