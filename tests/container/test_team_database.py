"""A team's database: a server of its own, reached by a URL with a password. Run with: pytest -m container"""

from pathlib import Path

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.schema import expected_version, installed_version, upgrade
from pgdex.jobs.errors import SchemaBehind
from tests.support.databases import new_database, settings_for, url_of
from tests.support.waiting import wait_for_end
from tests.support.workers import workers_on

pytestmark = pytest.mark.container


def test_a_whole_job_on_a_server_in_a_container(container_url: str, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    for number in range(40):
        (repository / f"module{number}.py").write_text(f"def function{number}():\n    return {number}\n")

    with new_database(container_url) as name:
        url = url_of(container_url, name)
        settings = settings_for(url)
        with pytest.raises(SchemaBehind, match="pgdex db upgrade"):
            Client.open(settings)
        upgrade(settings)
        with Client.open(settings) as client, workers_on(url, tmp_path, count=2) as workers:
            assert installed_version(client.connection) == expected_version()
            done = wait_for_end(client, client.start(repository).job_id, workers=workers)
            assert (done.status, done.files_indexed, done.error_message) == ("completed", 40, None)
            chunks = client.connection.execute("select count(*) from pgdex.chunks").fetchone()
            assert chunks == (done.chunks_created,)


def test_a_server_in_a_container_keeps_its_jobs_over_a_restart_of_every_worker(
    container_url: str, tmp_path: Path
) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "main.py").write_text("print('hello')\n")

    with new_database(container_url) as name:
        url = url_of(container_url, name)
        upgrade(settings_for(url))
        with Client.open(settings_for(url)) as client:
            job_id = client.start(repository).job_id
            with workers_on(url, tmp_path) as first:
                first.kill(first.processes[0])
            with workers_on(url, tmp_path) as second:
                assert wait_for_end(client, job_id, workers=second).status == "completed"
