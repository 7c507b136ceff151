"""Who is presumed dead, from what one process sees on its own clock."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from pgdex.jobs.worker.peers import LOCK_GRACE_SECONDS, SILENCE_SECONDS, Peers, Sign, Turn


def judged(looks: list[tuple[float, int, bool]]) -> list[float]:
    """The moments in which worker 7 was presumed dead; a look is a moment, a beat and whether the lock is held."""
    peers = Peers()
    return [now for now, beat, held in looks if peers.dead([Sign(7, beat, held)], now=now)]


def test_a_worker_whose_heart_beats_lives_whatever_its_lock_says() -> None:
    assert judged([(step * 0.5, step, step % 2 == 0) for step in range(100)]) == []


def test_a_free_lock_and_a_second_of_silence_is_death() -> None:
    assert judged([(0.0, 1, True), (0.9, 1, False), (1.0, 1, False), (1.2, 2, False), (2.1, 2, False)]) == [1.0]


def test_a_held_lock_and_more_than_five_seconds_of_silence_is_death() -> None:
    assert judged([(0.0, 1, True), (5.0, 1, True), (5.1, 1, True), (5.2, 2, True)]) == [5.1]


def test_what_was_seen_before_a_pause_says_nothing() -> None:
    peers = Peers()
    peers.dead([Sign(7, 1, True)], now=0)
    peers.forget()
    assert peers.dead([Sign(7, 1, False)], now=100) == []
    assert peers.dead([Sign(7, 1, False)], now=101) == [Sign(7, 1, False)]


def test_a_number_that_goes_back_is_a_sign_of_life_too() -> None:
    """After a failover to a standby that has not seen the last heartbeats."""
    assert judged([(0.0, 90, True), (4.0, 80, True), (8.0, 81, True)]) == []


@given(
    st.lists(st.tuples(st.floats(0.01, 20), st.booleans(), st.booleans()), max_size=30),
    st.booleans(),
)
def test_nobody_is_presumed_dead_who_was_seen_to_beat_within_the_time(
    steps: list[tuple[float, bool, bool]], forgets: bool
) -> None:
    peers, now, beat, changed = Peers(), 0.0, 0, 0.0
    peers.dead([Sign(7, beat, True)], now=now)
    for pause, beats, held in steps:
        now += pause
        if beats:
            beat, changed = beat + 1, now
        dead = bool(peers.dead([Sign(7, beat, held)], now=now))
        silence = now - changed
        assert dead == (silence > SILENCE_SECONDS or (not held and silence >= LOCK_GRACE_SECONDS))
        if forgets:
            peers.forget()
            peers.dead([Sign(7, beat, held)], now=now)
            changed = now


def test_a_duty_is_due_when_nobody_was_seen_to_do_it_for_a_period() -> None:
    turn = Turn(period_seconds=2)
    looks = [(0, 0), (5, 1.9), (5, 3.8), (5, 3.9), (6, 4.0), (6, 5.9), (6, 6.0)]
    assert [now for number, now in looks if turn.is_due(number, now=now)] == [3.9, 6.0]


@pytest.mark.parametrize("workers", [1, 2, 10])
def test_a_duty_is_done_once_in_a_period_however_many_look(workers: int) -> None:
    turns = [Turn(period_seconds=2) for _ in range(workers)]
    number, done = 0, []
    for step in range(400):
        for place, turn in enumerate(turns):
            now = step * 0.25 + place * 0.01
            if turn.is_due(number, now=now):
                number += 1
                done.append(now)
    assert 40 <= len(done) <= 50, "in 100 seconds"
