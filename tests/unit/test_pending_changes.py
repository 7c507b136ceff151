"""What is noticed becomes as few requests as can be, and nothing of it is lost."""

import threading
import time

from hypothesis import given
from hypothesis import strategies as st

from pgdex.jobs.watching.pending import EVERYTHING, MOST_PATHS, Change, Pending
from pgdex.jobs.watching.polling import LONGEST_PAUSE_SECONDS, pause_seconds
from pgdex.jobs.watching.requests import LONGEST_REST_SECONDS, Rest

PATHS = st.frozensets(st.sampled_from([f"f{number}.py" for number in range(8)]), max_size=4)
CHANGES = st.one_of(st.none(), PATHS).map(Change)


@given(st.lists(st.one_of(CHANGES, st.just("take"))))
def test_whatever_is_added_is_taken_once_and_in_one_piece(steps: list[Change | str]) -> None:
    pending = Pending()
    added: list[Change] = []
    for step in [*steps, "take"]:
        if isinstance(step, Change):
            pending.add(step)
            added.append(step)
            continue
        taken = pending.take()
        real = [change for change in added if change.paths is None or change.paths]
        if not real:
            assert taken is None
        elif any(change.paths is None for change in real):
            assert taken == EVERYTHING
        else:
            assert taken == Change(frozenset().union(*(change.paths or () for change in real)))
        assert pending.take() is None
        added.clear()


def test_more_paths_than_are_worth_naming_are_a_change_of_everything() -> None:
    pending = Pending()
    for number in range(MOST_PATHS + 1):
        pending.add(Change(frozenset({f"{number}.py"})))
    assert pending.take() == EVERYTHING


def test_a_change_ends_the_wait_for_one() -> None:
    pending = Pending()
    timer = threading.Timer(0.1, pending.add, [Change(frozenset({"a.py"}))])
    timer.start()
    began = time.monotonic()
    assert pending.wait(30)
    assert time.monotonic() - began < 10


def test_an_edit_now_and_then_never_waits() -> None:
    rest = Rest()
    for minute in range(10):
        change = Change(frozenset({"a.py"}))
        assert rest.seconds(change, now=minute * 60.0) == 0
        rest.note(change, now=minute * 60.0)


def test_a_file_that_is_written_without_a_pause_rests_longer_each_time_and_others_never_wait_for_it() -> None:
    rest = Rest()
    now, pauses = 0.0, []
    for _ in range(8):
        now += rest.seconds(Change(frozenset({"db.sqlite"})), now=now) + 0.5
        rest.note(Change(frozenset({"db.sqlite"})), now=now)
        pauses.append(rest.seconds(Change(frozenset({"db.sqlite"})), now=now))
    assert pauses == [0, 1, 2, 4, 8, 16, LONGEST_REST_SECONDS, LONGEST_REST_SECONDS]
    assert rest.seconds(Change(frozenset({"db.sqlite", "a.py"})), now=now) == 0
    assert rest.seconds(EVERYTHING, now=now) == 0


@given(walk=st.floats(0, 100), wished=st.floats(0.2, 3600))
def test_polling_takes_a_hundredth_of_a_core_or_looks_once_a_minute(walk: float, wished: float) -> None:
    pause = pause_seconds(walk_seconds=walk, wished=wished)
    assert pause >= wished
    assert pause <= max(wished, LONGEST_PAUSE_SECONDS)
    assert pause >= min(walk * 99, LONGEST_PAUSE_SECONDS)
