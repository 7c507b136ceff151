"""A version of pgdex as its users have it: commands, each a process of its own. So the version before runs beside the
one that is measured: from a checkout of its own, with its own environment (`git worktree add`, `make develop`)."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from pgdex.jobs.database.embedded.server import stop_server

HERE = Path(__file__).parent.parent
LIMIT_SECONDS = 1_200
START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Installed:
    """The command `pgdex` of one checkout, with a home of its own."""

    name: str
    program: Path
    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def json(self, *arguments: str, folder: Path | None = None) -> Any:
        """What a command prints with --json. Raises RuntimeError where it fails."""
        return json.loads(self.output(*arguments, "--json", folder=folder))

    def output(self, *arguments: str, folder: Path | None = None) -> str:
        """What a command prints. Raises RuntimeError where it fails."""
        done = subprocess.run(
            [self.program, *arguments],
            cwd=folder or self.home,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"pgdex {' '.join(arguments)} ended with code {done.returncode}:\n{done.stderr[-4000:]}")
        return done.stdout

    def timed_index(self, tree: Path) -> "TimedJob":
        """Index a folder to the end, as `pgdex index` does it."""
        started = time.perf_counter()
        job = self.json("index", str(tree))
        return TimedJob(
            job_seconds=job["summary"]["duration_seconds"],
            command_seconds=time.perf_counter() - started,
            indexed=job["files_indexed"],
            unchanged=job["files_unchanged"],
            chunks=job["chunks_created"],
        )

    def connection(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """A connection to its database."""
        return psycopg.connect(self.output("db", "url").strip(), autocommit=True)

    @contextmanager
    def workers(self, processes: int, *, slots: int = 1) -> Iterator[psutil.Process]:
        """Its supervisor, with workers that are ready for work."""
        log = self.home / "worker.log"
        with log.open("wb") as output:
            supervisor = subprocess.Popen(
                [self.program, "worker", "--processes", str(processes), "--slots", str(slots)],
                cwd=self.home,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            deadline = time.monotonic() + START_SECONDS
            while sum(worker["alive"] for worker in self.json("workers")) < processes:
                if supervisor.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"no workers of {self.name}: {log.read_text()[-2000:]}")
                time.sleep(0.2)
            yield psutil.Process(supervisor.pid)
        finally:
            supervisor.terminate()
            supervisor.wait(30)


@dataclass(frozen=True, slots=True)
class TimedJob:
    """A job as it is seen from outside."""

    job_seconds: float
    """As its summary says."""
    command_seconds: float
    """Of `pgdex index`, from its start to its end."""
    indexed: int
    unchanged: int
    chunks: int
    """That were made, each with its embedding."""


@contextmanager
def installed(
    name: str, *, checkout: Path = HERE, work: Path, embedder: str, variables: dict[str, str] | None = None
) -> Iterator[Installed]:
    """The version of a checkout, with a home and an embedded server of its own that are gone after the block."""
    program = checkout / ".venv" / "bin" / "pgdex" if checkout != HERE else Path(sys.executable).with_name("pgdex")
    if not program.exists():
        raise RuntimeError(f"{program} is missing: run `make develop` in {checkout}")
    home = Path(tempfile.mkdtemp(dir=work))
    home.chmod(0o755)
    environment = {"PGDEX_HOME": str(home), "PGDEX_EMBEDDER": embedder, "PGDEX_SERVER_LINGER": "5", **(variables or {})}
    one = Installed(name, program, home, environment)
    one.output("db", "upgrade")
    try:
        yield one
    finally:
        stop_server(home)
        shutil.rmtree(home, ignore_errors=True)


def database_bytes(connection: "psycopg.Connection[tuple[Any, ...]]") -> int:
    """What the database takes on the disk, without its log."""
    row = connection.execute("select pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])


def commit_of(checkout: Path) -> str:
    """The commit that is checked out there, in short."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=checkout, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
