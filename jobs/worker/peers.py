"""Who is dead, judged by what this process has seen on its own clock.

No clock of a server is looked at: a machine whose time is set would presume the living dead, or the dead alive.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

LOCK_GRACE_SECONDS = 1.0  # in which a worker whose connection broke takes its lock again on a new one
SILENCE_SECONDS = 5.0  # for what the lock can't show: a process that is stopped, a machine that vanished, a pooler


class Sign(NamedTuple):
    """What the database shows of a worker: the number of its last heartbeat, and whether its session lock is held."""

    worker_id: int
    beat: int
    lock_held: bool


@dataclass(slots=True)
class _Seen:
    beat: int
    changed_at: float


class Peers:
    """Remembers when each worker's heartbeat was last seen to change."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}

    def forget(self) -> None:
        """Begin again: this process has not looked for a while, so that its notes say nothing."""
        self._seen.clear()

    def dead(self, signs: Iterable[Sign], *, now: float) -> list[Sign]:
        """Note what is seen at `now` (seconds on a clock that never goes back), and return whose heart has not beaten
        for too long while this process looked."""
        seen, dead = {}, []
        for sign in signs:
            before = self._seen.get(sign.worker_id)
            if before is None or before.beat != sign.beat:
                before = _Seen(sign.beat, now)
            seen[sign.worker_id] = before
            silence = now - before.changed_at
            if silence > SILENCE_SECONDS or (not sign.lock_held and silence >= LOCK_GRACE_SECONDS):
                dead.append(sign)
        self._seen = seen
        return dead


class Turn:
    """When it is time for a duty that one worker in the cluster does every so often: by this process's clock, and the
    number that rises each time that anyone did it."""

    def __init__(self, *, period_seconds: float) -> None:
        self._period = period_seconds
        self._seen: _Seen | None = None

    def is_due(self, number: int, *, now: float) -> bool:
        """Whether nobody has done it for a period, or longer than this process has looked."""
        if self._seen is None or self._seen.beat != number:
            self._seen = _Seen(number, now)
        return now - self._seen.changed_at >= self._period
