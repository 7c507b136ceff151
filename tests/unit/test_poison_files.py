"""With every death that is noted against a file, less is tried with it."""

import pytest

from pgdex.indexer.chunked_files import Effort
from pgdex.jobs.batches.poison_files import effort_for, fallbacks_of


@pytest.mark.parametrize(
    ("crashes", "effort"),
    [
        (0, Effort.FULL),
        (1, Effort.FULL),
        (2, Effort.LINES),
        (3, Effort.HASH),
        (4, Effort.NOTHING),
        (50, Effort.NOTHING),
    ],
)
def test_less_is_tried_with_every_death_after_the_first(crashes: int, effort: Effort) -> None:
    assert effort_for(crashes) is effort


def test_only_files_that_crashed_workers_again_fall_back_and_say_how_often() -> None:
    fallbacks = fallbacks_of({"once.py": 1, "twice.py": 2, "often.py": 7})

    assert {path: fallback.effort for path, fallback in fallbacks.items()} == {
        "twice.py": Effort.LINES,
        "often.py": Effort.NOTHING,
    }
    assert fallbacks["often.py"].detail == "7 workers died while processing it"
