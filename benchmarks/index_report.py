"""What `benchmarks.index_corpus` says of its runs: tables and plots."""

from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.job_record import JobRecord
from benchmarks.measure import Usage, table
from benchmarks.plots import IMAGES, Axis, line_chart, stacked_bars
from pgdex.jobs.client.models import JobStatus


@dataclass(frozen=True, slots=True)
class FloorRun:
    """The bare loops."""

    seconds: float
    cpu: float
    server_cpu: float


@dataclass(frozen=True, slots=True)
class FullRun:
    """A job that indexed everything."""

    summary: dict[str, Any]
    record: JobRecord
    usage: Usage
    server: Usage
    status_p95: float
    backwards: int
    """How often the percentage that a watcher saw went back."""
    chunks: int
    database_bytes: int


def described(
    floors: dict[int, list[FloorRun]],
    full: dict[int, list[FullRun]],
    changes: dict[str, list[JobStatus]],
    *,
    corpus: str,
    embedder: str,
) -> str:
    """The tables."""
    rows = [floor_row(processes, runs) for processes, runs in floors.items()]
    rows += [full_row(processes, runs) for processes, runs in full.items()]
    backwards = sum(run.backwards for runs in full.values() for run in runs)
    return (
        f"Corpus: {corpus}. Embedder: {embedder}. The percentage that a watcher saw went back {backwards}"
        " times.\n\n"
        + table(
            ["run", "wall s", "files/s", "overhead", "CPU s workers", "CPU s server", "peak MiB a worker", "chunks",
             "database MiB", "status p95 ms"],
            rows,
        )
        + "\n\n"
        + table(
            ["second run", "job s", "command s", "indexed", "unchanged", "skipped", "deleted"],
            [change_row(kind, runs) for kind, runs in changes.items()],
        )
        + "\n\n![Files a second over time](images/index-rate.svg)\n\n"
        "![Where the slots' time goes](images/index-phases.svg)"
    )  # fmt: skip


def draw(full: dict[int, list[FullRun]]) -> None:
    """The plots, of the run in the middle of each kind."""
    middle = {
        f"{processes} processes": (processes, sorted(runs, key=lambda run: run.record.seconds)[len(runs) // 2].record)
        for processes, runs in full.items()
    }
    line_chart(
        IMAGES / "index-rate.svg",
        title="Files a second over time",
        x=Axis("s"),
        y=Axis("files/s"),
        series={name: record.curve(points=40) for name, (_, record) in middle.items()},
    )
    stacked_bars(
        IMAGES / "index-phases.svg",
        title="Where the slots' time goes, from the start of a job to its end",
        label="%",
        bars={name: record.shares(processes) for name, (processes, record) in middle.items()},
    )


def floor_row(processes: int, runs: list[FloorRun]) -> list[str]:
    """One row of the table of full runs."""
    figures = (median(run.seconds for run in runs), median(run.cpu for run in runs), median(r.server_cpu for r in runs))
    wall, cpu, server = (f"{value:.1f}" for value in figures)
    return [f"floor, {processes} processes", wall, "", "", cpu, server, "", "", "", ""]


def full_row(processes: int, runs: list[FullRun]) -> list[str]:
    """One row of the table of full runs: medians, and the most of memory."""
    return [
        f"pgdex, {processes} processes",
        f"{median(run.summary['duration_seconds'] for run in runs):.1f}",
        f"{median(run.summary['files_per_second'] for run in runs):.0f}",
        f"{median(run.record.overhead(processes) for run in runs):.1%}",
        f"{median(run.usage.cpu_seconds for run in runs):.1f}",
        f"{median(run.server.cpu_seconds for run in runs):.1f}",
        f"{max(run.usage.peak_bytes for run in runs) / 2**20:.0f}",
        f"{median(run.chunks for run in runs):,.0f}",
        f"{median(run.database_bytes for run in runs) / 2**20:.0f}",
        f"{median(run.status_p95 for run in runs) * 1000:.1f}",
    ]


def change_row(name: str, runs: list[JobStatus]) -> list[str]:
    """One row of the table of later runs: medians of times, the counts of the last."""
    summary: dict[str, Any] = runs[-1].summary or {}
    return [
        name,
        f"{median((run.summary or {})['duration_seconds'] for run in runs):.2f}",
        f"{median(run.elapsed_seconds for run in runs):.2f}",
        f"{summary['files_indexed']:,}",
        f"{summary['files_unchanged']:,}",
        f"{summary['files_skipped']:,}",
        f"{summary['files_deleted']:,}",
    ]
