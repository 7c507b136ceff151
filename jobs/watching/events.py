"""What the system reports of a tree's changes: inotify, FSEvents and ReadDirectoryChangesW, through watchfiles."""

import os
import sys
import time
from collections.abc import Iterator

from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from pgdex.indexer.sources import GIT_DIRECTORY, CachedRules, Concern
from pgdex.jobs.watching.file_systems import most_watches
from pgdex.jobs.watching.git_marks import checked_out, git_marks
from pgdex.jobs.watching.pending import EVERYTHING, Change

QUIET_MS = 150
"""A save is two or three events within a few milliseconds (a temporary file, a rename), and formatters run right after
it. watchfiles wakes up so often to look: every 50 ms took 0.13 % of a core, every 150 ms 0.05 %."""
LONGEST_MS = 1_000
"""A build that writes without a pause does not keep the index waiting for longer."""
MANY_EVENTS = 2_000
"""So many different ones in one read may be more than the kernel's queue holds (16,384, several for each path), and
watchfiles does not tell when it overflowed: some may be lost."""
BURST_PATHS = 100
"""More paths than that at once, or a lock of git's: a checkout is under way, and one request after it is enough."""
BURST_SECONDS = 10.0
"""A burst is waited out for that long: a checkout of 10,000 files takes seconds. A lock of git's may be left over."""
ROUNDS = 5
"""In which new folders are looked for while they are still being made; what comes later is an event again."""
# inotify needs a watch for each folder, so that only those are watched that the walk enters; elsewhere one watch covers
# the tree.
EACH_FOLDER = sys.platform == "linux"


class EventsUnavailable(Exception):
    """The system does not report changes of this tree; the message says why and what to do."""


class Events:
    """Changes of one tree as the system reports them. Not for several threads at once.

    Raises EventsUnavailable where the system refuses.
    """

    def __init__(self, rules: CachedRules) -> None:
        self._rules = rules
        self._root = rules.real_root
        self._marks = git_marks(self._root)
        self._checked_out = checked_out(self._root)
        self._watched: set[bytes] = set()
        self._left: set[bytes] = set()  # paths that were reported to watches which others have replaced since
        self._notify: RustNotify | None = None
        self._missed = EVERYTHING if self._cover() else None

    def close(self) -> None:
        """Stop watching."""
        if self._notify is not None:
            self._notify.close()
            self._notify = None

    @property
    def folders(self) -> int:
        """How many folders are watched."""
        return len(self._watched)

    def read(self, *, timeout_seconds: float) -> Change | None:
        """Wait for changes that count, for at most that long: those of one burst, after QUIET_MS without another. None:
        there were none. Raises EventsUnavailable."""
        change = self._read(timeout_seconds)
        if change is None or not self._is_burst(change):
            return change
        until = time.monotonic() + BURST_SECONDS
        while time.monotonic() < until:
            more = self._read(QUIET_MS / 1000)
            if more is not None:
                change |= more
            elif not self._git_is_busy():
                break
        return change

    def _is_burst(self, change: Change) -> bool:
        return change.paths is None or len(change.paths) >= BURST_PATHS or self._git_is_busy()

    def _git_is_busy(self) -> bool:
        return any(os.path.exists(path + b".lock") for path in self._marks.checkout)

    def _read(self, timeout_seconds: float) -> Change | None:
        if self._missed is not None:
            missed, self._missed = self._missed, None
            return missed
        paths, self._left = self._left, set()
        if not paths:
            assert self._notify is not None, "closed"
            told = self._told_to(self._notify, timeout_ms=max(1, round(timeout_seconds * 1000)), quiet_ms=QUIET_MS)
            if told is None:
                self._watched.clear()
                self._cover()
                return EVERYTHING
            paths = told
        return self._judged(paths) if paths else None

    def _told_to(self, notify: RustNotify, *, timeout_ms: int, quiet_ms: int) -> set[bytes] | None:
        """The paths that were reported; None where watchfiles can't tell them, such as a name that is not UTF-8."""
        try:
            events = notify.watch(LONGEST_MS, quiet_ms, timeout_ms, None)
        except WatchfilesRustInternalError:
            return None
        return set() if isinstance(events, str) else {os.fsencode(path) for _, path in events}

    def _judged(self, paths: set[bytes]) -> Change | None:
        """The change that these paths are, of which some do not concern the index."""
        if len(paths) >= MANY_EVENTS:
            self._rules.forget()
            self._checked_out = checked_out(self._root)
            self._watched = {folder for folder in self._watched if os.path.isdir(folder)}
            self._cover()
            return EVERYTHING
        everything = folders_changed = False
        counted = set()
        for path in paths:
            concern = self._concern(path)
            everything = everything or concern is Concern.EVERYTHING
            if concern is Concern.FOLDER:
                folders_changed = True
                self._unwatch(path)
            if concern in (Concern.FILE, Concern.FOLDER):
                counted.add(os.path.relpath(path, self._root).decode(errors="surrogateescape"))
        if (folders_changed or everything) and self._cover():
            everything = True
        if everything:
            return EVERYTHING
        return Change(frozenset()) | Change(frozenset(counted)) if counted else None

    def _concern(self, path: bytes) -> Concern:
        if path == os.path.join(self._root, GIT_DIRECTORY) or path in self._marks.folders:
            return self._repository_changed(path)
        if path in self._marks.checkout:
            before, self._checked_out = self._checked_out, checked_out(self._root)
            if before == self._checked_out:  # `git status` writes the index
                return Concern.NOTHING
        if path in self._marks.checkout or path in self._marks.rules:
            self._rules.forget()  # what git tracks counts whatever a rule says
            return Concern.EVERYTHING
        below = os.path.join(self._root, b"")
        return self._rules.concern(path[len(below) :]) if path.startswith(below) else Concern.NOTHING

    def _repository_changed(self, path: bytes) -> Concern:
        """What it means that one of git's folders came or went: other files say now which ones count."""
        before = self._marks, self._checked_out
        self._marks, self._checked_out = git_marks(self._root), checked_out(self._root)
        if not EACH_FOLDER and before == (self._marks, self._checked_out):  # FSEvents tells of a folder's own times too
            return Concern.NOTHING
        self._unwatch(path)
        self._rules.forget()
        return Concern.EVERYTHING

    def _unwatch(self, folder: bytes) -> None:
        """A folder went, or another one is in its place: what watched it and all in it is of no use."""
        below = os.path.join(folder, b"")
        self._watched = {one for one in self._watched if one != folder and not one.startswith(below)}

    def _cover(self) -> bool:
        """Watch every folder that the walk enters now; true where that took so long that events may be missing.

        A folder that was made a moment ago has its files listed by the job, so only folders have to be found: again,
        after those were covered that were found before.
        """
        for _ in range(ROUNDS):
            wanted = set(self._folders())
            if self._notify is not None and wanted == self._watched:
                return False
            self._watch(wanted)
        if self._notify is None:
            raise EventsUnavailable("its folders come and go faster than they can be watched")
        return True

    def _folders(self) -> Iterator[bytes]:
        yield from (folder for folder in self._marks.folders if os.path.isdir(folder) and os.access(folder, os.R_OK))
        if EACH_FOLDER:
            yield from (os.path.join(self._root, folder) if folder else self._root for folder in self._rules.entered())
        else:
            yield self._root

    def _watch(self, folders: set[bytes]) -> None:
        """Exchange the watches for others. The new ones are there before the old ones go."""
        # watchfiles takes text, and nothing is indexed in a folder whose name is none.
        names = [folder.decode() for folder in folders if _is_text(folder)]
        try:
            # The last argument is False: told to ignore missing permissions, it would ignore the limit as well.
            new = RustNotify(names, False, False, 0, not EACH_FOLDER, False)
        except (FileNotFoundError, PermissionError):  # a folder went or was closed meanwhile: the next round knows
            if not os.path.isdir(self._root):
                raise EventsUnavailable("the folder is gone") from None
            self._rules.forget()
            return
        except (OSError, WatchfilesRustInternalError) as error:
            raise EventsUnavailable(_reason(error, folders=len(names))) from error
        old, self._notify, self._watched = self._notify, new, folders
        if old is not None:
            left = self._told_to(old, timeout_ms=1, quiet_ms=1)
            old.close()
            if left is None:
                self._missed = EVERYTHING
            else:
                self._left |= left


def _is_text(path: bytes) -> bool:
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True


def _reason(error: Exception, *, folders: int) -> str:
    said = " ".join(str(error).split())
    most = most_watches()
    if "watch limit" in said or "No space left" in said or "MaxFilesWatch" in said:
        return (
            f"it has {folders:,} folders, and one user may watch {most:,} in all (fs.inotify.max_user_watches)"
            if most is not None
            else f"it has {folders:,} folders, which is more than may be watched"
        )
    if "Too many open files" in said:
        return "no more inotify instances may be opened (fs.inotify.max_user_instances)"
    return f"the system refuses to report changes: {said}"
