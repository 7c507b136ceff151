"""The system under test, with a method for each thing that can be done to it."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.targets import Target
from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.database.schema import upgrade
from pgdex.jobs.settings import Settings
from tests.chaos.fleet import Fleet, Place
from tests.chaos.server import ChaosServer
from tests.chaos.sources import MAX_FILE_BYTES
from tests.chaos.supervised import SupervisedFleet
from tests.support.databases import settings_for
from tests.support.embedding_server import EmbeddingServer
from tests.support.workers import Workers

EMBEDDER = "ollama:test-model"
BATCH_FILES = 8
LATENCY_MS = 150  # of a call: a batch has two, and lasts long enough to be hit
SLOW_MS = 1500
EMBEDDER_TIMEOUT_SECONDS = 3
PATIENCE_SECONDS = 20
WAITING = """
    select pid, application_name, state, wait_event, pg_blocking_pids(pid), clock_timestamp() - xact_start, query
    from pg_stat_activity
    where datname = current_database() and (cardinality(pg_blocking_pids(pid)) > 0 or state like 'idle in transaction%')
"""
REMOVE = """
    select pgdex.remove_view(v.id, cancel_job => true) from pgdex.views v
    where v.root = %s and v.ref = %s and v.removed_at is null
"""
SESSIONS = """
    select pid, application_name from pg_stat_activity
    where datname = current_database() and application_name ~ %s order by application_name, pid
"""
# What is compared with the clock while work goes on; what has ended is history. In the order in which they are locked.
LIVING = {
    "indexing_jobs": "status in ('pending', 'running', 'blocked')",
    "job_batches": "state in ('waiting', 'running')",
    "procrastinate_jobs": "true",
    "procrastinate_workers": "true",
    "workers": "true",
}
MOMENTS = """
    select attname from pg_attribute
    where attrelid = %s::regclass and atttypid = 'timestamptz'::regtype and not attisdropped order by attnum
"""
SESSION_NAMES = {
    "queue": "^pgdex (queue|listener)$",
    "worker": "^pgdex worker [0-9]+$",
    "any": "^pgdex (queue|listener|worker [0-9]+)$",
}


@dataclass(slots=True)
class Cluster:
    """A server, its database, the embedding service and the workers of one run."""

    home: Path
    server: ChaosServer
    service: EmbeddingServer
    settings: Settings
    fleet: Fleet
    client: Client

    def terminate_sessions(self, what: str, *, count: int, draw: float) -> list[str]:
        """End up to `count` sessions of the workers; returns the names that they had."""
        rows = self.client.connection.execute(SESSIONS, [SESSION_NAMES[what]]).fetchall()
        first = int(draw * len(rows))
        chosen = [rows[(first + step * 7) % len(rows)] for step in range(min(count, len(rows)))]
        for pid in {pid for pid, _ in chosen}:
            self.client.connection.execute("select pg_terminate_backend(%s)", [pid])
        return [name for _, name in set(chosen)]

    def restart_database(self, *, seconds: float) -> float:
        """Returns the seconds for which nobody could connect. What was open is gone, this object's session too."""
        began = time.monotonic()
        seconds = self.server.restart(seconds=seconds)
        self.fleet.outages.append((began, time.monotonic()))
        self.client.close()
        self.client = _client(self.settings)
        return seconds

    def crash_database(self) -> tuple[float, bool]:
        """Kill the database's first process, and start it again with a pid file that names a process of someone else.

        Returns the seconds for which nobody could connect, and whether that process lives on.
        """
        began = time.monotonic()
        with subprocess.Popen(["sleep", "600"]) as stranger:
            try:
                seconds = self.server.restart_with_stale_pid_file(stranger.pid)
                time.sleep(0.2)  # a signal may come a little later
                lives_on = stranger.poll() is None
            finally:
                stranger.kill()
        self.fleet.outages.append((began, time.monotonic()))
        self.client.close()
        self.client = _client(self.settings)
        return seconds, lives_on

    def jump(self, seconds: float) -> list[UUID]:
        """Let the database's clock jump by that many seconds, as every comparison with it sees that: by moving the
        stored moments of what lives the other way. Returns the jobs that had begun by then."""
        jobs: list[UUID] = []
        with connect(self.settings) as connection:
            for table, lives in LIVING.items():
                columns = [str(row[0]) for row in connection.execute(MOMENTS, [f"pgdex.{table}"]).fetchall()]
                moved = ", ".join(f"{column} = {column} - make_interval(secs => %(seconds)s)" for column in columns)
                if moved:
                    rows = _moved(connection, f"update pgdex.{table} set {moved} where {lives} returning *", seconds)
                    jobs += [row["id"] for row in rows if table == "indexing_jobs" and row["started_at"]]
        return jobs

    def waiting_sessions(self) -> list[tuple[object, ...]]:
        """The sessions that wait for another one's lock, and those that hold one and do nothing."""
        with connect(self.settings) as connection:
            return connection.execute(WAITING).fetchall()

    def disturb_service(self, fault: str) -> None:
        """The embedding service misbehaves from now on."""
        self.service.fail(fault, latency_ms=SLOW_MS, retry_after="1" if fault == "rate_limited" else None)

    def mend_service(self) -> None:
        """It works again, with its usual latency."""
        self.service.fail("slow", latency_ms=LATENCY_MS)

    def enqueue(self, target: Target) -> UUID:
        """Ask for a view as every agent does."""
        return _asked_again(lambda: self.client.start(target).job_id)

    def enqueue_paths(self, root: Path, paths: list[str]) -> UUID:
        """Ask for some paths of a view, as a watcher does."""
        statement = "select pgdex.enqueue_job(%s, paths => %s)"
        return _asked_again(lambda: _uuid(self.client.connection, statement, str(root), paths))

    def enqueue_at_once(self, root: Path, ref: str, count: int) -> list[UUID]:
        """`count` sessions ask for the same view at the same moment; the ids that they are given."""

        def ask(_: int) -> UUID:
            with connect(self.settings) as connection:
                return _uuid(connection, "select pgdex.enqueue_job(%s, ref => %s)", str(root), ref)

        with ThreadPoolExecutor(count) as askers:
            return list(askers.map(ask, range(count)))

    def remove_view(self, root: Path, ref: str) -> None:
        """Take a view out of the index; its rows are left to whoever collects."""
        self.client.connection.execute(REMOVE, [str(root), ref])


def _uuid(connection: Connection, query: str, *values: object) -> UUID:
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None, "a function has a value"
    return UUID(str(row[0]))


def _asked_again(ask: Callable[[], UUID]) -> UUID:
    """Again, where the view is just being removed: people are told to ask again in a moment."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return ask()
        except psycopg.errors.LockNotAvailable:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def _moved(connection: Connection, statement: str, seconds: float) -> list[dict[str, Any]]:
    """No trigger corrects what a clock has done. Again, where a worker had the same rows in another order."""
    while True:
        try:
            with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
                cursor.execute("set local session_replication_role = replica")
                return cursor.execute(statement.encode(), {"seconds": seconds}).fetchall()
        except psycopg.errors.DeadlockDetected:
            continue


@contextmanager
def chaos_cluster(*, places: int, slots: int, supervised: bool = False) -> Iterator[Cluster]:
    """A cluster whose workers are starting. Nothing of it is left afterwards.

    Supervised workers have one slot each: `pgdex worker` starts them so.
    """
    # Not pytest's tmp_path: as root the server runs as the OS user `pgserver`, who can't enter that one.
    home = Path(tempfile.mkdtemp(prefix="pgdex-chaos-", dir="/tmp"))
    try:
        with ChaosServer(home) as server, EmbeddingServer() as service:
            settings = _database(server, "chaos", service)
            with _workers(server.url_of("chaos"), home, service) as workers:
                empty = [Place() for _ in range(places)]
                fleet = SupervisedFleet(workers, 1, empty) if supervised else Fleet(workers, slots, empty)
                cluster = Cluster(home, server, service, settings, fleet, _client(settings))
                cluster.mend_service()
                try:
                    fleet.launch()
                    yield cluster
                finally:
                    fleet.stop()
                    cluster.client.close()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def undisturbed(cluster: Cluster) -> Iterator[tuple[Client, Workers, EmbeddingServer]]:
    """Another database on the same server, with a worker and a service of its own: nothing happens to these."""
    with EmbeddingServer() as service:
        settings = _database(cluster.server, "undisturbed", service)
        folder = cluster.home / "undisturbed"
        with (
            Client.open(settings) as client,
            _workers(cluster.server.url_of("undisturbed"), folder, service) as workers,
        ):
            workers.start(concurrency=2)
            yield client, workers, service


def _client(settings: Settings) -> Client:
    """A client that gives up where a person would: nothing that a agent asks for may wait for a worker."""
    client = Client.open(settings)
    client.connection.execute(f"set statement_timeout = '{PATIENCE_SECONDS}s'")
    return client


def _database(server: ChaosServer, name: str, service: EmbeddingServer) -> Settings:
    with connect(settings_for(server.url)) as connection:
        connection.execute(f"create database {name} template template0 encoding 'UTF8'")
    settings = settings_for(server.url_of(name), embedder=EMBEDDER, embedder_url=service.url)
    upgrade(settings)
    return settings


@contextmanager
def _workers(database_url: str, folder: Path, service: EmbeddingServer) -> Iterator[Workers]:
    logs = folder / "processes"
    logs.mkdir(parents=True)
    environment = {
        "PGDEX_EMBEDDER": EMBEDDER,
        "PGDEX_EMBEDDER_URL": service.url,
        "PGDEX_EMBEDDER_TIMEOUT": str(EMBEDDER_TIMEOUT_SECONDS),
        "PGDEX_BATCH_FILES": str(BATCH_FILES),
        "PGDEX_MAX_FILE_BYTES": str(MAX_FILE_BYTES),
        "PGDEX_VERSION_RETENTION_DAYS": "0",  # each worker collects when it starts
        "PGDEX_HOME": str(folder),
    }
    workers = Workers(database_url, logs, environment, fresh=True)
    try:
        yield workers
    finally:
        workers.stop()
