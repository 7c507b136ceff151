"""Noticing that something changed in a folder, in a thread of its own: by events, or by walks where there are none."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pgdex.indexer.sources import CachedRules, RootUnavailable, WalkAborted
from pgdex.jobs.watching.events import Events, EventsUnavailable
from pgdex.jobs.watching.file_systems import unreported_mount
from pgdex.jobs.watching.pending import EVERYTHING, Change
from pgdex.jobs.watching.polling import Polling, pause_seconds

LOOK_SECONDS = 1.0
"""Between two looks at whether the folder is still the same, of a microsecond each."""
GONE_SECONDS = 5.0
"""A folder that is gone for so long was not just exchanged (a clone made again, a mount renewed)."""
EVENTS_AGAIN_SECONDS = 600.0
"""Until a tree without events is asked for them again: limits are raised, folders removed."""


class Eyes:
    """Looks at one folder until it is closed or the folder is gone, and hands on what changes.

    `changed`, `says` and `gone` are called from the thread: `says` with how it is watched ("events" or "polling") and
    why not the other, each time that changes. `gone` is called once where the folder is. The first change, once the
    folder is looked at, is of everything: what happened before is not known.
    """

    def __init__(
        self,
        root: Path,
        *,
        max_file_bytes: int,
        heeds_git: bool,
        poll_seconds: float,
        changed: Callable[[Change], None],
        says: Callable[[str, str], None],
        gone: Callable[[], None],
    ) -> None:
        self._root = root
        self._max_file_bytes = max_file_bytes
        self._heeds_git = heeds_git
        self._poll_seconds = poll_seconds
        self._changed = changed
        self._says = says
        self._gone = gone
        self._polling: Polling | None = None
        self._said: tuple[str, str] | None = None
        self._closed = threading.Event()
        self._identity = _identity(root)
        self._thread = threading.Thread(target=self._run, name=f"pgdex-watch {root.name}", daemon=True)

    def open(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking, within a second."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.is_set():
            if not self._is_there():
                if not self._comes_back():
                    self._gone()
                    return
                self._identity, self._polling = _identity(self._root), None
            mount = unreported_mount(os.path.realpath(self._root))
            try:
                if mount is None:
                    self._by_events()
                else:
                    self._by_polling(f"changes on {mount.kind}, mounted at {mount.point}, are not reported")
            except EventsUnavailable as error:
                if self._is_there():
                    self._by_polling(str(error))

    def _by_events(self) -> None:
        """Raises EventsUnavailable."""
        events = Events(CachedRules(self._root, max_file_bytes=self._max_file_bytes, heeds_git=self._heeds_git))
        try:
            self._polling = None
            self._say("events", "")
            self._changed(EVERYTHING)  # what happened before there was a watch
            while not self._closed.is_set() and self._is_there():
                change = events.read(timeout_seconds=LOOK_SECONDS)
                if change is not None:
                    self._changed(change)
        finally:
            events.close()

    def _by_polling(self, why: str) -> None:
        self._say("polling", why)
        until = time.monotonic() + EVENTS_AGAIN_SECONDS
        while not self._closed.is_set() and self._is_there() and time.monotonic() < until:
            try:
                change = self._look()
            except WalkAborted:
                return
            except RootUnavailable:  # gone, or a network file system that is away for a moment
                change = None
            if change is not None:
                self._changed(change)
            walked = self._polling.walk_seconds if self._polling is not None else 0.0
            self._pause(pause_seconds(walk_seconds=walked, wished=self._poll_seconds))

    def _look(self) -> Change | None:
        """Raises RootUnavailable, WalkAborted."""
        if self._polling is not None:
            return self._polling.look()
        polling = Polling(
            self._root,
            max_file_bytes=self._max_file_bytes,
            heeds_git=self._heeds_git,
            aborted=self._closed.is_set,
        )
        polling.look()
        self._polling = polling
        return EVERYTHING  # what happened before the first walk

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (rest := until - time.monotonic()) > 0:
            if self._closed.wait(min(rest, LOOK_SECONDS)) or not self._is_there():
                return

    def _say(self, how: str, why: str) -> None:
        if (how, why) != self._said:
            self._said = how, why
            self._says(how, why)

    def _is_there(self) -> bool:
        return self._identity is not None and _identity(self._root) == self._identity

    def _comes_back(self) -> bool:
        until = time.monotonic() + GONE_SECONDS
        while time.monotonic() < until:
            if _identity(self._root) is not None:
                return True
            if self._closed.wait(0.2):
                return True
        return False


def _identity(root: Path) -> tuple[int, int] | None:
    """What tells a folder from another one of the same name; None where there is none."""
    try:
        status = os.stat(root)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if os.path.isdir(root) else None
