"""The two systems that go through the same scenarios: pgdex, and procrastinate with nothing of pgdex around it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import procrastinate
import psycopg
from procrastinate.schema import SchemaManager

from benchmarks.chaos.bare import RESULTS, app
from benchmarks.chaos.observer import Observer
from benchmarks.chaos.processes import RestartLoop, worker_command
from benchmarks.chaos.server import Server
from pgdex.jobs.database.schema import upgrade
from tests.support.databases import settings_for
from tests.support.embedding_server import EmbeddingServerProcess
from tests.support.index_digest import assert_index_is_sound
from tests.support.trees import python_tree

FILES_OF_A_UNIT = 4
MODEL = "ollama:test-model"


@dataclass(frozen=True, slots=True)
class Load:
    """The same for both systems."""

    units: int
    seconds: float
    """What a unit takes: a job's sleep, or a batch's one embedding call."""
    processes: int = 2
    slots: int = 1
    """Of each process."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What the database says about one unit of work."""

    number: int
    done_at: float | None
    starts: int
    in_progress: bool


class System(Protocol):
    """What a scenario needs of a system under test."""

    workers: RestartLoop

    def enqueue(self) -> None:
        """Ask for all units; workers are at work already."""

    def ready(self) -> bool:
        """Whether all workers are there and have done a first bit of work."""

    def units(self) -> list[Unit]:
        """All units."""

    def stuck(self) -> int:
        """Entries that have not ended well; at the deadline that means stuck."""

    def verify(self) -> None:
        """Raise where all is said to be done and is not."""


class Pgdex:
    """One job whose batches are the units, under pgdex's own supervisor."""

    def __init__(self, observer: Observer, workers: RestartLoop, tree: Path, warm_up: Path, load: Load) -> None:
        self.workers = workers
        self._observer = observer
        self._tree = tree
        self._warm_up = warm_up
        self._load = load
        self._job_id: UUID | None = None
        self.service: EmbeddingServerProcess | None = None

    def enqueue(self) -> None:
        assert self.service is not None
        self.service.fail("slow", latency_ms=round(self._load.seconds * 1000))
        query = "select pgdex.enqueue_job(%s, embedder => %s)"
        self._job_id = self._observer.rows(query, str(self._tree), MODEL)[0][0]

    def ready(self) -> bool:
        """Every worker has opened its embedder, which costs a call of its own, on another tree."""
        live = "select count(*) from pgdex.indexing_jobs where status in ('pending', 'running', 'blocked')"
        warm = """
            select count(distinct b.worker_id) from pgdex.job_batches b join pgdex.worker_status w on w.id = b.worker_id
            where w.alive and b.kind = 'index' and b.state = 'completed'
        """
        if self._observer.rows(live)[0][0]:
            return False
        if self._observer.rows(warm)[0][0] == self._load.processes:
            return True
        query = "select pgdex.enqueue_job(%s, embedder => %s, force => true)"
        self._observer.rows(query, str(self._warm_up), MODEL)
        return False

    def units(self) -> list[Unit]:
        query = """
            select seq, case when state = 'completed' then extract(epoch from completed_at)::float8 end, attempt,
                state = 'running'
            from pgdex.job_batches where job_id = %s and kind = 'index' order by seq
        """
        return [Unit(*row) for row in self._observer.rows(query, self._job_id)]

    def stuck(self) -> int:
        query = """
            select greatest(
                (status <> 'completed')::integer,
                (select count(*) from pgdex.job_batches where job_id = j.id and state <> 'completed')
            ) from pgdex.indexing_jobs j where id = %s
        """
        return int(self._observer.rows(query, self._job_id)[0][0])

    def verify(self) -> None:
        query = """
            select count(*) from pgdex.files where root = %s and skip_reason is null and chunks > 0
        """
        files = self._observer.rows(query, str(self._tree))[0][0]
        if files != self._load.units * FILES_OF_A_UNIT:
            raise RuntimeError(f"{files} files are indexed, not {self._load.units * FILES_OF_A_UNIT}")
        assert_index_is_sound(self._observer.connection)


class Bare:
    """One procrastinate job for each unit, and `procrastinate worker` in a loop."""

    def __init__(self, observer: Observer, workers: RestartLoop, url: str, load: Load) -> None:
        self.workers = workers
        self._observer = observer
        self._url = url
        self._load = load

    def enqueue(self) -> None:
        jobs: list[dict[str, Any]] = [
            {"number": number, "seconds": self._load.seconds} for number in range(self._load.units)
        ]
        with app.replace_connector(procrastinate.SyncPsycopgConnector(conninfo=self._url)) as ours, ours.open():
            ours.tasks["unit"].batch_defer(*jobs)

    def ready(self) -> bool:
        known = "select count(*) from procrastinate_workers where last_heartbeat > now() - interval '30 s'"
        return bool(self._observer.rows(known)[0][0] == self._load.processes)

    def units(self) -> list[Unit]:
        query = """
            select (j.args ->> 'number')::integer, extract(epoch from r.done_at)::float8,
                (select count(*) from procrastinate_events e where e.job_id = j.id and e.type = 'started')::integer,
                j.status = 'doing' and r.unit is null
            from procrastinate_jobs j left join results r on r.unit = (j.args ->> 'number')::integer order by j.id
        """
        return [Unit(*row) for row in self._observer.rows(query)]

    def stuck(self) -> int:
        return int(self._observer.rows("select count(*) from procrastinate_jobs where status <> 'succeeded'")[0][0])

    def verify(self) -> None:
        written = self._observer.rows("select count(*) from results")[0][0]
        if written != self._load.units:
            raise RuntimeError(f"{written} rows are written, not {self._load.units}")


@contextmanager
def pgdex(server: Server, load: Load, folder: Path) -> Iterator[System]:
    """pgdex on the server: `pgdex worker`, or procrastinate's command in a loop where slots are asked for."""
    with EmbeddingServerProcess() as service:
        upgrade(settings_for(server.url))
        observer = Observer(server.url)
        tree = python_tree(folder / "repository", load.units * FILES_OF_A_UNIT)
        warm_up = python_tree(folder / "warm-up", 16 * FILES_OF_A_UNIT)
        service.fail("slow", latency_ms=300)
        variables = {
            "PGDEX_DATABASE_URL": server.url,
            "PGDEX_HOME": str(folder),
            "PGDEX_EMBEDDER": MODEL,
            "PGDEX_EMBEDDER_URL": service.url,
            "PGDEX_BATCH_FILES": str(FILES_OF_A_UNIT),
        }
        if load.slots == 1:
            command = [sys.executable, "-P", "-m", "pgdex.jobs.cli", "worker"]
            command += ["--processes", str(load.processes), "--slots", "1"]
            count = 1
        else:
            command = worker_command("pgdex.app", "--concurrency", str(load.slots))
            count = load.processes
        with RestartLoop(command, count=count, log=folder / "pgdex.log", variables=variables) as workers:
            system = Pgdex(observer, workers, tree, warm_up, load)
            system.service = service
            yield system
        observer.close()


@contextmanager
def bare(server: Server, load: Load, folder: Path) -> Iterator[System]:
    """procrastinate on the server: its command in a loop."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(SchemaManager.get_schema().encode())
        connection.execute(RESULTS)
    observer = Observer(server.url)
    slots = ["--concurrency", str(load.slots)] if load.slots > 1 else []
    command = worker_command("benchmarks.chaos.bare.app", *slots)
    variables = {"BARE_DATABASE_URL": server.url}
    with RestartLoop(command, count=load.processes, log=folder / "bare.log", variables=variables) as workers:
        yield Bare(observer, workers, server.url, load)
    observer.close()
