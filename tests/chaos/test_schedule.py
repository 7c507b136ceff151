"""The schedule: a function of the seed, in which everything happens."""

import pytest

from tests.chaos.families import count_views
from tests.chaos.schedule import DECK, LONGEST_GAP_SECONDS, Kind, make_schedule

OF_VIEWS = {Kind.CANCEL, Kind.ENQUEUE, Kind.UNMOUNT, Kind.REMOVE}


def test_the_same_seed_gives_the_same_schedule_and_another_one_another() -> None:
    assert str(make_schedule(7, kills=40)) == str(make_schedule(7, kills=40))
    assert make_schedule(7, kills=40) == make_schedule(7, kills=40)
    assert make_schedule(7, kills=40).disturbances != make_schedule(8, kills=40).disturbances


def test_a_schedule_goes_on_until_enough_workers_are_killed() -> None:
    for kills in (1, 8, 9, 200):
        schedule = make_schedule(1, kills=kills, workers=3)
        assert kills <= schedule.kills < kills + DECK[Kind.KILL] + DECK[Kind.KILL_ALL]


def test_everything_that_can_go_wrong_does_so_even_in_a_short_run() -> None:
    for seed in range(50):
        assert {disturbance.kind for disturbance in make_schedule(seed, kills=1).disturbances} == set(Kind)


def test_workers_are_stopped_for_shorter_and_for_longer_than_a_heartbeat_counts() -> None:
    stops = [d.seconds for d in make_schedule(1, kills=100).disturbances if d.kind is Kind.STOP]
    assert min(stops) < 2 < 5 < max(stops)


def test_the_clock_jumps_forwards_and_back_by_hours_and_by_weeks() -> None:
    jumps = {d.seconds for d in make_schedule(1, kills=100).disturbances if d.kind is Kind.CLOCK}
    assert jumps == {-40 * 86_400, -4 * 3600, 4 * 3600, 40 * 86_400}


def test_every_target_exists_and_no_gap_is_long() -> None:
    schedule = make_schedule(5, kills=300, workers=2, repositories=3)
    for disturbance in schedule.disturbances:
        assert disturbance.target < (count_views(3) if disturbance.kind in OF_VIEWS else 2)
        assert 0 <= disturbance.after <= LONGEST_GAP_SECONDS
        assert 0 <= disturbance.draw < 1


def test_a_schedule_can_be_of_some_kinds_only() -> None:
    kills = make_schedule(1, kills=30, kinds=frozenset({Kind.KILL}))
    assert {disturbance.kind for disturbance in kills.disturbances} == {Kind.KILL}
    harmless = make_schedule(1, kills=4, kinds=frozenset({Kind.CANCEL, Kind.FAULT}))
    assert harmless.kills == 0
    assert len(harmless.disturbances) == 4 * (DECK[Kind.CANCEL] + DECK[Kind.FAULT])


def test_a_schedule_without_anything_is_refused() -> None:
    with pytest.raises(ValueError, match="positive, got 0"):
        make_schedule(1, kills=0)
    with pytest.raises(ValueError, match="kinds must not be empty"):
        make_schedule(1, kills=1, kinds=frozenset())
