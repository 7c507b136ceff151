"""How the throughput grows with the slots: 1 to 32 of them with a simulated embedding service of fixed latency, and
from 1 to 2 worker processes with real work for the processor. Beside it the queue's overhead: what share of the slots'
time is not reading, cutting, embedding or COPY.

Run: python -m benchmarks.scaling [--slots 1,2,4,8,16,32] [--runs 3] [--seconds 20] [--cpu-files 5000] [--write]

A slot is one batch in progress: worker processes times `--concurrency`. The service takes one text a call and answers
after 50 ms; with hundreds of texts a call it would be the two cores that are measured, not the slots. The tree grows
with the slots (each slot has the same number of files), so that every run takes about as long and ends with all slots
busy. Rates are those of whole jobs, with scan and finish.
"""

import argparse
import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.corpus import ANSIBLE, fetch
from benchmarks.generated_trees import small_files
from benchmarks.job_record import JobRecord, job_record
from benchmarks.latency_service import LatencyService
from benchmarks.local_cluster import completed, embedding_at, fresh_home, server_process, work_folder, workers
from benchmarks.measure import load, machine, table, write_section
from benchmarks.plots import IMAGES, Axis, line_chart, stacked_bars
from benchmarks.processes import cpu_seconds
from pgdex.indexer.sources import walk
from pgdex.jobs.client.client import Client
from pgdex.jobs.settings import Settings

SERVICE = "ollama:test-model"
BATCH_FILES = 32  # the default
PROMISED_SPEEDUP = 28.0
PROMISED_CPU_SPEEDUP = 1.8
PROMISED_OVERHEAD = 0.03
MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Run:
    """One job."""

    record: JobRecord
    workers_cpu: float
    server_cpu: float
    service_cpu: float

    @property
    def cpu_share(self) -> float:
        """How many cores were busy with it, on average."""
        return (self.workers_cpu + self.server_cpu + self.service_cpu) / self.record.seconds


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md and docs/images."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--slots", default="1,2,4,8,16,32")
    options.add_argument("--processes", type=int, default=2, help="worker processes that the slots are spread over")
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--seconds", type=float, default=20, help="about how long a run with the service takes")
    options.add_argument("--latency-ms", type=float, default=50)
    options.add_argument("--service-processes", type=int, default=2)
    options.add_argument("--cpu-files", type=int, default=5_000, help="files of the corpus for 1 and 2 processes")
    options.add_argument("--tree", type=Path, help="another tree than the ansible corpus, for the processor's part")
    options.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    given = options.parse_args()
    print(machine(), load(), flush=True)
    before = load()
    numbers = [int(number) for number in given.slots.split(",")]
    if sorted(numbers)[0] != 1:
        raise SystemExit(f"--slots must contain 1, with which the others are compared, got {given.slots}")
    with work_folder("scaling") as work:
        a_slot = files_a_slot(given.seconds, given.latency_ms)
        trees = {slots: small_files(work / f"tree_{slots}", a_slot * slots) for slots in numbers}
        runs: dict[int, list[Run]] = {slots: [] for slots in numbers}
        for _ in range(given.runs):
            for slots in numbers:
                with simulated(given.latency_ms, given.service_processes) as service:
                    runs[slots].append(
                        one_run(work, trees[slots], SERVICE, *layout(slots, given.processes), service=service)
                    )
                print(slots, "slots", service_row(slots, runs[slots][-1:], runs[1]), flush=True)
        for tree in trees.values():
            shutil.rmtree(tree)
        real = part_of(given.tree or fetch(ANSIBLE), work / "real", files=given.cpu_files)
        cpu: dict[int, list[Run]] = {1: [], 2: []}
        for _ in range(given.runs):
            for processes, some in cpu.items():
                some.append(one_run(work, real, "hashing", processes, 1))
                print(processes, "processes", cpu_row(processes, some[-1:], cpu[1]), flush=True)
    report = described(runs, cpu, given=given, before=before, a_slot=a_slot)
    print(report)
    if given.write:
        draw(runs, cpu)
        write_section("scaling", report)


def files_a_slot(seconds: float, latency_ms: float) -> int:
    """So many files of one chunk that a slot has about `seconds` to wait for the service; whole batches of them."""
    return max(1, round(seconds / (latency_ms / 1000) / BATCH_FILES)) * BATCH_FILES


def layout(slots: int, processes: int) -> tuple[int, int]:
    """Worker processes and slots of each: at most `processes`. Raises ValueError where the slots can't be spread."""
    used = min(slots, processes)
    if slots % used:
        raise ValueError(f"{slots} slots can't be spread over {used} processes evenly")
    return used, slots // used


@contextmanager
def simulated(latency_ms: float, processes: int) -> Iterator[LatencyService]:
    """The service; workers are told of it by their environment."""
    with (
        LatencyService(latency_ms=latency_ms, max_texts=1, processes=processes) as service,
        embedding_at(service.url),
    ):
        yield service


def part_of(tree: Path, target: Path, *, files: int) -> Path:
    """A copy of that many files of a tree, spread over all of it."""
    found = sorted(file.path for file in walk(tree, max_file_bytes=MAX_FILE_BYTES) if file.skip_reason is None)
    step = max(1, len(found) // files)
    for path in found[::step][:files]:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(tree / path, target / path)
    return target


def one_run(
    work: Path, tree: Path, embedder: str, processes: int, slots: int, *, service: LatencyService | None = None
) -> Run:
    """Index a tree on a fresh server with workers that are ready, to the end."""
    with fresh_home(work, embedder=embedder) as settings, workers(settings, processes, slots=slots) as supervisor:
        warm_up(settings, work, files=BATCH_FILES * processes * slots)
        database = server_process(settings)
        before = figures(supervisor, database, service)
        record = indexed(settings, tree)
        after = figures(supervisor, database, service)
    return Run(record, *(late - early for early, late in zip(before, after, strict=True)))


def warm_up(settings: Settings, work: Path, *, files: int) -> None:
    """Every slot has opened its connections and learned what the service takes: that is no part of scaling."""
    tree = work / "warm"
    shutil.rmtree(tree, ignore_errors=True)
    indexed(settings, small_files(tree, files))


def figures(supervisor: psutil.Process, database: psutil.Process, service: LatencyService | None) -> tuple[float, ...]:
    """CPU seconds so far of workers, server and service."""
    return cpu_seconds(supervisor), cpu_seconds(database), service.cpu_seconds() if service else 0.0


def indexed(settings: Settings, tree: Path) -> JobRecord:
    """Index a tree to the end; its status is hardly asked for meanwhile."""
    with Client.open(settings) as client:
        return job_record(client.connection, completed(client, client.start(tree).job_id).job_id)


def middle_rate(runs: list[Run]) -> float:
    """The median of the runs' files a second."""
    return statistics.median(run.record.files_per_second for run in runs)


def service_row(slots: int, runs: list[Run], single: list[Run]) -> list[str]:
    """One number of slots: medians."""
    rate = middle_rate(runs)
    calls = statistics.median(run.record.files / (run.record.indexed - run.record.scanned) / slots for run in runs)
    return [
        str(slots),
        f"{statistics.median(run.record.files for run in runs):,.0f}",
        f"{statistics.median(run.record.seconds for run in runs):.1f}",
        f"{rate:.1f}",
        f"{rate / middle_rate(single):.1f}",
        f"{1000 / calls:.1f}",
        f"{statistics.median(run.record.overhead(slots) for run in runs):.1%}",
        f"{statistics.median(run.record.overhead_of_batches() for run in runs):.1%}",
        f"{statistics.median(run.cpu_share for run in runs):.2f}",
        *(
            f"{statistics.median(cpu / run.record.files for run, cpu in zip(runs, of_all, strict=True)) * 1000:.2f}"
            for of_all in (
                [run.workers_cpu for run in runs],
                [run.server_cpu for run in runs],
                [run.service_cpu for run in runs],
            )
        ),
    ]


def cpu_row(processes: int, runs: list[Run], single: list[Run]) -> list[str]:
    """One number of processes: medians."""
    rate = middle_rate(runs)
    return [
        str(processes),
        f"{statistics.median(run.record.files for run in runs):,.0f}",
        f"{statistics.median(run.record.seconds for run in runs):.1f}",
        f"{rate:.0f}",
        f"{rate / middle_rate(single):.2f}",
        f"{statistics.median(run.record.overhead(processes) for run in runs):.1%}",
        f"{statistics.median(run.record.overhead_of_batches() for run in runs):.1%}",
        f"{statistics.median(run.workers_cpu for run in runs):.1f}",
        f"{statistics.median(run.server_cpu for run in runs):.1f}",
    ]


def described(
    runs: dict[int, list[Run]], cpu: dict[int, list[Run]], *, given: argparse.Namespace, before: str, a_slot: int
) -> str:
    """The tables, and what was promised."""
    most = max(runs)
    gain = middle_rate(runs[most]) / middle_rate(runs[1])
    gain_of_two = middle_rate(cpu[2]) / middle_rate(cpu[1])
    overhead = statistics.median(run.record.overhead(2) for run in cpu[2])
    return (
        f"Medians of {given.runs} runs in turn; {before}. With a service that takes one text a call and answers after"
        f" {given.latency_ms:g} ms, {a_slot:,} files of one chunk for each slot, up to {given.processes} processes:\n\n"
        + table(
            ["slots", "files", "job s", "files/s", "speed-up", "ms a file and slot", "overhead", "within batches",
             "cores busy", "CPU ms a file: workers", "server", "service"],
            [service_row(slots, some, runs[1]) for slots, some in runs.items()],
        )
        + f"\n\n{most} slots are {gain:.1f} times as fast as one (promised for 32: {PROMISED_SPEEDUP:g}).\n\n"
        "With `hashing`, which is work for the processor, a part of the corpus:\n\n"
        + table(
            ["processes", "files", "job s", "files/s", "speed-up", "overhead", "within batches", "CPU s workers",
             "CPU s server"],
            [cpu_row(processes, some, cpu[1]) for processes, some in cpu.items()],
        )
        + f"\n\nTwo processes are {gain_of_two:.2f} times as fast as one (promised: {PROMISED_CPU_SPEEDUP:g}); the"
        f" queue takes {overhead:.1%} of their time (promised: at most {PROMISED_OVERHEAD:.0%}).\n\n"
        "Overhead: the share of the slots' time from the queueing of the batches to the last commit that is not"
        " reading, cutting, embedding or COPY; within batches: the same between claim and commit, without fetching."
        "\n\n![Speed-up by slots](images/scaling.svg)\n\n![Where the slots' time goes](images/scaling-phases.svg)"
    )  # fmt: skip


def draw(runs: dict[int, list[Run]], cpu: dict[int, list[Run]]) -> None:
    """The plots: speed-up beside the ideal, and the shares of phases."""
    single = middle_rate(runs[1])
    line_chart(
        IMAGES / "scaling.svg",
        title="Speed-up against one slot",
        x=Axis("slots", logarithmic=True),
        y=Axis("times as fast", logarithmic=True),
        series={
            "ideal": [(slots, slots) for slots in runs],
            "measured": [(slots, middle_rate(some) / single) for slots, some in runs.items()],
        },
    )
    bars = {f"{processes} processes": shares(some, processes) for processes, some in cpu.items()}
    bars |= {f"{slots} slots": shares(some, slots) for slots, some in runs.items()}
    stacked_bars(IMAGES / "scaling-phases.svg", title="Where the slots' time goes", label="%", bars=bars)


def shares(runs: list[Run], slots: int) -> dict[str, float]:
    """Of the run in the middle."""
    return sorted(runs, key=lambda one: one.record.seconds)[len(runs) // 2].record.shares(slots)


if __name__ == "__main__":
    main()
