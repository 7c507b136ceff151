"""A full index, nothing changed, and ten files changed: pgdex, its floor, LangChain's indexing API and cocoindex, with
the same embedding function (pgdex's `hashing`), into the same PostgreSQL with the same settings; and semble, which
keeps its index in files, with a model of the shape of its own.

Run: python -m benchmarks.peers [--tree FOLDER] [--runs 3] [--limit 900] [--systems pgdex,floor,…] [--write]

All see the same tree: those files of the corpus that pgdex reads (text, not generated, up to 1 MiB). LangChain and
cocoindex cut code with their own splitters into pieces of at most 1,000 characters without overlap and build no vector
index: less to do than they would have by their examples. semble cuts files in one process, as it does by default, or in
as many more as pgdex has (SEMBLE_INDEX_WORKERS); it searches by comparing all vectors, in memory. Each peer has an
environment of its own below benchmarks/.cache/peers, which is made when it is missing. The systems take turns; who is
not through within the limit is not tried again.
"""

import argparse
import atexit
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from benchmarks.changes import Edit, text_files
from benchmarks.chaos.server import Server
from benchmarks.corpus import ANSIBLE, fetch
from benchmarks.floor import run_floor
from benchmarks.local_cluster import fresh_home, server_process, work_folder, workers
from benchmarks.measure import load, machine, table, write_section
from benchmarks.peer_environments import ENVIRONMENTS, interpreter
from benchmarks.processes import Outcome, cpu_seconds, own_cpu_seconds, peak_bytes, run_command
from pgdex.indexer.sources import SourceText, read_source, walk
from pgdex.jobs.database.connection import conninfo
from tests.support.databases import new_database, url_of

ROOT = Path(__file__).parent.parent
PROCESSES = 2
MAX_FILE_BYTES = 1 << 20
SEMBLE_MODEL = "semble-model"  # below the folder of a run
STEPS = ("first", "nothing changed", "10 files changed")


@dataclass(frozen=True, slots=True)
class Peer:
    """Another indexer: its environment, its program below peer_programs, and its table of chunks."""

    environment: str
    program: str
    arguments: tuple[str, ...]
    rows_in: str


PEERS = {
    "pgvectorstore": Peer("langchain", "langchain_index.py", ("PGVectorStore",), "chunks"),
    "pgvector": Peer("langchain", "langchain_index.py", ("PGVector",), "langchain_pg_embedding"),
    "cocoindex": Peer("cocoindex", "cocoindex_index.py", (), "chunks"),
}
SEMBLE = {
    "semble": 0,
    "semble-processes": PROCESSES,
}  # SEMBLE_INDEX_WORKERS; 0 is its default: no process beside its own
SYSTEMS = ("pgdex", "floor", *PEERS, *SEMBLE)
TITLES = {
    "pgvectorstore": "LangChain, PGVectorStore",
    "pgvector": "LangChain, PGVector",
    "semble": "semble, one process",
    "semble-processes": f"semble, {PROCESSES} more processes for cutting",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One run of a system over the tree; None in a list of steps is one that was not through."""

    seconds: float
    cpu_seconds: float
    server_cpu: float
    peak_bytes: int
    rows: int
    database_bytes: int


Steps = dict[str, "Step | None"]
HOMES: list[Path] = []  # of the peers' servers


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tree", type=Path, help="another tree than the ansible corpus")
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--limit", type=float, default=900, help="seconds that a run of a system may take")
    options.add_argument("--systems", default=",".join(SYSTEMS), help=f"which of {', '.join(SYSTEMS)}")
    options.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    given = options.parse_args()
    # Leaving a server at exit makes a lock file once more. What is registered before the first starts runs after that.
    atexit.register(remove_homes)
    chosen = given.systems.split(",")
    if unknown := set(chosen) - set(SYSTEMS):
        raise SystemExit(f"--systems may name {', '.join(SYSTEMS)}: got {', '.join(sorted(unknown))}")
    before = load()
    print(machine(), before, flush=True)
    with work_folder("peers") as work:
        tree = readable_part(given.tree or fetch(ANSIBLE), work / "tree")
        systems = {name: go for name, go in known_systems(work, tree, given.limit).items() if name in chosen}
        for environment in sorted(environments(chosen)):
            interpreter(environment)
        if "semble" in environments(chosen):
            make_model(tree, work / SEMBLE_MODEL)
        results: dict[str, list[Steps]] = {name: [] for name in systems}
        for number in range(given.runs):
            ten = Edit(text_files(tree)[100:110], f"run {number}")
            for name, go in systems.items():
                if results[name] and any(step is None for step in results[name][-1].values()):
                    continue
                results[name].append(go(ten))
                ten.undo()
                print(name, results[name][-1], flush=True)
    report = described(results, given=given, before=before)
    print(report)
    if given.write:
        write_section("peers", report)


def environments(chosen: Sequence[str]) -> set[str]:
    """The environments that the chosen systems need."""
    return {peer.environment for name, peer in PEERS.items() if name in chosen} | {
        "semble" for _ in SEMBLE.keys() & chosen
    }


def readable_part(tree: Path, target: Path) -> Path:
    """A copy of those files of a tree that pgdex reads, with their times."""
    for file in walk(tree, max_file_bytes=MAX_FILE_BYTES):
        if file.skip_reason is None and isinstance(
            read_source(tree, file.path, max_file_bytes=MAX_FILE_BYTES), SourceText
        ):
            (target / file.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(tree / file.path, target / file.path)
    return target


def known_systems(work: Path, tree: Path, limit: float) -> dict[str, Callable[[Edit], Steps]]:
    """By name, what runs a system through all steps, the last of them after an edit."""
    systems: dict[str, Callable[[Edit], Steps]] = {
        "pgdex": partial(run_pgdex, work, tree, limit=limit),
        "floor": partial(run_bare_loops, work, tree),
    }
    systems |= {name: partial(run_peer, peer, work, tree, limit=limit) for name, peer in PEERS.items()}
    return systems | {name: partial(run_semble, n, work, tree, limit=limit) for name, n in SEMBLE.items()}


def run_pgdex(work: Path, tree: Path, ten: Edit, *, limit: float) -> Steps:
    """`pgdex index` with worker processes that are ready, on the embedded server."""
    command = [sys.executable, "-P", "-m", "pgdex.jobs.cli", "index", str(tree)]
    steps: Steps = {}
    with fresh_home(work) as settings, workers(settings, PROCESSES) as supervisor:
        database = server_process(settings)
        for name in STEPS:
            if name == STEPS[2]:
                ten.apply()
            cpu = cpu_seconds(supervisor), cpu_seconds(database)
            outcome = run_command(
                command, environment={}, folder=settings.home, log=settings.home / "command.log", limit_seconds=limit
            )
            used = cpu_seconds(supervisor) - cpu[0], cpu_seconds(database) - cpu[1]
            if not outcome.is_through:
                return steps | {name: None}
            peak = max([outcome.peak_bytes, *map(peak_bytes, supervisor.children())])
            rows, size = stored(conninfo(settings), "pgdex.chunks")
            steps[name] = Step(outcome.seconds, outcome.cpu_seconds + used[0], used[1], peak, rows, size)
    return steps


def run_bare_loops(work: Path, tree: Path, _ten: Edit) -> Steps:
    """The floor, which knows no changes. Its processes' memory is not told apart from this one's."""
    with fresh_home(work) as settings:
        database = server_process(settings)
        before = own_cpu_seconds(), cpu_seconds(database)
        seconds = run_floor(tree, conninfo=conninfo(settings), embedder="hashing", processes=PROCESSES)
        used = own_cpu_seconds() - before[0], cpu_seconds(database) - before[1]
        rows, size = stored(conninfo(settings), "pgdex.chunks")
        return {STEPS[0]: Step(seconds, used[0], used[1], 0, rows, size)}


def run_peer(peer: Peer, work: Path, tree: Path, ten: Edit, *, limit: float) -> Steps:
    """A peer's program, once for each step."""
    steps: Steps = {}
    with peer_database() as (server, url), tempfile.TemporaryDirectory(dir=work) as state:
        for name in STEPS:
            if name == STEPS[2]:
                ten.apply()
            before = cpu_seconds(server)
            outcome = run_program(peer, tree, url, Path(state), limit=limit)
            used = cpu_seconds(server) - before
            if not outcome.is_through:
                return steps | {name: None}
            rows, size = stored(url, peer.rows_in)
            steps[name] = Step(outcome.seconds, outcome.cpu_seconds, used, outcome.peak_bytes, rows, size)
    return steps


def run_program(peer: Peer, tree: Path, url: str, state: Path, *, limit: float) -> Outcome:
    """Run a peer's program in its environment; it finds pgdex's embedder, and nothing of it is sent anywhere."""
    return run_command(
        [
            str(interpreter(peer.environment)),
            str(Path(__file__).parent / "peer_programs" / peer.program),
            str(tree),
            url,
            *peer.arguments,
        ],
        environment={
            "PYTHONPATH": str(ROOT),
            "COCOINDEX_DB": str(state / "cocoindex"),
            "COCOINDEX_DISABLE_USAGE_TRACKING": "1",
        },
        folder=state,
        log=state / "log",
        limit_seconds=limit,
    )


def make_model(tree: Path, folder: Path) -> None:
    """The model for semble, whose tokens are learnt from the tree: ten seconds."""
    program = Path(__file__).parent / "peer_programs" / "semble_model.py"
    subprocess.run([str(interpreter("semble")), str(program), str(tree), str(folder)], check=True)


def run_semble(processes: int, work: Path, tree: Path, ten: Edit, *, limit: float) -> Steps:
    """semble's program, once for each step, with a cache of its own and without its hub."""
    steps: Steps = {}
    program = Path(__file__).parent / "peer_programs" / "semble_index.py"
    with tempfile.TemporaryDirectory(dir=work) as state:
        for name in STEPS:
            if name == STEPS[2]:
                ten.apply()
            outcome = run_command(
                [str(interpreter("semble")), str(program), str(tree), str(work / SEMBLE_MODEL)],
                environment={
                    "SEMBLE_INDEX_WORKERS": str(processes),
                    "SEMBLE_CACHE_LOCATION": state,
                    "HF_HUB_OFFLINE": "1",
                },
                folder=Path(state),
                log=Path(state) / "log",
                limit_seconds=limit,
            )
            if not outcome.is_through:
                return steps | {name: None}
            size = sum(file.stat().st_size for file in Path(state).rglob("*") if file.is_file())
            rows = int(outcome.log.rpartition("\n")[0].rpartition("\n")[2])
            steps[name] = Step(outcome.seconds, outcome.cpu_seconds, 0.0, outcome.peak_bytes, rows, size)
    return steps


@contextmanager
def peer_database() -> Iterator[tuple[psutil.Process, str]]:
    """A fresh server like pgdex's own, and the URL of a database on it with pgvector."""
    with Server() as server, new_database(server.url, label="peer") as name:
        HOMES.append(server.home)
        url = url_of(server.url, name)
        with psycopg.connect(url) as connection:
            connection.execute("create extension vector")
        pid = int((server.home / "data" / "postmaster.pid").read_text().split()[0])
        yield psutil.Process(pid), url


def remove_homes() -> None:
    """Remove what the peers' servers have left behind."""
    for home in HOMES:
        shutil.rmtree(home, ignore_errors=True)


def stored(where: str, rows_in: str) -> tuple[int, int]:
    """How many rows the chunks have, and the size of the database."""
    with psycopg.connect(where) as connection:
        rows = connection.execute(
            sql.SQL("select count(*) from {}").format(sql.Identifier(*rows_in.split(".")))
        ).fetchone()
        size = connection.execute("select pg_database_size(current_database())").fetchone()
    assert rows is not None
    assert size is not None
    return int(rows[0]), int(size[0])


def described(results: dict[str, list[Steps]], *, given: argparse.Namespace, before: str) -> str:
    """The table: a row for each system and step."""
    rows: list[list[str]] = []
    for name, runs in results.items():
        for step in STEPS:
            some = [run[step] for run in runs if step in run]
            if some:
                figures = cells([one for one in some if one is not None], limit=given.limit)
                rows.append([TITLES.get(name, name), step, figures[0], times_pgdex(results, name, step), *figures[1:]])
    versions = ", ".join(dict.fromkeys(version for some in ENVIRONMENTS.values() for version in some))
    return (
        f"Corpus: {given.tree.name if given.tree else ANSIBLE}, medians of {given.runs} runs in turn; {before}. pgdex"
        f" and the floor with {PROCESSES} processes; versions: {versions}.\n\n"
        + table(
            [
                "system",
                "run",
                "wall s",
                "times pgdex",
                "CPU s",
                "CPU s server",
                "peak MiB of a process",
                "rows",
                "MiB kept",
            ],
            rows,
        )
    )


def times_pgdex(results: dict[str, list[Steps]], name: str, step: str) -> str:
    """The median of how many times as long as pgdex in the same round; empty where one of the two is missing."""
    ratios = [
        one.seconds / pgdex.seconds
        for run, beside in zip(results[name], results.get("pgdex", ()), strict=False)
        if (one := run.get(step)) is not None and (pgdex := beside.get(step)) is not None
    ]
    return f"{statistics.median(ratios):.2f}" if ratios else ""


def cells(steps: list[Step], *, limit: float) -> list[str]:
    """One system's figures for a step: medians, and the most of memory."""
    if not steps:
        return [f"not through within {limit:.0f}", "", "", "", "", ""]
    peak = max(step.peak_bytes for step in steps)
    return [
        f"{statistics.median(step.seconds for step in steps):.1f}",
        f"{statistics.median(step.cpu_seconds for step in steps):.1f}",
        f"{statistics.median(step.server_cpu for step in steps):.1f}",
        f"{peak / 2**20:.0f}" if peak else "",
        f"{statistics.median(step.rows for step in steps):,.0f}",
        f"{statistics.median(step.database_bytes for step in steps) / 2**20:,.0f}",
    ]


if __name__ == "__main__":
    main()
