"""What a later job costs: nothing changed, ten files changed, a branch switch (a third of the files change, and change
back). Once with the `code` model in the workers, once with a simulated embedding service, where the way back from a
branch must cost no call.

Run: python -m benchmarks.changes [--tree FOLDER] [--runs 3] [--latency-ms 50] [--write]
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.corpus import ANSIBLE, copy_of, fetch
from benchmarks.generated_trees import small_files
from benchmarks.job_record import job_record
from benchmarks.local_cluster import completed, embedding_at, fresh_home, server_process, work_folder, workers
from benchmarks.measure import load, machine, table, wait_until, write_section
from benchmarks.processes import cpu_seconds, peak_bytes
from pgdex.indexer.sources import walk
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.workers import vector_indexes_due
from pgdex.jobs.settings import Settings
from tests.support.embedding_server import EmbeddingServerProcess

PROCESSES = 2
SERVICE_SLOTS = 8  # of each process, where it is a service that is waited for
SERVICE = "ollama:test-model"
MAX_FILE_BYTES = 1 << 20
TEXT_ENDINGS = (".py", ".yml", ".yaml", ".md", ".rst", ".txt", ".ini", ".ps1", ".sh")
SIZES = {"1 KB": 3, "16 KB": 55}  # functions of a file
SIZED_FILES = 4_000
INDEX_SECONDS = 1_200.0


@dataclass(frozen=True, slots=True)
class Round:
    """One job, as seen from outside."""

    job_seconds: float
    asked_seconds: float
    """From asking for the job to knowing that it is completed."""
    workers_cpu: float
    server_cpu: float
    indexed: int
    unchanged: int
    calls: int
    texts: int


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tree", type=Path, help="another tree than the ansible corpus")
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--latency-ms", type=int, default=50)
    options.add_argument("--embedder", default="code", help="the one that runs in the workers")
    options.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    given = options.parse_args()
    source = given.tree or fetch(ANSIBLE)
    print(machine(), load(), flush=True)
    before = load()
    rows: list[list[str]] = []
    peaks: list[str] = []
    with work_folder("changes") as work:
        tree = copy_of(source, work / "tree")
        with fresh_home(work, embedder=given.embedder) as settings, workers(settings, PROCESSES) as supervisor:
            rows += measured(given.embedder, settings, supervisor, tree, runs=given.runs)
            peaks.append(peak_of_workers(supervisor))
        tree = copy_of(source, work / "tree")
        with (
            service(given.latency_ms) as server,
            fresh_home(work, embedder=SERVICE) as settings,
            workers(settings, PROCESSES, slots=SERVICE_SLOTS) as supervisor,
        ):
            name = f"service, {given.latency_ms} ms"
            rows += measured(name, settings, supervisor, tree, runs=given.runs, server=server)
            peaks.append(peak_of_workers(supervisor))
        sizes = sized(work, runs=given.runs)
    report = (
        f"Corpus: {source.name}, {PROCESSES} worker processes (of {SERVICE_SLOTS} slots with the service), medians of"
        f" {given.runs} rounds on one index; {before}. Largest worker: {peaks[0]} with {given.embedder}, {peaks[1]}"
        " with the service. A vector index that is due is built before the next job is asked for. Asked: from the"
        " request to the news that the job is completed.\n\n"
        + table(
            ["embedder", "job", "job s", "asked s", "CPU s workers", "CPU s server", "files indexed", "unchanged",
             "calls", "texts embedded"],
            rows,
        )
        + f"\n\nNothing changed, {SIZED_FILES:,} generated files of two sizes:\n\n"
        + table(["size of a file", "job s", "asked s", "CPU s workers", "CPU s server"], sizes)
    )  # fmt: skip
    print(report)
    if given.write:
        write_section("changes", report)


@contextmanager
def service(latency_ms: int) -> Iterator[EmbeddingServerProcess]:
    """The tests' embedding service, which counts, with a latency; workers are told of it by their environment."""
    with EmbeddingServerProcess() as server:
        server.fail("slow", latency_ms=latency_ms)
        with embedding_at(server.url):
            yield server


def measured(
    name: str,
    settings: Settings,
    supervisor: psutil.Process,
    tree: Path,
    *,
    runs: int,
    server: EmbeddingServerProcess | None = None,
) -> list[list[str]]:
    """A row for each kind of job, the median of `runs` rounds that go through all kinds in turn."""

    def go() -> Round:
        return one_job(settings, supervisor, tree, server)

    kinds: dict[str, list[Round]] = {"first": [go()]}
    print(name, "first", kinds["first"][0], flush=True)
    files = text_files(tree)
    for number in range(runs):
        branch = Edit(files[::3], f"branch {number}")
        ten = Edit(files[100:110], f"ten {number}")
        steps: dict[str, Callable[[], None]] = {
            "nothing changed": lambda: None,
            "10 files changed": ten.apply,
            "a branch: a third changed": branch.apply,
            "and back": branch.undo,
        }
        for kind, step in steps.items():
            step()
            kinds.setdefault(kind, []).append(go())
            print(name, kind, kinds[kind][-1], flush=True)
    return [row(name, kind, rounds, is_remote=server is not None) for kind, rounds in kinds.items()]


class Edit:
    """A change of some files that can be taken back, as switching to a branch and back does it."""

    def __init__(self, files: list[Path], mark: str) -> None:
        self._files = files
        self._mark = mark
        self._before: dict[Path, bytes] = {}

    def apply(self) -> None:
        """Add something to each file."""
        for path in self._files:
            self._before[path] = path.read_bytes()
            path.write_bytes(self._before[path] + added(path, self._mark).encode())

    def undo(self) -> None:
        """Write what was there before; the files' times are new."""
        for path, content in self._before.items():
            path.write_bytes(content)


def added(path: Path, mark: str) -> str:
    """What a change puts at a file's end: a function of its own, or a line."""
    word = mark.replace(" ", "_")
    if path.suffix == ".py":
        return f'\n\ndef changed_on_{word}():\n    """Changed on {mark} in {path.name}."""\n    return {path.name!r}\n'
    return f"\n# changed on {mark} in {path.name}\n"


def text_files(tree: Path) -> list[Path]:
    """The files that can be changed so that their chunks change, in the order of their paths."""
    found = walk(tree, max_file_bytes=MAX_FILE_BYTES)
    return sorted(
        tree / file.path
        for file in found
        if file.skip_reason is None and file.path.endswith(TEXT_ENDINGS) and 0 < file.size < MAX_FILE_BYTES // 2
    )


def one_job(
    settings: Settings, supervisor: psutil.Process, tree: Path, server: EmbeddingServerProcess | None = None
) -> Round:
    """Index the tree as it is now."""
    until_vector_indexes_are_built(settings)
    database = server_process(settings)
    if server is not None:
        server.reset_counts()
    cpu = cpu_seconds(supervisor), cpu_seconds(database)
    with Client.open(settings) as client:
        client.listen()
        started = time.perf_counter()
        job_id = client.start(tree).job_id
        status = completed(client, job_id, pause=lambda: client.wait_for_notification(timeout_seconds=1.0))
        asked = time.perf_counter() - started
        record = job_record(client.connection, job_id)
    counts = server.counts() if server is not None else None
    return Round(
        job_seconds=record.seconds,
        asked_seconds=asked,
        workers_cpu=cpu_seconds(supervisor) - cpu[0],
        server_cpu=cpu_seconds(database) - cpu[1],
        indexed=status.files_indexed,
        unchanged=status.files_unchanged,
        # `start` tries one embedding, and so does a process that has not used its model yet.
        calls=counts.calls if counts else 0,
        texts=counts.texts if counts else 0,
    )


def until_vector_indexes_are_built(settings: Settings) -> None:
    """Wait for what workers build beside the jobs, so that no job's figures hold the build of the one before."""
    limit = settings.exact_search_chunks
    with Client.open(settings) as client:
        wait_until(lambda: vector_indexes_due(client.connection, exact_search_chunks=limit) == 0, seconds=INDEX_SECONDS)


def row(name: str, kind: str, rounds: list[Round], *, is_remote: bool) -> list[str]:
    """Medians; calls and texts are the largest of all rounds, so that none hides behind a median."""

    def middle(pick: Callable[[Round], float]) -> float:
        return statistics.median(map(pick, rounds))

    return [
        name,
        kind,
        f"{middle(lambda r: r.job_seconds):.2f}",
        f"{middle(lambda r: r.asked_seconds):.2f}",
        f"{middle(lambda r: r.workers_cpu):.2f}",
        f"{middle(lambda r: r.server_cpu):.2f}",
        f"{middle(lambda r: r.indexed):,.0f}",
        f"{middle(lambda r: r.unchanged):,.0f}",
        f"{max(r.calls for r in rounds):,}" if is_remote else "",
        f"{max(r.texts for r in rounds):,}" if is_remote else "",
    ]


def sized(work: Path, *, runs: int) -> list[list[str]]:
    """Nothing changed, for files of different sizes in turn: the time must not depend on them."""
    trees = {
        name: small_files(work / f"files_{number}", SIZED_FILES, functions=functions)
        for number, (name, functions) in enumerate(SIZES.items())
    }
    rounds: dict[str, list[Round]] = {name: [] for name in trees}
    with fresh_home(work) as settings, workers(settings, PROCESSES) as supervisor:
        for tree in trees.values():
            one_job(settings, supervisor, tree)
        for _ in range(runs):
            for name, tree in trees.items():
                rounds[name].append(one_job(settings, supervisor, tree))
    return [
        [cells[0], *cells[2:6]] for cells in (row(name, "", some, is_remote=False) for name, some in rounds.items())
    ]


def peak_of_workers(supervisor: psutil.Process) -> str:
    """The most memory that any of the workers had."""
    return f"{max(map(peak_bytes, supervisor.children()), default=0) / 2**20:.0f} MiB"


if __name__ == "__main__":
    main()
