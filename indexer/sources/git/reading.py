"""Files that somebody else wrote, read within a bound.

What can't be read is as if it were not there, but where this process has run out of descriptors or memory that is
raised: without its index, tracked files that a rule names would be taken for deleted ones.
"""

import os
import stat

from pgdex.indexer.sources.skips import OUR_OWN_FAULT

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


def open_regular(path: bytes, *, follow: bool = False, above: int | None = None) -> int | None:
    """Return a descriptor of a regular file, for the caller to close; None for anything else, and where it fails.

    Never waits for a pipe's writer. A symbolic link at the end of the path is followed only with `follow`. With `above`
    the path counts from the folder of that descriptor. Raises OSError as the module says.
    """
    try:
        descriptor = os.open(path, _FLAGS if follow else _FLAGS | _NOFOLLOW, dir_fd=above)
    except ValueError:  # a NUL in the path
        return None
    except OSError as error:
        if error.errno in OUR_OWN_FAULT:
            raise
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def read_small(path: bytes, limit: int, *, follow: bool = False, above: int | None = None) -> bytes:
    """Return the first `limit` bytes of a regular file; nothing where they can't be had."""
    descriptor = open_regular(path, follow=follow, above=above)
    if descriptor is None:
        return b""
    try:
        return os.read(descriptor, limit)
    except OSError as error:
        if error.errno in OUR_OWN_FAULT:
            raise
        return b""
    finally:
        os.close(descriptor)


def read_whole(path: bytes, limit: int, *, follow: bool = False) -> tuple[bytes, os.stat_result] | None:
    """Return the content of a regular file and its status; None where it can't be had, or is larger than `limit`."""
    descriptor = open_regular(path, follow=follow)
    return None if descriptor is None else read_open(descriptor, limit)


def read_open(descriptor: int, limit: int) -> tuple[bytes, os.stat_result] | None:
    """As `read_whole`, of a descriptor, which is closed."""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            return None
        data = os.read(descriptor, status.st_size)
        while len(data) < status.st_size and (more := os.read(descriptor, status.st_size - len(data))):
            data += more  # a network file system may return less than there is
    except OSError as error:
        if error.errno in OUR_OWN_FAULT:
            raise
        return None
    finally:
        os.close(descriptor)
    return data, status
