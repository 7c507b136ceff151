"""Settings that follow from others, and a folder that has to be the same wherever it is read."""

from pathlib import Path

import pytest

from pgdex.jobs.environment import UnusableValue
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


@pytest.mark.parametrize("relative", [".", "data", "../pgdex"])
def test_a_home_that_would_be_another_in_every_folder_is_refused(relative: str) -> None:
    with pytest.raises(UnusableValue, match="it must be absolute"):
        Settings.read({"PGDEX_HOME": relative})
    assert Settings.read({"PGDEX_HOME": "~/data"}).home == Path.home() / "data"
