"""The benchmark's floor does what a job does."""

from pathlib import Path

from benchmarks.floor import run_floor
from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import conninfo
from tests.support.databases import new_database, settings_for, url_of
from tests.support.index_digest import assert_index_is_sound, index_digest
from tests.support.trees import python_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import Workers


def test_the_floor_makes_the_same_index_as_a_job(
    client: Client, workers: Workers, server_url: str, template: str, tmp_path: Path
) -> None:
    tree = python_tree(tmp_path / "repository", 100)
    workers.start()
    assert wait_for_end(client, client.start(tree).job_id, workers=workers).status == "completed"
    with new_database(server_url, template=template) as name:
        bare = settings_for(url_of(server_url, name))
        seconds = run_floor(tree, conninfo=conninfo(bare), embedder=bare.embedder, processes=2)

        assert seconds > 0
        with Client.open(bare) as other:
            assert_index_is_sound(other.connection)
            assert index_digest(other.connection) == index_digest(client.connection)
