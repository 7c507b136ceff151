"""What worktrees and branches cost: the ansible corpus as a git repository, its first index, a second and a tenth
worktree, a branch on which a third of the files differ, and the way back; beside the version before.

Run: python -m benchmarks.worktrees [--before CHECKOUT] [--tree FOLDER] [--runs 3] [--embedders code,service] [--write]

Both versions are called as their users call them, in turn, each time on a fresh server; the one before from a checkout
with an environment of its own (`git worktree add PATH COMMIT`, there `make develop`). A vector index that is due is
built before anything else is asked for, and counts among the bytes. A branch is one that was never indexed.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.changes import added, text_files
from benchmarks.corpus import ANSIBLE, fetch
from benchmarks.git_trees import GitTree
from benchmarks.installed import HERE, Installed, commit_of, database_bytes, installed
from benchmarks.local_cluster import work_folder
from benchmarks.measure import load, machine, table, wait_until, write_section
from tests.support.embedding_server import EmbeddingServerProcess

PROCESSES = 2
SERVICE_SLOTS = 8  # of each process, where it is a service that is waited for
WORKTREES = 10  # the main one included
EXACT_SEARCH_CHUNKS = 50_000  # the default of PGDEX_EXACT_SEARCH_CHUNKS
INDEX_SECONDS = 1_200.0
FIRST, SECOND, TENTH = "first index", "second worktree", "tenth worktree"
BRANCH, BACK = "a branch: a third changed", "and back"
PROMISED = {SECOND: "3 s, 3 % more", TENTH: "3 s, 3 % more", BACK: "1.5 s, nothing made"}


@dataclass(frozen=True, slots=True)
class Step:
    """One job of a round, and what the database grew by."""

    job_seconds: float
    command_seconds: float
    indexed: int
    chunks: int
    calls: int
    texts: int
    added_share: float
    """Bytes that came, as a share of those after the first index."""
    bytes: int


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--before", type=Path, help="a checkout of the version before, with its .venv")
    options.add_argument("--tree", type=Path, help="another tree than the ansible corpus")
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--embedders", default="code,service", help="for branches, besides hashing; comma-separated")
    options.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    given = options.parse_args()
    source = given.tree or fetch(ANSIBLE)
    checkouts = {"now": HERE} | ({"before": given.before.resolve()} if given.before else {})
    print(machine(), before := load(), flush=True)
    with work_folder("worktrees") as work:
        tree, worktrees = prepared(source, work, rounds=given.runs)
        rounds: dict[tuple[str, str], list[Step]] = {}
        for number in range(given.runs):
            for name, checkout in checkouts.items():
                with installed(name, checkout=checkout, work=work, embedder="hashing") as one, one.workers(PROCESSES):
                    steps = one_round(one, tree, worktrees if name == "now" else worktrees[:1], branch=number)
                    for kind, step in steps:
                        rounds.setdefault((name, kind), []).append(step)
                        print(name, kind, step, flush=True)
        switches = []
        for embedder in filter(None, given.embedders.split(",")):
            switches += branch_rows(embedder, tree, work, runs=given.runs)
        report = described(rounds, switches, source=source.name, checkouts=checkouts, runs=given.runs, load=before)
    print(report)
    if given.write:
        write_section("worktrees", report)


def prepared(source: Path, work: Path, *, rounds: int) -> tuple[GitTree, list[Path]]:
    """The repository with its branches, and the other worktrees."""
    tree = GitTree.of(source, work / "main")
    files = text_files(tree.path)[::3]
    for number in range(rounds):
        tree.add_branch(f"branch_{number}", files, {path: added(path, f"branch {number}") for path in files})
    return tree, [tree.add_worktree(work / f"worktree_{number}") for number in range(2, WORKTREES + 1)]


def one_round(one: Installed, tree: GitTree, worktrees: Sequence[Path], *, branch: int) -> Iterator[tuple[str, Step]]:
    """First index, the other worktrees (the second and the tenth are told of), a branch, and back."""
    with Steps(one) as steps:
        yield FIRST, steps.take(tree.path)
        for number, path in enumerate(worktrees, start=2):
            step = steps.take(path)
            if number in (2, WORKTREES):
                yield SECOND if number == 2 else TENTH, step
        yield from both_ways(steps, tree, f"branch_{branch}")


def both_ways(steps: "Steps", tree: GitTree, branch: str) -> Iterator[tuple[str, Step]]:
    """To a branch and back to `main`, which is checked out afterwards in any case."""
    try:
        tree.switch(branch)
        yield BRANCH, steps.take(tree.path)
    finally:
        tree.switch("main")
    yield BACK, steps.take(tree.path)


class Steps:
    """Takes one job after the other on one server and knows what each added."""

    def __init__(self, one: Installed, *, service: EmbeddingServerProcess | None = None) -> None:
        self._one = one
        self._service = service
        self._sizes: list[int] = []

    def __enter__(self) -> "Steps":
        self._connection = self._one.connection()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def take(self, tree: Path) -> Step:
        """Index a tree, and wait for the vector index that is due then."""
        if self._service is not None:
            self._service.reset_counts()
        job = self._one.timed_index(tree)
        counts = self._service.counts() if self._service is not None else None
        wait_until(self._nothing_is_due, seconds=INDEX_SECONDS)
        self._sizes.append(database_bytes(self._connection))
        return Step(
            job.job_seconds,
            job.command_seconds,
            job.indexed,
            job.chunks,
            # `pgdex index` tries one embedding, and so does a process that has not used its model yet.
            counts.calls if counts else 0,
            counts.texts if counts else 0,
            (self._sizes[-1] - self._sizes[-2]) / self._sizes[0] if len(self._sizes) > 1 else 0.0,
            self._sizes[-1],
        )

    def _nothing_is_due(self) -> bool:
        row = self._connection.execute(
            "select count(*) from pgdex.vector_indexes_due(%s)", [EXACT_SEARCH_CHUNKS]
        ).fetchone()
        return row is not None and row[0] == 0


def branch_rows(embedder: str, tree: GitTree, work: Path, *, runs: int) -> list[list[str]]:
    """A row for a branch and one for the way back, with another embedder: one index, each time another branch."""
    found: dict[str, list[Step]] = {}
    with (
        service_for(embedder) as (service, spec, variables),
        installed("now", work=work, embedder=spec, variables=variables) as one,
        one.workers(PROCESSES, slots=1 if service is None else SERVICE_SLOTS),
        Steps(one, service=service) as steps,
    ):
        steps.take(tree.path)
        for number in range(runs):
            for kind, step in both_ways(steps, tree, f"branch_{number}"):
                found.setdefault(kind, []).append(step)
                print(embedder, kind, step, flush=True)
    return [
        [
            embedder,
            kind,
            *middle_seconds(taken),
            f"{middle(taken, lambda step: step.indexed):,.0f}",
            # The largest, so that none hides behind a median.
            f"{max(step.chunks for step in taken):,}",
            f"{max(step.calls for step in taken):,}" if service is not None else "",
            f"{max(step.texts for step in taken):,}" if service is not None else "",
        ]
        for kind, taken in found.items()
    ]


@contextmanager
def service_for(embedder: str) -> Iterator[tuple[EmbeddingServerProcess | None, str, dict[str, str]]]:
    """The tests' embedding service where `embedder` is "service": itself, its name for pgdex, and the variables for it;
    else no service, and the embedder."""
    if embedder != "service":
        yield None, embedder, {}
        return
    with EmbeddingServerProcess() as server:
        yield server, "openai:test-model", {"PGDEX_EMBEDDER_URL": f"{server.url}/v1", "PGDEX_EMBEDDER_API_KEY": "none"}


def middle(taken: Sequence[Step], pick: Callable[[Step], float]) -> float:
    """The median."""
    return statistics.median(map(pick, taken))


def middle_seconds(taken: Sequence[Step]) -> tuple[str, str]:
    """The medians of the job's and of the command's seconds."""
    return (
        f"{middle(taken, lambda step: step.job_seconds):.2f}",
        f"{middle(taken, lambda step: step.command_seconds):.2f}",
    )


def described(
    rounds: dict[tuple[str, str], list[Step]],
    switches: list[list[str]],
    *,
    source: str,
    checkouts: dict[str, Path],
    runs: int,
    load: str,
) -> str:
    """The tables, with the ratios to the version before, and what they are of."""
    rows = []
    for (name, kind), taken in rounds.items():
        former = rounds.get(("before", kind)) if name == "now" else None
        rows.append(
            [
                name,
                kind,
                *middle_seconds(taken),
                ""
                if former is None
                else f"{middle(taken, lambda s: s.job_seconds) / middle(former, lambda s: s.job_seconds):.3f}",
                f"{middle(taken, lambda step: step.indexed):,.0f}",
                f"{max(step.chunks for step in taken):,}",
                f"{middle(taken, lambda step: step.added_share):.2%}" if kind != FIRST else "",
                f"{middle(taken, lambda step: step.bytes) / 2**20:,.1f}",
                ""
                if former is None or kind != FIRST
                else f"{middle(taken, lambda step: step.bytes) / middle(former, lambda step: step.bytes):.3f}",
                PROMISED.get(kind, "") if name == "now" else "",
            ]
        )
    commits = ", ".join(f"{name} is commit {commit_of(checkout)}" for name, checkout in checkouts.items())
    report = (
        f"Corpus: {source} as a git repository, {PROCESSES} worker processes, embedder hashing, medians of {runs}"
        f" rounds in turn, each on a fresh server; {load}; {commits}. Command: from the start of `pgdex index` to its"
        " end. More bytes: than before this job, as a share of those after the first index. Promised: what the job may"
        " take at most.\n\n"
        + table(
            ["version", "job", "job s", "command s", "of before", "files indexed", "chunks made", "more bytes",
             "database MiB", "of before", "promised"],
            rows,
        )
    )  # fmt: skip
    if switches:
        report += (
            "\n\nBranches with other embedders, on one index; the service is a simulated one on this machine"
            f" ({SERVICE_SLOTS} slots for each process). Every chunk that is made is embedded, and no other. One or two"
            " calls try the service.\n\n"
            + table(
                ["embedder", "job", "job s", "command s", "files indexed", "chunks made", "calls", "texts embedded"],
                switches,
            )
        )
    return report


if __name__ == "__main__":
    main()
