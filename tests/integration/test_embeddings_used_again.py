"""What a service has embedded once is not asked of it again: not after an edit, not on the way back to a branch."""

import shutil
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from pgdex.indexer.chunking import Chunk
from pgdex.indexer.pipeline import embedding_text, text_hash
from pgdex.jobs.client.client import Client
from tests.support.embedding_server import EmbeddingServer, text_key
from tests.support.index_digest import assert_index_is_sound, index_digest
from tests.support.job_checks import value
from tests.support.trees import python_tree, write_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers

FILES = 30
UNUSED = "select count(*) from pgdex.versions where unused_since is not null"


@pytest.fixture
def configuration(service_configuration: dict[str, object]) -> dict[str, object]:
    """An embedder that is a service."""
    return service_configuration


@pytest.fixture
def indexed(client: Client, workers: Workers, tmp_path: Path) -> Path:
    """A repository whose chunks the service has embedded."""
    workers.start()
    tree = python_tree(tmp_path / "repository", FILES)
    index(client, workers, tree)
    return tree


def index(client: Client, workers: Workers, tree: Path, *, force: bool = False) -> UUID:
    """Index the tree; returns the completed job."""
    job = client.start(tree, force=force).job_id
    assert wait_for_end(client, job, workers=workers).status == "completed"
    return job


def test_the_way_back_to_a_branch_costs_no_call_and_gives_the_same_index(
    client: Client, workers: Workers, service: EmbeddingServer, indexed: Path, tmp_path: Path
) -> None:
    before = index_digest(client.connection)
    kept = shutil.copytree(indexed, tmp_path / "kept")
    for number, file in enumerate(sorted(indexed.rglob("*.py"))):
        if number % 3 == 0:
            file.write_text(f"def other_{number}():\n    return {number}\n")
        elif number % 3 == 1:
            file.unlink()
    index(client, workers, indexed)
    assert index_digest(client.connection) != before
    shutil.copytree(kept, indexed, dirs_exist_ok=True)
    service.reset_counts()

    index(client, workers, indexed)

    # The probe of a worker that opens the service may be one.
    assert service.counts().texts <= 1
    assert index_digest(client.connection) == before
    assert_index_is_sound(client.connection)


def test_of_an_edited_file_only_what_changed_is_embedded(
    client: Client, workers: Workers, service: EmbeddingServer, indexed: Path
) -> None:
    long = indexed / "long.py"
    functions = [
        f"def step_{number}(value):\n" + "".join(f"    value = value * {number} + {line}\n" for line in range(30))
        for number in range(12)
    ]
    long.write_text("\n\n".join(functions))
    index(client, workers, indexed)
    service.reset_counts()
    functions[5] = functions[5].replace("value * 5", "value - 5")
    long.write_text("\n\n".join(functions))

    index(client, workers, indexed)

    assert 1 <= service.counts().texts <= 2


def test_a_forced_job_embeds_everything_again(
    client: Client, workers: Workers, service: EmbeddingServer, indexed: Path
) -> None:
    service.reset_counts()
    index(client, workers, indexed, force=True)
    assert service.counts().texts >= value(client.connection, "select count(*) from pgdex.chunks")


def test_another_project_does_not_see_what_one_has_embedded(
    client: Client, workers: Workers, service: EmbeddingServer, indexed: Path
) -> None:
    chunks = value(client.connection, "select count(*) from pgdex.chunks")
    service.reset_counts()
    job = client.start(indexed, project="other").job_id
    assert wait_for_end(client, job, workers=workers).status == "completed"
    assert service.counts().texts >= chunks


def test_what_was_kept_goes_when_nobody_asks_for_it_back(client: Client, workers: Workers, indexed: Path) -> None:
    chunks = value(client.connection, "select count(*) from pgdex.chunks")
    for file in indexed.rglob("*.py"):
        file.write_text("print('all new')\n")
    index(client, workers, indexed)
    assert value(client.connection, UNUSED) > 1
    assert value(client.connection, "select count(*) from pgdex.chunks") > chunks
    assert value(client.connection, "select pgdex.remove_unused_versions('30 days')") == 0
    client.connection.execute("update pgdex.versions set unused_since = unused_since - interval '31 days'")

    assert value(client.connection, "select pgdex.remove_unused_versions('30 days', 1)") == 1
    assert value(client.connection, "select pgdex.remove_unused_versions('30 days')") > 0
    assert value(client.connection, UNUSED) == 0
    assert value(client.connection, "select count(*) from pgdex.chunks") == value(
        client.connection, "select sum(chunks) from pgdex.files"
    )
    assert_index_is_sound(client.connection)


def test_the_database_and_the_worker_make_the_same_hash_of_a_chunk(client: Client, indexed: Path) -> None:
    for path, symbol, content in (
        ("a.py", None, "x = 1\n"),
        ("größe/ß.py", "Größe.finde", "'漢字' # é\n"),
        ("a.ipynb", "cell 12 > Größe.finde", "x = 1\n"),
        ("A.IPYNB", "cell 1", "x = 1\n"),
        ("a.ipynb", "cell 12.x", "x = 1\n"),
        ("a.ipynb", None, "x = 1\n"),
        ("Ä.PDF", "page 3", "x = 1\n"),
        ("a.pdf", "page 3x", "x = 1\n"),
        ("a.pdf.py", "page 3", "x = 1\n"),
        ("a.test.js", "cell 12 > grows", "x = 1\n"),
        ("cell 12 > .ipynb/a.py", "cell 12", "x = 1\n"),
    ):
        chunk = Chunk(1, 1, "function", symbol, content)
        assert text_hash(embedding_text(path, chunk)) == value(
            client.connection, "select pgdex.embedded_text_hash(%s, %s, %s)", path, symbol, content
        )


def is_blocked(client: Client, job: UUID) -> bool:
    return client.status(job).status == "blocked"


@pytest.mark.parametrize("force", [False, True])
def test_what_a_batch_had_embedded_before_the_service_went_away_is_not_asked_for_again(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path, force: bool
) -> None:
    workers.start()
    files: dict[str, str | bytes] = {
        f"module_{number}.py": "\n\n".join(
            f"def only_{number}_{part}(total):\n" + "".join(f"    total += {part} * {line}\n" for line in range(40))
            for part in range(8)
        )
        for number in range(16)
    }
    tree = write_tree(tmp_path / "repository", files)
    if force:
        index(client, workers, tree)
    service.fail("slow", latency_ms=300)
    service.reset_counts()
    job = client.start(tree, force=force).job_id
    wait_for(lambda: service.counts().texts >= 32, what="a first call of the one batch")
    service.fail("server_error")
    wait_for(partial(is_blocked, client, job), what="a blocked job")
    kept = value(client.connection, "select count(*) from pgdex.kept_embeddings where job_id = %s", job)
    assert 0 < kept < 128

    service.recover()

    assert wait_for_end(client, job, workers=workers).status == "completed"
    chunks = {
        text_key(f"{path} {symbol or ''}\n{content}")
        for path, symbol, content in client.connection.execute(
            "select v.path, c.symbol, c.content from pgdex.chunks c join pgdex.versions v on v.id = c.version_id"
        ).fetchall()
    }
    assert len(chunks) >= 128
    embedded = service.embedded()
    assert {embedded[chunk] for chunk in chunks} == {1}
    assert value(client.connection, "select count(*) from pgdex.kept_embeddings") == 0
    assert_index_is_sound(client.connection)


def test_only_the_present_attempt_of_a_live_batch_keeps_embeddings(client: Client, indexed: Path) -> None:
    job, seq, attempt = client.connection.execute(
        "select job_id, seq, attempt from pgdex.job_batches where kind = 'index' limit 1"
    ).fetchone() or (None, None, None)
    keep = "select pgdex.keep_embeddings(%s, %s, %s, %s, %s)"
    texts = [text_hash("a text")]
    assert value(client.connection, keep, job, seq, attempt, texts, [b"\0\1\0\0\0\0"]) is False
    assert value(client.connection, "select count(*) from pgdex.kept_embeddings") == 0
