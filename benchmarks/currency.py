"""How old an answer is: from saving a file until a search finds what was saved, with a watcher and without one, with
workers and where none is alive; what the look before an answer takes where nothing changed, by a command, and by a
server, which remembers the last one; what an idle watcher takes.

Run: python -m benchmarks.currency [--tree FOLDER] [--saves 30] [--looks 100] [--idle-seconds 60] [--runs 3] [--write]

The ansible corpus is indexed as a git repository, and a part of it of 2,000 files. Each save adds a function with a
name of its own to another file. Where a watcher is to find it, searches don't look themselves (PGDEX_FRESH_SECONDS=0)
and ask every 20 ms; otherwise the time is that of one search, which looks, has the change indexed, waits and answers;
one that answers too early is asked again, and counted. Searches are those of a process that stays, like an agent's
server. Without workers, those of the save before are ended first, and the search starts new ones: there are fewer
saves, and each search may wait as long as that takes. With `--runs`, all of it is measured that many times in turn, and
the medians of the runs are shown.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.changes import text_files, until_vector_indexes_are_built
from benchmarks.corpus import ANSIBLE, fetch
from benchmarks.git_trees import GitTree
from benchmarks.local_cluster import completed, fresh_home, work_folder, workers
from benchmarks.measure import load, machine, table, wait_until, write_section
from benchmarks.processes import cpu_seconds, peak_bytes
from benchmarks.scaling import part_of
from pgdex.indexer.search import SearchRequest
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.freshening import Look, freshen, whole_look
from pgdex.jobs.client.freshness import FrontEndWords
from pgdex.jobs.client.search import search_code
from pgdex.jobs.client.views import innermost_view
from pgdex.jobs.client.workers import known_workers, living_workers
from pgdex.jobs.settings import Settings
from pgdex.jobs.watching import Looks
from pgdex.jobs.worker.launcher import ensure_workers

PROCESSES = 2
SMALL = 2_000
POLL_SECONDS = 0.02
SETTLE_SECONDS = 0.3  # between two saves: a person's are further apart
FEW_SAVES = 5  # where every search starts workers: each takes some seconds
LATE_SECONDS = 60.0
PROJECT = "default"
WORDS = FrontEndWords(index="", narrow="", widen="")
WATCHED, LOOKED, NO_WORKER = "with a watcher", "without one", "without one, no worker alive"
LOOK, IDLE = "nothing changed: the look", "idle watcher"
LOOKED_BY_SERVER, LOOK_BY_SERVER = "without one, by a server", "nothing changed: the look by a server"
PROMISED = {
    WATCHED: "p95 1.0 s",
    LOOKED: "p95 1.5 s",
    (LOOK, "small"): "p95 60 ms",
    (LOOK, "large"): "p95 400 ms",
    LOOKED_BY_SERVER: "p95 1.5 s",
    LOOK_BY_SERVER: "p95 5 ms",
    IDLE: "0.1 % of a core, 80 MiB",
}


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tree", type=Path, help="another tree than the ansible corpus")
    options.add_argument("--saves", type=int, default=30)
    options.add_argument("--looks", type=int, default=100)
    options.add_argument("--idle-seconds", type=float, default=60.0)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    given = options.parse_args()
    source = given.tree or fetch(ANSIBLE)
    print(machine(), before := load(), flush=True)
    times: dict[tuple[str, str], list[list[float]]] = {}
    early: dict[tuple[str, str], int] = {}
    idle: list[tuple[float, float]] = []
    counts: dict[str, int] = {}
    with work_folder("currency") as work:
        large = GitTree.of(source, work / "large").path
        small = GitTree.of(part_of(source, work / "part", files=SMALL), work / "small").path
        with fresh_home(work) as settings:
            with workers(settings, PROCESSES), Client.open(settings) as client:
                for size, tree in (("small", small), ("large", large)):
                    counts[size] = completed(client, client.start(tree).job_id).files_scanned
                until_vector_indexes_are_built(settings)
            for run in range(given.runs):
                saves = {size: Saves(tree, f"run{run}") for size, tree in (("small", small), ("large", large))}
                for kind, size, taken, too_early in measured(settings, saves, saves_=given.saves, looks=given.looks):
                    times.setdefault((kind, size), []).append(taken)
                    early[kind, size] = early.get((kind, size), 0) + too_early
                    print(kind, size, shown(taken), too_early, flush=True)
                with workers(settings, PROCESSES):
                    idle.append(idle_watcher(settings, large, seconds=given.idle_seconds))
                print(IDLE, idle[-1], flush=True)
    report = described(times, early, idle, counts, source=source.name, load=before, given=given)
    print(report)
    if given.write:
        write_section("currency", report)


class Saves:
    """Edits of a tree's files, one after the other, each with a name that is nowhere else."""

    def __init__(self, tree: Path, mark: str) -> None:
        self.tree = tree
        self._mark = mark
        self._files = [path for path in text_files(tree) if path.suffix == ".py"]
        self._number = 0

    def save(self) -> str:
        """Change the next file; returns the name to look for."""
        path = self._files[self._number * 7 % len(self._files)]
        name = f"saved_{self._mark}_{self._number}_of_{self.tree.name}"
        self._number += 1
        with path.open("a") as file:
            file.write(f'\n\ndef {name}():\n    """What {name} says."""\n    return "{name}"\n')
        return name


def measured(
    settings: Settings, saves: dict[str, Saves], *, saves_: int, looks: int
) -> Iterator[tuple[str, str, list[float], int]]:
    """Seconds of each kind, and how many searches answered too early."""
    looking = settings.with_values(fresh_seconds=1.5)
    with workers(settings, PROCESSES):
        for size, edits in saves.items():
            yield LOOK, size, look_times(looking, edits.tree, looks=looks), 0
            yield LOOK_BY_SERVER, size, look_times(looking, edits.tree, looks=looks, look=Looks().look), 0
        for size, edits in saves.items():
            yield LOOKED, size, *saved_and_found(looking, edits, number=saves_, pause=lambda: None)
            remembered = Looks().look
            yield (
                LOOKED_BY_SERVER,
                size,
                *saved_and_found(looking, edits, number=saves_, pause=lambda: None, look=remembered),
            )
        waiting = settings.with_values(fresh_seconds=0)
        for size, edits in saves.items():
            with watcher(edits.tree):
                taken, _ = saved_and_found(waiting, edits, number=saves_, pause=lambda: time.sleep(POLL_SECONDS))
            yield WATCHED, size, taken, 0
    patient = settings.with_values(fresh_seconds=LATE_SECONDS)
    yield (
        NO_WORKER,
        "large",
        *saved_and_found(
            patient, saves["large"], number=min(FEW_SAVES, saves_), pause=lambda: None, before=end_workers
        ),
    )
    with Client.open(settings) as client:
        end_workers(client)


def saved_and_found(
    settings: Settings,
    edits: Saves,
    *,
    number: int,
    pause: Callable[[], None],
    before: Callable[[Client], None] = lambda client: None,
    look: Look = whole_look,
) -> tuple[list[float], int]:
    """Seconds from each save to the answer that has it, and how many answers came without it."""
    taken = []
    early = 0
    with Client.open(settings) as client:
        is_found(client, edits.tree, "the first search opens the model", look=look)
        for _ in range(number):
            before(client)
            time.sleep(SETTLE_SECONDS)
            started = time.perf_counter()
            name = edits.save()
            while not is_found(client, edits.tree, name, look=look):
                early += 1
                pause()
                if time.perf_counter() - started > LATE_SECONDS:
                    raise TimeoutError(
                        f"{name} was not found within {LATE_SECONDS:.0f} s. On a busy machine the look may take longer"
                        " than PGDEX_FRESH_SECONDS; then a search answers without it"
                    )
            taken.append(time.perf_counter() - started)
            until_idle(client)
    return taken, early


def is_found(client: Client, tree: Path, name: str, *, look: Look) -> bool:
    """Whether a search for the name, standing in the tree, shows it."""
    found = search_code(
        client,
        SearchRequest(name, project_id=PROJECT, limit=5),
        words=WORDS,
        standing_in=tree,
        ensure_workers=lambda: ensure_workers(client),
        look=look,
    )
    return any(name in hit.content for hit in found.hits)


def look_times(settings: Settings, tree: Path, *, looks: int, look: Look = whole_look) -> list[float]:
    """Seconds of what comes before an answer, where nothing changed: finding the view, the walk, comparing. The first
    look is not counted."""
    taken = []
    with Client.open(settings) as client:
        until_idle(client)
        for _ in range(looks + 1):
            started = time.perf_counter()
            view = innermost_view(client.connection, [str(tree)], project=PROJECT)
            assert view is not None
            freshen(client, view, project=PROJECT, ensure_workers=_not_needed, look=look)
            taken.append(time.perf_counter() - started)
    return taken[1:]


def _not_needed() -> None:
    raise RuntimeError("the look found a change, and nothing was changed")


def until_idle(client: Client) -> None:
    """Wait for the end of every job."""
    query = "select count(*) from pgdex.indexing_jobs where pgdex.is_live(status)"

    def is_idle() -> bool:
        row = client.connection.execute(query).fetchone()
        return row is not None and row[0] == 0

    wait_until(is_idle, seconds=LATE_SECONDS)


def end_workers(client: Client) -> None:
    """End the workers that a search has started, and wait until the database knows of none."""
    found = [worker.pid for worker in known_workers(client.connection) if worker.pid and psutil.pid_exists(worker.pid)]
    supervisors = [psutil.Process(pid) for pid in {psutil.Process(pid).ppid() for pid in found} - {1}]
    for supervisor in supervisors:
        supervisor.terminate()
    psutil.wait_procs(supervisors, timeout=LATE_SECONDS)
    wait_until(lambda: not living_workers(client.connection), seconds=LATE_SECONDS)


@contextmanager
def watcher(tree: Path) -> Iterator[psutil.Process]:
    """`pgdex watch` of a tree, once it watches."""
    command = [sys.executable, "-P", "-m", "pgdex.jobs.cli", "watch", str(tree), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=tree, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "watching":
                break
        else:
            raise RuntimeError(f"pgdex watch ended with code {process.wait()}")
        time.sleep(2.0)  # it asks for one job at its start
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def idle_watcher(settings: Settings, tree: Path, *, seconds: float) -> tuple[float, float]:
    """The share of a core and the most memory (MiB) of a watcher while nothing changes."""
    with watcher(tree) as process, Client.open(settings) as client:
        until_idle(client)
        time.sleep(2.0)
        before = cpu_seconds(process)
        time.sleep(seconds)
        return (cpu_seconds(process) - before) / seconds, peak_bytes(process) / 2**20


def shown(taken: Sequence[float]) -> tuple[str, str]:
    """Median and p95 in milliseconds."""
    return f"{statistics.median(taken) * 1000:.0f}", f"{p95(taken) * 1000:.0f}"


def p95(taken: Sequence[float]) -> float:
    """The 95th percentile; of fewer than twenty the largest."""
    return sorted(taken)[min(len(taken) - 1, int(len(taken) * 0.95))]


def described(
    times: dict[tuple[str, str], list[list[float]]],
    early: dict[tuple[str, str], int],
    idle: Sequence[tuple[float, float]],
    counts: dict[str, int],
    *,
    source: str,
    load: str,
    given: argparse.Namespace,
) -> str:
    """The tables and what they are of."""
    rows = [
        [
            kind,
            f"{counts[size]:,}",
            str(len(runs[0])),
            f"{statistics.median(map(statistics.median, runs)) * 1000:.0f}",
            f"{statistics.median(map(p95, runs)) * 1000:.0f}",
            f"{max(map(max, runs)) * 1000:.0f}",
            str(early[kind, size]) if kind in (LOOKED, LOOKED_BY_SERVER, NO_WORKER) else "",
            PROMISED.get((kind, size)) or PROMISED.get(kind, ""),
        ]
        for (kind, size), runs in times.items()
    ]
    share, memory = (statistics.median(values) for values in zip(*idle, strict=True))
    return (
        f"Corpus: {source}, {PROCESSES} worker processes, embedder hashing, medians of {given.runs} runs; {load}. From"
        " saving a file to an answer with what was saved; answers without it are counted as early.\n\n"
        + table(["what", "files", "a run", "p50 ms", "p95 ms", "max ms", "early", "promised"], rows)
        + f"\n\nIdle for {given.idle_seconds:.0f} s, a watcher of {counts['large']:,} files took {share:.3%} of a core"
        f" and {memory:.0f} MiB (promised: {PROMISED[IDLE]})."
    )


if __name__ == "__main__":
    main()
