"""What changed and no job was requested for yet: however much it is, it becomes one request."""

import threading
from dataclasses import dataclass

MOST_PATHS = 1_000
"""More changed paths than this are a branch switch or a mass edit: a walk of the whole tree (0.4 s for 21,000 files)
costs no more than so many single looks, and the request stays small."""


@dataclass(frozen=True, slots=True)
class Change:
    """The paths, relative to the repository's folder, that changed; a folder stands for all that is in it. None: it is
    not known which, so that everything has to be looked at."""

    paths: frozenset[str] | None

    def __or__(self, other: "Change") -> "Change":
        if self.paths is None or other.paths is None:
            return EVERYTHING
        paths = self.paths | other.paths
        return EVERYTHING if len(paths) > MOST_PATHS else Change(paths)

    def __str__(self) -> str:
        if self.paths is None:
            return "looking at the whole folder"
        return f"{len(self.paths):,} {'path' if len(self.paths) == 1 else 'paths'} changed"


EVERYTHING = Change(None)


class Pending:
    """Collects changes until somebody takes them. For several threads."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._change: Change | None = None
        self._woken = False

    def add(self, change: Change) -> None:
        """Note a change; one without any path is none."""
        if change.paths is not None and not change.paths:
            return
        with self._condition:
            self._change = (Change(frozenset()) if self._change is None else self._change) | change
            self._condition.notify_all()

    def take(self) -> Change | None:
        """All that was added since the last time, as one change; None where there was nothing."""
        with self._condition:
            change, self._change = self._change, None
            return change

    def wait(self, seconds: float) -> bool:
        """Wait until there is something, or for `seconds`, or until `wake` is called; true where there is something."""
        with self._condition:
            self._condition.wait_for(lambda: self._change is not None or self._woken, timeout=seconds)
            self._woken = False
            return self._change is not None

    def wake(self) -> None:
        """End a wait."""
        with self._condition:
            self._woken = True
            self._condition.notify_all()
