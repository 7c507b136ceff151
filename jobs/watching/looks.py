"""Looks at views before answers, by a process that stays: what was looked at once is not looked at again unless
something happened there.

A walk takes 0.3 s for 21,000 files, and 1 s for 79,000. Here the first look is a walk; each one after it is at what the
kernel has reported since (`reports.py`), and at what jobs have written meanwhile, which takes a millisecond.
"""

import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID
from weakref import WeakSet

from pgdex.indexer.sources import FoundFile, OpenedRoot, RootUnavailable, WalkAborted, Witness, walk
from pgdex.jobs.client.changes import changes_since, compared, how_to_walk, known_files, worth_a_job
from pgdex.jobs.client.freshening import whole_look
from pgdex.jobs.logging import fields
from pgdex.jobs.watching.file_systems import Mount, mounts, mounts_of, unreported_mount
from pgdex.jobs.watching.git_marks import GitMarks, git_marks
from pgdex.jobs.watching.reports import IS_SUPPORTED, MOST_PATHS, Reports, ReportsRefused

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import IndexedView
    from pgdex.jobs.database.connection import Connection

MOST_TREES = 4
"""Each is one of the user's inotify instances, of which there are 128, and has a watch for each folder."""
TRUSTED_SECONDS = 600.0
"""After that all is walked again: not everything is reported (what is written through a memory map, the user's own
ignore file)."""
REFUSED_SECONDS = 600.0
"""Until a tree that the kernel refused to report is tried again: limits are raised, folders removed."""
POLL_SECONDS = 0.02
WRITTEN = """
    select id, only_paths, pgdex.is_live(status), queue_number from pgdex.indexing_jobs
    where view_id = %s and (queue_number > %s or id = any(%s))
"""
NEWEST = "select id, queue_number, pgdex.is_live(status) from pgdex.indexing_jobs where view_id = %s"

logger = logging.getLogger("pgdex.watch")


class Looks:
    """What a process remembers of the trees that it has looked at. For several threads; a process that was forked
    remembers nothing."""

    def __init__(self) -> None:
        self.begin()
        _open_ones.add(self)

    def begin(self) -> None:
        """Start without any tree. What is reported to the process that this one was forked from stays for that one: it
        would miss what this one reads."""
        self._lock = threading.Lock()
        self._trees: OrderedDict[tuple[int, Path], _Tree] = OrderedDict()
        self._refused: dict[int, float] = {}

    def look(self, client: "Client", view: "IndexedView", root: Path, aborted: Callable[[], bool]) -> list[str]:
        """The paths in which a view and its folder differ: a `Look` (see client/freshening.py)."""
        if IS_SUPPORTED and time.monotonic() >= self._refused.get(view.id, 0.0):
            tree = self._tree(
                view.id,
                root,
                max_file_bytes=client.settings.max_file_bytes,
                # The server of this machine alone has no workers elsewhere.
                is_shared=client.settings.database_url is not None,
            )
            try:
                return tree.look(client.connection, aborted)
            except ReportsRefused as error:
                self._refused[view.id] = time.monotonic() + REFUSED_SECONDS
                logger.info(
                    f"{root}: the system does not report its changes, so each search looks at all of it: {error}",
                    extra=fields(action="looks_refused"),
                )
        return whole_look(client, view, root, aborted)

    def close(self) -> None:
        """Forget all trees."""
        with self._lock:
            trees, self._trees = self._trees, OrderedDict()
        for tree in trees.values():
            tree.close()

    def _tree(self, view_id: int, root: Path, *, max_file_bytes: int, is_shared: bool) -> "_Tree":
        with self._lock:
            tree = self._trees.get((view_id, root))
            if tree is None:
                tree = self._trees[view_id, root] = _Tree(
                    view_id, root, max_file_bytes=max_file_bytes, is_shared=is_shared
                )
            self._trees.move_to_end((view_id, root))
            left = self._trees.popitem(last=False)[1] if len(self._trees) > MOST_TREES else None
        if left is not None:
            left.close()
        return tree


def _begin_again() -> None:
    for one in list(_open_ones):
        one.begin()


_open_ones: WeakSet[Looks] = WeakSet()
if hasattr(os, "register_at_fork"):
    # Before any thread of the child can look: a lock that another thread of the parent held would stay locked.
    os.register_at_fork(after_in_child=_begin_again)


class _Tree:
    """One view's folder. What is `open` has to be looked at, whatever is reported."""

    def __init__(self, view_id: int, root: Path, *, max_file_bytes: int, is_shared: bool) -> None:
        self._view_id = view_id
        self._root = root
        self._max_file_bytes = max_file_bytes
        self._lock = threading.Lock()
        self._jobs = _Jobs(view_id) if is_shared else None
        self._place: _Place | None = None
        self._walk: _Walk | None = None
        self._reports: Reports | None = None
        self._walked_at = 0.0
        self._open: frozenset[str] = frozenset()

    def look(self, connection: "Connection", aborted: Callable[[], bool]) -> list[str]:
        """The changed paths. Raises WalkAborted, RootUnavailable, ReportsRefused."""
        with self._held(aborted):
            try:
                return self._look(connection, aborted)
            except WalkAborted:
                raise  # the walk goes on, and what is open stays so
            except BaseException:
                self._forget()
                raise

    def close(self) -> None:
        """Forget it, and end a walk that is under way. One that a search is looking at goes with that search."""
        if self._lock.acquire(timeout=POLL_SECONDS):
            self._forget()
            self._lock.release()

    @contextmanager
    def _held(self, aborted: Callable[[], bool]) -> Iterator[None]:
        while not self._lock.acquire(timeout=POLL_SECONDS):
            if aborted():
                raise WalkAborted(f"another look at {self._root} was under way")
        try:
            yield
        finally:
            self._lock.release()

    def _look(self, connection: "Connection", aborted: Callable[[], bool]) -> list[str]:
        heeds_git, witness = how_to_walk(connection, view_id=self._view_id)
        place = _Place.of(self._root, heeds_git=heeds_git)
        if place != self._place or (self._reports is not None and not self._take_in(connection)):
            self._forget()
            self._place = place
        while self._reports is None:
            is_of_before = self._walk is not None
            if self._walk is None:
                self._walk = _Walk(self._root, witness, max_file_bytes=self._max_file_bytes, heeds_git=heeds_git)
            changed = self._compare(connection, self._walk.wait(aborted))
            if self._take_in(connection):
                if self._open == _nameable(changed):
                    return changed
            else:
                self._forget()
                self._place = place
                if not is_of_before:  # a checkout is going on, say: the next look walks again
                    return changed
        return self._look_at_open(connection, aborted) if self._open else []

    def _take_in(self, connection: "Connection") -> bool:
        """Add to what is open what happened since the last look; false where that may be anywhere in the tree."""
        assert self._reports is not None, "it was walked"
        written = frozenset[str]() if self._jobs is None else self._jobs.written(connection)
        reported = self._reports.taken()
        if written is None or reported is None or time.monotonic() - self._walked_at > TRUSTED_SECONDS:
            return False
        self._open |= written | reported
        return len(self._open) <= MOST_PATHS

    def _compare(self, connection: "Connection", walked: "_Walked") -> list[str]:
        """What differs after a walk of everything."""
        walked.reports.require_all()
        if self._jobs is not None:
            self._jobs.begin(connection)
        known = known_files(connection, view_id=self._view_id)
        changed = worth_a_job(compared(walked.found, known, unmounted=walked.unmounted), known, root=self._root)
        self._walk, self._reports, self._walked_at = None, walked.reports, walked.began
        self._open = _nameable(changed)
        return changed

    def _look_at_open(self, connection: "Connection", aborted: Callable[[], bool]) -> list[str]:
        assert self._reports is not None, "it was walked"
        changed = changes_since(
            connection,
            view_id=self._view_id,
            root=self._root,
            max_file_bytes=self._max_file_bytes,
            aborted=aborted,
            only=self._open,
            entering=self._reports.watch,
        )
        self._reports.require_all()
        self._open = _nameable(changed)
        return changed

    def _forget(self) -> None:
        if self._walk is not None:
            self._walk.abandon()
        if self._reports is not None:
            self._reports.close()
        self._walk = self._reports = self._place = None
        self._open = frozenset()


@dataclass(frozen=True, slots=True)
class _Place:
    """What no event in a tree tells of: which folder it is (one above it may have been renamed), what is mounted around
    and in it, which repository it lies in (there may be one above it from now on), and whether git's rules count."""

    identity: tuple[int, int]
    mounts: tuple[Mount, ...]
    marks: GitMarks
    heeds_git: bool

    @classmethod
    def of(cls, root: Path, *, heeds_git: bool) -> "_Place":
        """Raises RootUnavailable."""
        try:
            status = os.stat(root)
        except OSError as error:
            raise RootUnavailable(f"{root} is not there: {error.strerror}") from error
        real = os.path.realpath(root)
        return cls((status.st_dev, status.st_ino), tuple(mounts_of(real)), git_marks(os.fsencode(real)), heeds_git)


@dataclass(frozen=True, slots=True)
class _Walked:
    """What a walk found; `reports` are of what happened since it `began` (monotonic)."""

    found: list[FoundFile]
    unmounted: list[str]
    reports: Reports
    began: float


class _Walk:
    """A walk of the whole tree in a thread of its own: one that takes longer than a search may wait is not lost."""

    def __init__(self, root: Path, witness: Witness, *, max_file_bytes: int, heeds_git: bool) -> None:
        """Raises ReportsRefused."""
        known = mounts()
        if not known:
            raise ReportsRefused("what is mounted is not known: /proc/self/mountinfo can't be read")
        mount = unreported_mount(os.path.realpath(root), known)
        if mount is not None:
            raise ReportsRefused(f"{mount.point} is a file system of the kind {mount.kind}")
        self._root = root
        self._witness = witness
        self._max_file_bytes = max_file_bytes
        self._heeds_git = heeds_git
        self._abandoned = threading.Event()
        self._walked: Future[_Walked] = Future()
        self._reports = Reports(os.path.realpath(os.fsencode(root)))
        threading.Thread(target=self._run, name=f"pgdex-look {root.name}", daemon=True).start()

    def wait(self, aborted: Callable[[], bool]) -> _Walked:
        """Raises what the walk raised, and WalkAborted where `aborted` says so; the walk goes on then."""
        while True:
            try:
                return self._walked.result(timeout=POLL_SECONDS)
            except NotYet:
                if aborted():
                    raise WalkAborted(f"the walk of {self._root} goes on") from None

    def abandon(self) -> None:
        """End it; nobody waits for it any more."""
        self._abandoned.set()
        self._walked.add_done_callback(lambda walked: self._reports.close())

    def _run(self) -> None:
        began = time.monotonic()
        try:
            with OpenedRoot(self._root, for_listing=True) as opened:
                unmounted = self._witness.unmounted(opened)
                found = walk(
                    opened,
                    max_file_bytes=self._max_file_bytes,
                    aborted=self._abandoned.is_set,
                    entering=self._reports.watch,
                    heeds_git=self._heeds_git,
                    blob_ids=False,
                )
                walked = _Walked(list(found), unmounted, self._reports, began)
        except BaseException as error:
            self._walked.set_exception(error)
        else:
            self._walked.set_result(walked)


class _Jobs:
    """What the jobs of a view may have written since they were last asked about: those of another machine, which has
    another folder at the same path. Newer jobs are told by their numbers: a clock may be set back."""

    def __init__(self, view_id: int) -> None:
        self._view_id = view_id
        self._newest = 0
        self._live: list[UUID] = []

    def begin(self, connection: "Connection") -> None:
        """From now on."""
        rows = connection.execute(NEWEST, [self._view_id]).fetchall()
        self._newest = max((number for _, number, _ in rows), default=0)
        self._live = [job_id for job_id, _, is_live in rows if is_live]

    def written(self, connection: "Connection") -> frozenset[str] | None:
        """The paths that jobs were limited to which were asked for or ended meanwhile; None where one was of all."""
        rows = connection.execute(WRITTEN, [self._view_id, self._newest, self._live]).fetchall()
        self._newest = max([self._newest, *(number for *_, number in rows)])
        self._live = [job_id for job_id, _, is_live, _ in rows if is_live]
        if any(only is None for _, only, _, _ in rows):
            return None
        return frozenset(path for _, only, _, _ in rows for path in only)


def _nameable(changed: Iterable[str]) -> frozenset[str]:
    """Without names that the index can't have (see FoundFile): no look at a part of the tree can be asked for them."""
    return frozenset(path for path in changed if not path.startswith("./"))
