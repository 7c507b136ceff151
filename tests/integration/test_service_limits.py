"""A service that takes fewer texts a call than pgdex begins with: every chunk gets the vector of its own text."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdex.jobs.client.client import Client
from tests.support.embedding_server import EmbeddingServer
from tests.support.job_checks import value
from tests.support.trees import write_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import Workers

MOST_TEXTS = 8


@pytest.fixture
def service() -> Iterator[EmbeddingServer]:
    """A service that refuses more than eight texts a call."""
    with EmbeddingServer(max_texts=MOST_TEXTS) as service:
        yield service


@pytest.fixture
def configuration(service_configuration: dict[str, object]) -> dict[str, object]:
    """An embedder that is a service."""
    return service_configuration


def test_no_chunk_is_left_out_when_calls_become_smaller_in_the_middle_of_a_batch(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    # More chunks in the one batch than the first call takes.
    files: dict[str, str | bytes] = {
        f"module_{number}.py": "\n\n".join(function(number, part) for part in range(8)) for number in range(16)
    }
    workers.start()

    job = client.start(write_tree(tmp_path / "repository", files)).job_id

    ended = wait_for_end(client, job, workers=workers)
    assert (ended.status, ended.chunks_created) == ("completed", 128)
    assert value(client.connection, "select count(distinct embedding::text) from pgdex.chunks") == 128
    assert service.counts().texts >= 128


def function(number: int, part: int) -> str:
    """A function that is large enough to be a chunk of its own."""
    lines = "".join(f"    total = total * {number} + {part} - {line}\n" for line in range(24))
    return f"def only_here_{number}_{part}(total):\n{lines}    return total\n"
