"""A job through real worker processes: nothing but the command line and the database."""

from pathlib import Path

import pytest

from jobs.client import Client
from jobs.database import Connection
from tests.databases import settings_for
from tests.job_checks import events_of, value
from tests.workers import workers_on

FILES = {
    "app/main.py": "def start_server(port):\n    return port\n",
    "app/text.py": "class Tokenizer:\n    def split(self, text):\n        return text.split()\n",
    "README.md": "# Example\n\nA small repository.\n",
    "data.bin": "\0\1\2",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small source tree."""
    root = tmp_path / "repository"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_job_goes_through_a_real_worker(
    connection: Connection, database_url: str, repository: Path, tmp_path: Path
) -> None:
    with workers_on(database_url, tmp_path) as workers, Client.open(settings_for(database_url)) as client:
        first = client.start(repository)
        done = workers.wait_for_end(first.job_id)
        assert (done.status, done.error_message) == ("completed", None)
        assert (done.files_scanned, done.files_indexed, done.files_skipped) == (4, 3, 1)
        assert events_of(connection, first.job_id)[:3] == ["created", "started", "scanned"]
        assert value(connection, "select sum(chunks) from pgdex.files") == done.chunks_created > 0

        (repository / "README.md").unlink()
        (repository / "new.py").write_text("answer = 42\n")
        second = workers.wait_for_end(client.start(repository).job_id)
        assert (second.files_indexed, second.files_unchanged, second.files_deleted) == (1, 2, 1)
    # Finished tokens are deleted; the worker left in good order.
    assert value(connection, "select count(*) from procrastinate_jobs") == 0
    assert value(connection, "select count(*) from procrastinate_workers") == 0


def test_a_job_that_waits_for_a_worker_starts_when_one_comes(
    connection: Connection, database_url: str, repository: Path, tmp_path: Path
) -> None:
    job_id = connection.execute("select pgdex.enqueue_job(%s)", [str(repository)]).fetchone()
    assert job_id is not None
    with workers_on(database_url, tmp_path, count=2) as workers:
        assert workers.wait_for_end(job_id[0]).status == "completed"
