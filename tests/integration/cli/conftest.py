"""What every test of the command line starts from."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.commands import Environment, Finished, Run, pgdex
from tests.support import preloaded
from tests.support.workers import Workers


@pytest.fixture
def run_pgdex(environment: Environment) -> Run:
    """Runs a command to its end, without a terminal."""

    def run(*arguments: str, env: Environment | None = None, cwd: Path | None = None) -> Finished:
        done = preloaded.run(pgdex(*arguments), folder=cwd or Path.cwd(), environment=environment | (env or {}))
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
def worker(workers: Workers, environment: Environment) -> Iterator[None]:
    """A worker process that heeds the same variables as the commands."""
    workers.environment = environment
    [process] = workers.start()
    workers.wait_until_alive(1)
    yield
    workers.stop()
    assert process.returncode == 0, workers.logs()


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
