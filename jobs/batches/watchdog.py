"""Ending a process that hangs: in a grammar that never returns, or in a file system that never answers.

Nothing else can: a thread can't be interrupted from outside. The batch goes back to the queue like that of any dead
worker. When it happens again the file is found and left out (see `poison_files.py`); a folder in which a scan, a finish
or a look at the root hung is noted, and fails the job the second time (see `Claim.require_answers`).
"""

import asyncio
import faulthandler
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pgdex.jobs.logging import fields

LOOK_SECONDS = 1.0
GRACE_SECONDS = 3.0  # the event loop of a busy process may look late
EXIT_CODE = 75

Note = Callable[[str | None], object]

logger = logging.getLogger("pgdex.worker")


@dataclass(slots=True)
class InProgress:
    """What a thread of this process is busy with. `seconds` counts while the process runs: one that was stopped for a
    while does not look stuck. `note` tells the database of a folder that takes long, or with None that it answered."""

    path: str
    kind: str = "file"
    seconds: float = 0.0
    note: Note | None = None
    is_noted: bool = False


FILES_IN_PROGRESS: dict[int, InProgress] = {}
FOLDERS_IN_PROGRESS: dict[int, InProgress] = {}
_changed = threading.Condition()
_alone: set[int] = set()  # threads that process a file alone, or wait for that


@contextmanager
def file_in_progress(path: str, *, alone: bool = False) -> Iterator[None]:
    """The calling thread is busy with `path`. With `alone` no other thread of the process has a file in progress
    meanwhile, so that whatever happens to the process was this file's doing."""
    thread = threading.get_ident()
    with _changed:
        if alone:
            _changed.wait_for(lambda: not _alone)
            _alone.add(thread)
            _changed.wait_for(lambda: not FILES_IN_PROGRESS)
        else:
            _changed.wait_for(lambda: not _alone)
        FILES_IN_PROGRESS[thread] = InProgress(path)
    try:
        yield
    finally:
        with _changed:
            del FILES_IN_PROGRESS[thread]
            _alone.discard(thread)
            _changed.notify_all()


@contextmanager
def folder_in_progress(path: str, *, note: Note | None = None) -> Iterator[None]:
    """The calling thread asks a file system about the folder `path`, and perhaps about others (see `gone_on`).

    `note` is called, in another thread, where the folder takes half of the time that it may, so that the database knows
    of it should this process be ended; and with None, here, when it has answered after all.
    """
    thread = threading.get_ident()
    hand = FOLDERS_IN_PROGRESS[thread] = InProgress(path, "folder", note=note)
    try:
        yield
    finally:
        del FOLDERS_IN_PROGRESS[thread]
        _clear(hand)


def gone_on(path: str) -> None:
    """The folder that the calling thread waits for has answered; it asks about this one now, or goes on with it."""
    hand = FOLDERS_IN_PROGRESS[threading.get_ident()]
    hand.seconds = 0.0
    hand.path = path
    _clear(hand)


def _clear(hand: InProgress) -> None:
    if hand.is_noted and hand.note is not None:
        hand.is_noted = False
        hand.note(None)


async def end_when_stuck(*, limit_seconds: float) -> None:
    """End this process with exit code 75 when a file or a folder takes longer than `limit_seconds`. Runs until it is
    cancelled."""
    notes: set[asyncio.Task[object]] = set()  # the loop itself keeps no hold of them
    try:
        while True:
            # For code that never lets another thread run: fires without Python, prints where every thread stands,
            # and ends the process with code 1. It can't tell that from a process that was stopped for so long; that
            # one has lost its batches to a peer by then, and its supervisor starts another.
            faulthandler.dump_traceback_later(limit_seconds + GRACE_SECONDS, exit=True)
            await asyncio.sleep(LOOK_SECONDS)
            for hand in [*FILES_IN_PROGRESS.values(), *FOLDERS_IN_PROGRESS.values()]:
                hand.seconds += LOOK_SECONDS
                if hand.note is not None and not hand.is_noted and hand.seconds * 2 >= limit_seconds:
                    hand.is_noted = True
                    notes.add(note := asyncio.create_task(asyncio.to_thread(hand.note, hand.path)))
                    note.add_done_callback(notes.discard)
                if hand.seconds > limit_seconds:
                    about = fields(action=f"{hand.kind}_stuck", path=hand.path, seconds=hand.seconds)
                    logger.error("a %s takes too long: ending this worker, a peer goes on", hand.kind, extra=about)
                    faulthandler.dump_traceback(all_threads=True)
                    os._exit(EXIT_CODE)
    finally:
        faulthandler.cancel_dump_traceback_later()
