"""Noticing changes where the system does not report them: a walk every few seconds, compared with the one before."""

import time
from collections.abc import Callable
from pathlib import Path

from pgdex.indexer.sources import SkipReason, walk
from pgdex.jobs.watching.pending import Change

# Files whose content counts: what this process lacks to read a document, the workers may have.
READ = (None, SkipReason.EXTRA_MISSING)
LARGEST_SHARE = 0.01
"""Of one core: the pause grows with what a walk costs."""
LONGEST_PAUSE_SECONDS = 60.0
"""However long a walk takes, unless the setting asks for more: who saves a file looks for it within a minute."""


class Polling:
    """Walks of one tree, each compared with the one before. Not for several threads at once."""

    def __init__(
        self, root: Path, *, max_file_bytes: int, heeds_git: bool, aborted: Callable[[], bool] = lambda: False
    ) -> None:
        """`aborted` ends a walk with WalkAborted."""
        self._root = root
        self._max_file_bytes = max_file_bytes
        self._heeds_git = heeds_git
        self._aborted = aborted
        self._seen: dict[str, int] | None = None
        self.walk_seconds = 0.0
        """Processor time of the last walk."""

    def look(self) -> Change | None:
        """Walk, and say what changed since the last time; None where nothing did, and the first time.

        Raises RootUnavailable, WalkAborted.
        """
        began = time.thread_time()
        # A number for each file is 100 bytes; the times and sizes themselves would be three times that.
        now = {
            found.path: hash((found.size, found.mtime_ns) if found.skip_reason in READ else found.skip_reason)
            for found in walk(
                self._root, max_file_bytes=self._max_file_bytes, heeds_git=self._heeds_git, aborted=self._aborted
            )
        }
        before, self._seen = self._seen, now
        self.walk_seconds = time.thread_time() - began
        if before is None or before == now:
            return None
        changed = {path for path, state in now.items() if before.get(path) != state}
        return Change(frozenset()) | Change(frozenset(changed | (before.keys() - now.keys())))


def pause_seconds(*, walk_seconds: float, wished: float) -> float:
    """How long to wait after a walk that took `walk_seconds` of a core, where a pause of `wished` is set."""
    return max(wished, min(walk_seconds / LARGEST_SHARE, LONGEST_PAUSE_SECONDS))
