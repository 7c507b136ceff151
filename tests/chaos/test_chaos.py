"""Anything may die at any moment; nothing is lost and almost nothing is done twice.

The long run: python -m tests.chaos --seed 7 --kills 200
"""

import pytest

from tests.chaos.experiment import experiment
from tests.chaos.schedule import make_schedule
from tests.chaos.summary import summary_of


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", [3, 11])
def test_nothing_is_lost_and_little_is_done_twice_whatever_dies(seed: int) -> None:
    schedule = make_schedule(seed, kills=6, mean_gap=0.7)
    print(schedule)

    outcome = experiment(schedule, modules=24, say=print)

    print(summary_of([outcome]))
    assert outcome.holds, outcome.complaints
