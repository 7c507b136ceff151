"""Settings that follow from others."""

import pytest

from pgdex.jobs.settings import Settings


@pytest.mark.parametrize(
    ("embedder", "slots", "expected"),
    [
        ("code", None, 1),
        ("hashing", None, 1),
        ("static:/models/openai:small", None, 1),
        ("ollama:nomic-embed-text", None, 4),
        (" openai:text-embedding-3-small", None, 4),
        ("ollama:nomic-embed-text", 2, 2),
        ("code", 3, 3),
    ],
)
def test_workers_that_wait_for_a_service_have_several_batches_in_progress(
    embedder: str, slots: int | None, expected: int
) -> None:
    assert Settings(embedder=embedder, slots=slots).worker_slots == expected
