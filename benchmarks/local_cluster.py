"""What benchmarks run jobs on: a fresh embedded server, workers that are ready, and a job to its end."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import psutil

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.client.workers import living_workers
from pgdex.jobs.database.embedded.server import stop_server
from pgdex.jobs.settings import Settings


@contextmanager
def work_folder(name: str) -> Iterator[Path]:
    """A folder that the embedded server's OS user may enter too; removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"pgdex-{name}-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_home(work: Path, *, embedder: str = "hashing") -> Iterator[Settings]:
    """Settings with an embedded server of its own, upgraded, which is stopped and removed afterwards."""
    home = Path(tempfile.mkdtemp(dir=work))
    home.chmod(0o755)
    atexit.register(shutil.rmtree, work, ignore_errors=True)
    settings = _at(home, embedder)
    try:
        yield settings
    finally:
        stop_server(home)
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def kept_home(home: Path, *, embedder: str = "hashing") -> Iterator[Settings]:
    """Settings with an embedded server in `home`, upgraded, which is stopped afterwards and stays with its data."""
    home.mkdir(mode=0o755, parents=True, exist_ok=True)
    settings = _at(home.resolve(), embedder)
    try:
        yield settings
    finally:
        stop_server(settings.home)


def _at(home: Path, embedder: str) -> Settings:
    """Settings for this process, and for those that it starts, with an upgraded embedded server in `home`."""
    os.environ["PGDEX_HOME"] = str(home)
    os.environ["PGDEX_EMBEDDER"] = embedder
    os.environ["PGDEX_SERVER_LINGER"] = "0"
    settings = Settings(home=home, embedder=embedder, server_linger=0)
    Client.open(settings).close()
    return settings


def server_process(settings: Settings) -> psutil.Process:
    """The embedded server's first process."""
    return psutil.Process(int((settings.home / "data" / "postmaster.pid").read_text().split()[0]))


@contextmanager
def workers(settings: Settings, processes: int, *, slots: int = 1) -> Iterator[psutil.Process]:
    """A supervisor with `processes` workers of `slots` slots each that are ready for work."""
    command = [
        *(sys.executable, "-P", "-m", "pgdex.jobs.cli", "worker"),
        *("--processes", str(processes), "--slots", str(slots)),
    ]
    with (settings.home / "worker.log").open("wb") as log:
        supervisor = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        with Client.open(settings) as client:
            while sum(worker.pid is not None for worker in living_workers(client.connection)) < processes:
                if supervisor.poll() is not None:
                    raise RuntimeError(f"no workers: {(settings.home / 'worker.log').read_text()[-2000:]}")
                time.sleep(0.1)
        yield psutil.Process(supervisor.pid)
    finally:
        supervisor.terminate()
        supervisor.wait(30)


@contextmanager
def embedding_at(url: str) -> Iterator[None]:
    """The embedding service's address in the environment, which the workers that are started meanwhile inherit."""
    os.environ["PGDEX_EMBEDDER_URL"] = url
    try:
        yield
    finally:
        del os.environ["PGDEX_EMBEDDER_URL"]


def completed(client: Client, job_id: UUID, *, pause: Callable[[], object] = lambda: time.sleep(0.5)) -> JobStatus:
    """Wait for a job's end, with a `pause` between two looks. Raises RuntimeError where it was not completed."""
    while not (status := client.status(job_id)).is_final:
        pause()
    if status.status != "completed":
        raise RuntimeError(f"the job ended as {status.status}: {status.error_message}\n{status.error_traceback}")
    return status
