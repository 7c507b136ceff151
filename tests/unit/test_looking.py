"""What a program remembers of the trees that its searches look at."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pgdex.jobs import watching
from pgdex.jobs.api.looking import Looking
from pgdex.jobs.settings import Settings


class SlowLooks:
    """Made slowly enough for two threads to be at it at once."""

    def __init__(self) -> None:
        time.sleep(0.1)
        self.is_closed = False

    def look(self, *_: Any) -> list[str]:
        return [str(id(self))]

    def close(self) -> None:
        self.is_closed = True


def test_threads_that_look_at_once_share_one_memory_and_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[SlowLooks] = []
    used: list[SlowLooks] = []

    def making() -> SlowLooks:
        made.append(SlowLooks())
        return made[-1]

    monkeypatch.setattr(watching, "Looks", making)
    looking = Looking(Settings())
    barrier = threading.Barrier(4)

    def look(_: int) -> None:
        barrier.wait()
        used.append(looking._looks())  # type: ignore[arg-type]  # the slow ones are what it makes here

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(look, range(4)))

    assert len({id(one) for one in used}) == 1
    looking.close()
    assert used[0].is_closed
    assert len(made) > 1, "two were at it at once"
