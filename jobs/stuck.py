"""Ending a process that hangs in one file: a grammar that never returns, a network file system that never answers.

Nothing else can: a thread can't be interrupted from outside. The batch goes back to the queue like that of any dead
worker, and when it happens again the file is found and left out (see `care`).
"""

import asyncio
import faulthandler
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jobs.logs import fields

LOOK_SECONDS = 1.0
GRACE_SECONDS = 3.0  # the event loop of a busy process may look late
EXIT_CODE = 75

logger = logging.getLogger("pgdex.worker")


@dataclass(slots=True)
class FileInHand:
    """A file that a thread of this process reads and cuts. `seconds` counts while the process runs: one that was
    stopped for a while does not look stuck."""

    path: str
    seconds: float = 0.0


FILES_IN_HAND: dict[int, FileInHand] = {}
_changed = threading.Condition()
_alone: set[int] = set()  # threads that have a file in hand alone, or wait for that


@contextmanager
def file_in_hand(path: str, *, alone: bool = False) -> Iterator[None]:
    """The calling thread is busy with `path`. With `alone` no other thread of the process has a file in hand
    meanwhile, so that whatever happens to the process was this file's doing."""
    thread = threading.get_ident()
    with _changed:
        if alone:
            _changed.wait_for(lambda: not _alone)
            _alone.add(thread)
            _changed.wait_for(lambda: not FILES_IN_HAND)
        else:
            _changed.wait_for(lambda: not _alone)
        FILES_IN_HAND[thread] = FileInHand(path)
    try:
        yield
    finally:
        with _changed:
            del FILES_IN_HAND[thread]
            _alone.discard(thread)
            _changed.notify_all()


async def end_when_stuck(*, limit_seconds: float) -> None:
    """End this process with exit code 75 when a file takes longer than `limit_seconds`. Runs until it is cancelled."""
    try:
        while True:
            # For code that never lets another thread run: fires without Python, prints where every thread stands,
            # and ends the process with code 1. It can't tell that from a process that was stopped for so long; that
            # one has lost its batches to a peer by then, and its supervisor starts another.
            faulthandler.dump_traceback_later(limit_seconds + GRACE_SECONDS, exit=True)
            await asyncio.sleep(LOOK_SECONDS)
            for file in list(FILES_IN_HAND.values()):
                file.seconds += LOOK_SECONDS
                if file.seconds > limit_seconds:
                    about = fields(action="file_stuck", path=file.path, seconds=file.seconds)
                    logger.error("a file takes too long: ending this worker, a peer goes on", extra=about)
                    faulthandler.dump_traceback(all_threads=True)
                    os._exit(EXIT_CODE)
    finally:
        faulthandler.cancel_dump_traceback_later()
