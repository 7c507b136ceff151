"""Paths and times of a tree as a database can hold them, and where symbolic links lead by their names."""

import hashlib
import os

from pgdex.indexer.sources.skips import SkipReason

# Keeps a path well inside what PostgreSQL can put into a B-tree (2,704 bytes) and what the system
# can open (4,096 bytes, the root's own path included), and a walk's depth within 500 folders.
MAX_PATH_BYTES = 1_000

# What 64 bits of nanoseconds hold: 21 September 1677 to 11 April 2262. File systems hold other times.
SMALLEST_TIME_NS, LARGEST_TIME_NS = -(1 << 63), (1 << 63) - 1
_LARGEST_INODE, _SIGN, _ALL_64_BITS = (1 << 63) - 1, 1 << 63, (1 << 64) - 1

# How much of a path that is too long stays readable in front of its hash.
_SHORTENED_HEAD_BYTES = 200


def stamp_of(status: os.stat_result) -> tuple[int, int, int]:
    """Return the times of the last modification and the last change in nanoseconds, and the inode number.

    Of a time that 64 bits don't hold, the nearest one that they do; of the inode number the low 64 bits, signed:
    network file systems use all of them.
    """
    mtime_ns, ctime_ns, inode = status.st_mtime_ns, status.st_ctime_ns, status.st_ino
    # Called for every file of a tree: min, max and a mask take four times as long as to see that none is needed.
    if not SMALLEST_TIME_NS <= mtime_ns <= LARGEST_TIME_NS:
        mtime_ns = min(max(mtime_ns, SMALLEST_TIME_NS), LARGEST_TIME_NS)
    if not SMALLEST_TIME_NS <= ctime_ns <= LARGEST_TIME_NS:
        ctime_ns = min(max(ctime_ns, SMALLEST_TIME_NS), LARGEST_TIME_NS)
    if inode > _LARGEST_INODE:
        inode = ((inode & _ALL_64_BITS) ^ _SIGN) - _SIGN
    return mtime_ns, ctime_ns, inode


def display_path(path: bytes) -> tuple[str, SkipReason | None, str | None]:
    """Return the text for a path of the tree, and why a file of this path can't be indexed.

    Different paths have different texts. One that can't be shown as it is starts with './', as
    no path of a walk does, and doubles its backslashes; one that is cut holds '//' as well.
    """
    reason, detail = None, None
    try:
        shown = path.decode()
    except UnicodeDecodeError:
        shown = f"./{escaped(path)}"
        reason = SkipReason.NAME_NOT_UTF8
    if len(path) > MAX_PATH_BYTES:
        reason = SkipReason.NAME_TOO_LONG
        detail = f"{len(path):,} bytes; the limit is {MAX_PATH_BYTES:,}"
    if reason is not None and len(shown.encode()) > MAX_PATH_BYTES:
        digest = hashlib.blake2b(path, digest_size=16).hexdigest()
        shown = f"./{escaped(path[:_SHORTENED_HEAD_BYTES])}…//{digest}"
    return shown, reason, detail


def escaped(raw: bytes) -> str:
    r"""Return text for any bytes: what is not UTF-8 as \xNN, a backslash doubled."""
    return raw.replace(b"\\", b"\\\\").decode(errors="backslashreplace")


def inside(root: bytes, path: bytes, target: bytes) -> bytes | None:
    """Return the path below `root` (a real path) to which a link at `path` leads with `target`; None: outside.

    Judged by the names alone: asking the file system would follow links out of the tree, where the
    answer is nobody's business, and may never come.
    """
    destination = os.path.normpath(os.path.join(root, os.path.dirname(path), target))
    if destination == root:
        return b""
    above = os.path.join(root, b"")
    return destination[len(above) :] if destination.startswith(above) else None
