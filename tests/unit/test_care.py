"""With every death that is noted against a file, less is tried with it."""

import pytest

from pgdex.jobs.batches.poison_files import Care, care_for


@pytest.mark.parametrize(
    ("deaths", "care"),
    [(0, Care.WHOLE), (1, Care.WHOLE), (2, Care.LINES), (3, Care.HASH), (4, Care.NOTHING), (50, Care.NOTHING)],
)
def test_less_is_tried_with_every_death_after_the_first(deaths: int, care: Care) -> None:
    assert care_for(deaths) is care
