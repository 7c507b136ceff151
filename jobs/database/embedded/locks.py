"""Locks of a home: flock'ed files. The kernel releases one when the last process that has it open ends, however it
ends; a child inherits one only where it is handed over. flock works between containers that share a folder."""

import errno
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from pgdex.jobs.errors import DatabaseUnavailable

POLL_SECONDS = 0.01
UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


def open_lock(path: Path) -> int:
    """Open a lock's file, which is made where there is none, and return its descriptor. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    hand_to_owner(descriptor, path.parent)
    return descriptor


def hand_to_owner(descriptor: int, folder: Path) -> None:
    """What root makes in the home of someone else belongs to that user, who will need it too."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock if nobody is in the way. Raises DatabaseUnavailable on a file system without locks."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in UNSUPPORTED:
            raise DatabaseUnavailable(
                "the file system of PGDEX_HOME has no working file locks (flock), which the embedded PostgreSQL needs: "
                "set PGDEX_HOME to a folder on a local disk, or PGDEX_DATABASE_URL to a server"
            ) from error
        raise
    return True


def release(descriptor: int) -> None:
    """Give the lock up and keep the file open; not for one that a child has too, which would lose it as well."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def is_in_place(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one at `path`: someone may have removed the whole home."""
    try:
        there = path.stat()
    except OSError:
        return False
    mine = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def take_lock(
    path: Path, *, shared: bool = False, seconds: float, waiting: Callable[[float], None] = lambda _: None
) -> int | None:
    """The descriptor of the locked file, or None where it was not free for `seconds`.

    `waiting` is called with the seconds so far, again and again. Raises OSError, DatabaseUnavailable.
    """
    began = time.monotonic()
    while True:
        descriptor = open_lock(path)
        try:
            while not try_lock(descriptor, shared=shared):
                waited = time.monotonic() - began
                if waited > seconds:
                    os.close(descriptor)
                    return None
                waiting(waited)
                time.sleep(POLL_SECONDS)
        except BaseException:
            os.close(descriptor)
            raise
        if is_in_place(descriptor, path):
            return descriptor
        os.close(descriptor)  # a lock on a file that is gone keeps nobody out
