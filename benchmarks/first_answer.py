"""What it takes until there is an answer: of `pgdex search` from the shell, and of a folder that was never indexed.

Run: python -m benchmarks.first_answer [--before CHECKOUT] [--runs 9] [--first-runs 5] [--files 500] [--write]

The tree is a git repository of part of the ansible corpus. `pgdex` runs as its users have it, each command a process
of its own, with an embedded server that is up, and is measured in turn with the version of another checkout, if one is
given, and with the floor: Python that does nothing, that imports psycopg, and that sends one bare statement to the same
server. Wall time and processor time (of the command, not of the server) are medians.

For the first answer no worker is up: those of the run before are ended. `begins` is from the request (the job's row)
to the start of its first batch, both by the server's clock, with no worker and with idle ones.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import psutil

from benchmarks.corpus import ANSIBLE, fetch
from benchmarks.git_trees import GitTree
from benchmarks.installed import HERE, Installed, commit_of, installed
from benchmarks.local_cluster import work_folder
from benchmarks.measure import load, machine, table, wait_until, write_section
from benchmarks.scaling import part_of

QUERY = "where are retries of a request configured"
BEGINS = "select extract(epoch from started_at - created_at)::float8 from pgdex.indexing_jobs order by created_at desc"
STATEMENT = "import psycopg, sys; psycopg.connect(sys.argv[1]).execute('select 1')"
PROMISED = {
    "pgdex search": "0.35 s",
    "index, then search, no worker up": "3 s",
    "first batch begins, no worker up": "0.5 s",
    "first batch begins, workers up": "0.05 s",
}
WORKERS_UP_SECONDS = 60.0

Times = dict[tuple[str, str], list[float]]


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--before", type=Path, metavar="CHECKOUT", help="another checkout, with its own .venv")
    options.add_argument("--tree", type=Path, help="another tree than a part of the ansible corpus")
    options.add_argument("--runs", type=int, default=9, help="searches of each version")
    options.add_argument("--first-runs", type=int, default=5, help="first answers of each version")
    options.add_argument("--files", type=int, default=500)
    options.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    given = options.parse_args()
    # Users have compiled modules, and so have those that are measured.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    print(machine(), loaded := load(), flush=True)
    walls: Times = {}
    processors: Times = {}
    with work_folder("first-answer") as work, ExitStack() as stack:
        source = given.tree or part_of(fetch(ANSIBLE), work / "part", files=given.files)
        tree = GitTree.of(source, work / "tree").path
        checkouts = {"pgdex": HERE} | ({"before": given.before.resolve()} if given.before else {})
        versions = [
            stack.enter_context(
                installed(
                    f"{name} ({commit_of(checkout)})",
                    checkout=checkout,
                    work=work,
                    embedder="code",
                    variables={"PGDEX_SERVER_LINGER": "600"},
                )
            )
            for name, checkout in checkouts.items()
        ]
        for _ in range(given.first_runs):
            for one in versions:
                measure_first_answer(one, tree, walls)
        for one in versions:
            measure_commands(one, tree, walls, processors, runs=given.runs)
        report = described(walls, processors, files=given.files, loaded=loaded, given=given)
    print(report)
    if given.write:
        write_section("first_answer", report)


def measure_first_answer(one: Installed, tree: Path, walls: Times) -> None:
    """A tree that the index does not have, no worker: from `pgdex index` to an answer; then a job with idle workers."""
    end_workers(one)
    if one.json("repos")["total_count"]:
        one.output("remove", str(tree), "--yes")
    one.output("repos", folder=tree)  # the server is up
    began = time.perf_counter()
    one.output("index", str(tree), folder=tree)
    indexed = time.perf_counter()
    one.output("search", QUERY, folder=tree)
    note(walls, "index, then search, no worker up", one.name, time.perf_counter() - began)
    note(walls, "of that, the search", one.name, time.perf_counter() - indexed)
    note(walls, "first batch begins, no worker up", one.name, begins(one))
    one.output("index", str(tree), folder=tree)
    note(walls, "first batch begins, workers up", one.name, begins(one))


def measure_commands(one: Installed, tree: Path, walls: Times, processors: Times, *, runs: int) -> None:
    """A search of the indexed tree from the shell, in turn with what it can't do without."""
    end_workers(one)
    python = str(Path(sys.executable))
    url = one.output("db", "url").strip()
    commands = {
        ("python -c pass", "floor"): [python, "-c", "pass"],
        ("import psycopg", "floor"): [python, "-c", "import psycopg"],
        ("one bare statement", "floor"): [python, "-c", STATEMENT, url],
        ("pgdex search", one.name): [str(one.program), "search", QUERY],
        ("pgdex status", one.name): [str(one.program), "status", "last"],
        ("pgdex --help", one.name): [str(one.program), "--help"],
    }
    for _ in range(runs + 1):
        for (what, whose), command in commands.items():
            wall, processor = timed(command, one, tree)
            note(walls, what, whose, wall)
            note(processors, what, whose, processor)
    for what, whose in commands:  # the first run compiles and fills caches
        del walls[what, whose][: 1 if len(walls[what, whose]) == runs + 1 else 0]


def timed(command: list[str], one: Installed, folder: Path) -> tuple[float, float]:
    """Seconds of wall time and of processor time of one command. Raises RuntimeError where it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **one.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with code {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime


def begins(one: Installed) -> float:
    """The seconds from the request of the newest job until its first batch began."""
    with one.connection() as connection:
        row = connection.execute(f"{BEGINS} limit 1").fetchone()
    assert row is not None, "a job was asked for"
    return float(row[0])


def end_workers(one: Installed) -> None:
    """End the workers that commands have started, and wait until the database knows."""
    for worker in one.json("workers"):
        try:
            parent = psutil.Process(worker["pid"]).parent()
        except psutil.Error:
            continue
        if parent is not None and "worker" in parent.cmdline():
            parent.terminate()
    wait_until(lambda: not any(worker["alive"] for worker in one.json("workers")), seconds=WORKERS_UP_SECONDS)


def note(times: Times, what: str, whose: str, seconds: float) -> None:
    """Keep one measurement."""
    times.setdefault((what, whose), []).append(seconds)


def described(walls: Times, processors: Times, *, files: int, loaded: str, given: argparse.Namespace) -> str:
    """The table and what it is of."""
    rows = [
        [
            what,
            whose,
            f"{statistics.median(values):.3f}",
            f"{min(values):.3f}",
            f"{statistics.median(processors[what, whose]):.3f}" if (what, whose) in processors else "",
            PROMISED.get(what, ""),
        ]
        for (what, whose), values in sorted(walls.items(), key=lambda entry: entry[0][0])
    ]
    return (
        f"A git repository of {files:,} files, the bundled model, an embedded server that is up; {given.runs} commands"
        f" and {given.first_runs} first answers of each; {loaded}.\n\n"
        + table(["what", "of", "median s", "least s", "processor s", "promised"], rows)
    )


if __name__ == "__main__":
    main()
