"""`pgdex worker`: processes that are kept running, and end when they should."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.workers import living_workers
from pgdex.jobs.worker.launcher import ensure_workers
from pgdex.jobs.worker.supervisor import Supervisor
from tests.support.databases import settings_for
from tests.support.embedding_server import EmbeddingServerProcess
from tests.support.trees import python_tree
from tests.support.waiting import wait_for

SUPERVISOR = [sys.executable, "-P", "-m", "pgdex.jobs.cli", "worker"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def client(database_url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    # What `ensure_workers` starts inherits this process's environment.
    monkeypatch.setenv("PGDEX_DATABASE_URL", database_url)
    monkeypatch.setenv("PGDEX_HOME", str(home))
    monkeypatch.setenv("PGDEX_PROCESSES", "1")
    with Client.open(settings_for(database_url, home=home)) as client:
        yield client
        for pid in living(client):
            os.kill(pid, signal.SIGTERM)


@pytest.fixture
def supervisor(client: Client) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([*SUPERVISOR, "--processes", "2"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_for(lambda: len(living(client)) == 2, what="two workers")
    yield process
    process.kill()
    process.wait()


def living(client: Client) -> list[int]:
    return [worker.pid for worker in living_workers(client.connection) if worker.pid]


def test_a_worker_that_is_killed_is_started_again(client: Client, supervisor: subprocess.Popen[bytes]) -> None:
    first, second = living(client)
    os.kill(first, signal.SIGKILL)

    wait_for(lambda: len(living(client)) == 2 and first not in living(client), what="a new worker")

    assert second in living(client)


def test_sigterm_ends_the_supervisor_and_its_workers_with_exit_code_0(
    client: Client, supervisor: subprocess.Popen[bytes]
) -> None:
    pids = living(client)
    supervisor.terminate()

    assert supervisor.wait(20) == 0
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert living(client) == []


def test_a_worker_process_has_as_many_batches_in_progress_as_it_has_slots(client: Client, tmp_path: Path) -> None:
    with EmbeddingServerProcess() as service:
        service.fail("slow", latency_ms=2_000)
        settings = {"PGDEX_EMBEDDER": "ollama:test-model", "PGDEX_EMBEDDER_URL": service.url, "PGDEX_BATCH_FILES": "1"}
        process = subprocess.Popen(
            [*SUPERVISOR, "--processes", "1", "--slots", "3"], env=os.environ | settings, stderr=subprocess.DEVNULL
        )
        try:
            embedder = {"embedder": "ollama:test-model", "embedder_url": service.url, "batch_files": 1}
            with Client.open(client.settings.with_values(**embedder)) as asking:
                asking.start(python_tree(tmp_path / "repository", 12))
            counts = set()

            def has_three() -> bool:
                counts.add(max((worker.batches for worker in living_workers(client.connection)), default=0))
                return 3 in counts

            wait_for(has_three, what="three batches in one process", seconds=30)
            assert max(counts) == 3
        finally:
            process.terminate()
            process.wait(20)


def test_workers_end_when_their_supervisor_is_killed(client: Client, supervisor: subprocess.Popen[bytes]) -> None:
    pids = living(client)
    supervisor.kill()

    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids), what="the end of orphaned workers", seconds=20)


def test_workers_started_for_someone_end_when_idle_and_leave_no_job_behind(
    client: Client, home: Path, tmp_path: Path
) -> None:
    jobs = []
    for number in range(4):
        jobs.append(client.start(python_tree(tmp_path / f"repository_{number}", 5)).job_id)
        ensure_workers(client, idle_seconds=0.5)
        wait_for(lambda: client.status(jobs[-1]).is_final, what=f"job {number}", seconds=60)
        time.sleep(0.4 * number)  # meets the supervisor before, while and after it ends its workers

    assert {client.status(job).status for job in jobs} == {"completed"}
    wait_for(lambda: not living(client), what="the end of idle workers", seconds=30)


def test_only_one_supervisor_is_started_for_many_callers(client: Client, tmp_path: Path) -> None:
    for _ in range(3):
        ensure_workers(client, idle_seconds=30)
    wait_for(lambda: living(client), what="a worker")
    client.start(python_tree(tmp_path / "repository", 5))
    time.sleep(3)

    assert len(living(client)) == 1


# The first thread is gone, and another one is not: what the system leaves of a process that was ended while one of its
# threads waits for a file system that never answers.
UNDEAD = (
    "import ctypes, threading, time\n"
    "threading.Thread(target=time.sleep, args=[3600]).start()\n"
    "ctypes.CDLL(None).pthread_exit(None)\n"
)


@pytest.mark.skipif(sys.platform != "linux", reason="how Linux shows it")
def test_a_worker_that_has_ended_and_does_not_go_away_has_its_place_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = Supervisor(processes=1, slots=1, folder=tmp_path)
    monkeypatch.setattr(supervisor, "_command", (sys.executable, "-c", UNDEAD))
    place = supervisor._places[0]
    started: list[subprocess.Popen[bytes]] = []

    def tended() -> bool:
        supervisor._tend(place)
        if place.process is not None and place.process not in started:
            started.append(place.process)
        return len(started) == 2

    try:
        wait_for(tended, what="a successor")
        assert started[0].poll() is None, "the system still has it"
    finally:
        for process in started:
            process.kill()
            process.wait()
