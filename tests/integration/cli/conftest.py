"""What every test of the command line starts from."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.workers import living_workers
from tests.integration.cli.commands import Environment, Finished, Run, pgdex
from tests.support.databases import settings_for
from tests.support.logins import PATIENCE_SECONDS
from tests.support.waiting import wait_for


@pytest.fixture
def run_pgdex(environment: Environment) -> Run:
    """Runs a command to its end, without a terminal."""

    def run(*arguments: str, env: Environment | None = None, cwd: Path | None = None) -> Finished:
        done = subprocess.run(
            pgdex(*arguments),
            env=environment | (env or {}),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def heeds_ctrl_c() -> Iterator[None]:
    """Commands heed SIGINT. A shell lets its background jobs ignore it, which what they start inherits: commands of
    a test run in the background would not hear it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def worker(environment: Environment, database_url: str) -> Iterator[None]:
    """One worker process under `pgdex worker`."""
    process = subprocess.Popen(
        pgdex("worker", "--processes", "1"), env=environment, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    try:
        with Client.open(settings_for(database_url)) as client:
            wait_for(lambda: living_workers(client.connection), what="a living worker")
        yield
    finally:
        process.terminate()
        code = process.wait(PATIENCE_SECONDS)
    assert code == 0


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small source tree."""
    root = tmp_path / "sources"
    (root / "src").mkdir(parents=True)
    for number in range(12):
        body = f"def handler_{number}(request):\n    return respond(request, {number})\n"
        (root / "src" / f"module_{number}.py").write_text(body)
    (root / "日本語.md").write_text("# 設定\n\n設定を読み込みます。\n")
    (root / "logo.png").write_bytes(b"\x89PNG\0\0")
    (root / "empty.py").touch()
    return root
