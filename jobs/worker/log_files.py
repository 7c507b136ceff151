"""`worker.log`, the log of workers that were started in the background: never larger than a few files of a few MB.

Many processes write to it, by Python's logging and without it (a traceback, a library's last words). So each of them
follows the file: when one has moved it aside, the others turn their standard error to the new one.
"""

import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pgdex.jobs.database.embedded.locks import hand_to_owner, is_in_place, open_lock, try_lock
from pgdex.jobs.errors import PgdexError

LARGEST_BYTES = 5_000_000
KEPT = 3  # older ones, as worker.log.1 to worker.log.3
LOOK_SECONDS = 2.0


def worker_log(home: Path) -> Path:
    """Where it is."""
    return home / "worker.log"


def open_worker_log(home: Path) -> BinaryIO:
    """Open it for a process that is about to start. Only its owner may read it: it quotes paths and errors."""
    path = worker_log(home)
    rotate(path)
    return open(_opened(path), "ab")


def follow_worker_log(home: Path) -> None:
    """If this process writes to the log, keep it short and follow it from now on, in a thread."""
    path = worker_log(home)
    ours = [number for number in (1, 2) if _writes_to(number, path)]
    if ours:
        threading.Thread(target=_follow, args=[path, ours], name="pgdex-log", daemon=True).start()


def rotate(path: Path, *, largest_bytes: int = LARGEST_BYTES) -> None:
    """Move the log aside if it is too large. Of several processes that want to, one does it."""
    with suppress(OSError, PgdexError):  # a full disk, a file system without locks: then it grows
        if path.stat().st_size <= largest_bytes:
            return
        lock = open_lock(path.with_name(f"{path.name}.lock"))
        try:
            if not try_lock(lock) or path.stat().st_size <= largest_bytes:
                return
            for number in range(KEPT - 1, 0, -1):
                with suppress(FileNotFoundError):
                    _old(path, number).rename(_old(path, number + 1))
            path.rename(_old(path, 1))
            os.close(_opened(path))
        finally:
            os.close(lock)


def catch_up(path: Path, descriptors: list[int]) -> None:
    """Turn descriptors that write to a log which was moved aside to the present one."""
    if all(is_in_place(descriptor, path) for descriptor in descriptors):
        return
    with suppress(OSError):  # the whole home may be gone
        present = _opened(path)
        sys.stderr.flush()
        for descriptor in descriptors:
            os.dup2(present, descriptor)
        os.close(present)


def _follow(path: Path, descriptors: list[int]) -> None:
    was_there = True
    while True:
        time.sleep(LOOK_SECONDS)
        rotate(path)
        is_there = path.exists()
        # Where it was removed it is made again, but not at once: the whole home may be being removed.
        if is_there or not was_there:
            catch_up(path, descriptors)
        was_there = is_there


def _writes_to(descriptor: int, path: Path) -> bool:
    try:
        return is_in_place(descriptor, path)
    except OSError:  # it is closed
        return False


def _opened(path: Path) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    hand_to_owner(descriptor, path.parent)
    return descriptor


def _old(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
