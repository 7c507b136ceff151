"""Every file notes what it was indexed with: a change of model, or of what is stored, goes on where it stopped."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdex.indexer.search import SearchRequest
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.freshness import FrontEndWords
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.client.search import search_code
from pgdex.jobs.errors import ModelChanged
from tests.support.databases import settings_for
from tests.support.embedding_server import EmbeddingServer
from tests.support.index_digest import assert_index_is_sound, index_digest
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers

FILES = 60
WORDS = FrontEndWords(index="pgdex index", narrow="--path '{glob}' in {root}", widen="--all")


@pytest.fixture
def configuration() -> dict[str, object]:
    return {"embedder": "hashing:64", "batch_files": 4}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return python_tree(tmp_path / "repository", FILES)


@pytest.fixture
def other(database_url: str, service: EmbeddingServer, service_configuration: dict[str, object]) -> Iterator[Client]:
    """A client that asks for another model, whose service is slow enough to be interrupted."""
    service.fail("slow", latency_ms=50)
    with Client.open(settings_for(database_url, **service_configuration)) as other:
        yield other


@pytest.fixture
def workers(workers: Workers, service_configuration: dict[str, object]) -> Workers:
    workers.environment["PGDEX_EMBEDDER_URL"] = str(service_configuration["embedder_url"])
    workers.start()
    return workers


def run(client: Client, workers: Workers, tree: Path, *, force: bool = False) -> JobStatus:
    """One job to its end, which must be a good one."""
    status = wait_for_end(client, client.start(tree, force=force).job_id, workers=workers)
    assert status.status == "completed", status.error_traceback or status.error_message
    assert_index_is_sound(client.connection)
    return status


def models(client: Client) -> dict[str, int]:
    """How many files have vectors of which model."""
    rows = client.connection.execute(
        "select m.name, count(distinct c.version_id) from pgdex.chunks c"
        " join pgdex.embedding_models m on m.id = c.model_id group by 1"
    ).fetchall()
    return dict(rows)


def notes(client: Client) -> list[str]:
    found = search_code(client, SearchRequest("run_42", project_id="default"), words=WORDS)
    assert found.hits
    return found.notes


def interrupted_change(client: Client, other: Client, workers: Workers, tree: Path) -> None:
    """The repository is indexed with one model, and a change to the other is cancelled half-way."""
    run(client, workers, tree)
    job = other.start(tree, force=True).job_id
    wait_for(lambda: other.status(job).files_indexed >= 8, what="a first part of the change")
    other.cancel(job)
    assert 8 <= other.status(job).files_indexed < FILES


def test_a_change_of_model_that_was_cancelled_is_brought_to_its_end_by_the_next_job(
    client: Client, other: Client, workers: Workers, tree: Path, service: EmbeddingServer
) -> None:
    interrupted_change(client, other, workers, tree)
    done = models(client)[str(other.settings.embedder)]
    (note,) = [note for note in notes(other) if "not yet embedded" in note]
    assert note.startswith(
        f"{FILES - done} of {FILES} files in {tree} are not yet embedded with {other.settings.embedder}"
    )

    status = run(other, workers, tree)

    assert (status.files_indexed, status.files_unchanged) == (FILES - done, done), "and not more than that"
    assert status.summary is not None
    assert status.summary["files_outdated"] == FILES - done
    assert models(client) == {str(other.settings.embedder): FILES}
    assert not [note for note in notes(other) if "not yet embedded" in note]
    assert run(other, workers, tree).files_unchanged == FILES


def test_the_former_model_is_refused_after_a_change_was_begun_and_comes_back_by_force(
    client: Client, other: Client, workers: Workers, tree: Path
) -> None:
    interrupted_change(client, other, workers, tree)

    with pytest.raises(ModelChanged):
        client.start(tree)
    assert run(client, workers, tree, force=True).files_indexed == FILES
    assert models(client) == {"hashing:64": FILES}


def test_files_of_an_older_format_are_indexed_again_without_force_and_the_others_are_not(
    client: Client, workers: Workers, tree: Path
) -> None:
    (tree / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100))
    run(client, workers, tree)
    before = index_digest(client.connection)
    client.connection.execute(
        "update pgdex.versions set index_format = 0 where path like 'package_1/%%' or path = 'picture.png'"
    )

    status = run(client, workers, tree)

    assert (status.files_to_index, status.files_indexed) == (11, 10), "also what was left out is judged again"
    assert status.files_unchanged == 50
    assert index_digest(client.connection) == before
    assert run(client, workers, tree).files_to_index == 0
