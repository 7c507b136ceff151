"""Reading one file of a tree, and deciding whether it is text worth indexing."""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path

from pgdex.indexer.notebooks import SUFFIX, parse_notebook, without_outputs
from pgdex.indexer.sources.classify import worthless
from pgdex.indexer.sources.decoding import decode
from pgdex.indexer.sources.leaving_out import is_wanted
from pgdex.indexer.sources.lfs import lfs_pointer
from pgdex.indexer.sources.paths import LARGEST_TIME_NS, SMALLEST_TIME_NS
from pgdex.indexer.sources.roots import LinkOnPath, OpenedRoot
from pgdex.indexer.sources.secrets import may_be_secret, secret_by_content
from pgdex.indexer.sources.skips import OUR_OWN_FAULT, SkipReason, Verdict, reason_for, system_message
from pgdex.indexer.sources.unread import oversized, size_limit

# A file written this shortly before it is read can be written again without its timestamp
# changing (git calls such an entry racy). Linux stamps files with its 1 to 10 ms clock tick; a
# timestamp in whole seconds comes from a file system that counts by one second or by two (FAT).
RACY_NS = 100_000_000
RACY_WHOLE_SECONDS_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class SourceText:
    """A file worth indexing. `text` is as `decode` gives it, line by line the file's; of a notebook without outputs.

    `mtime_ns` is None where the file was so new that a later change may not show in it, or where
    the time is none that can be noted (before 1678, after 2262): the next scan must read the file
    again. `content_hash` is the SHA-256 of the file's bytes, 32 bytes
    (PostgreSQL has the same as `sha256(bytea)`).
    """

    text: str
    size: int
    mtime_ns: int | None
    content_hash: bytes


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is not indexed. `mtime_ns` is None where the next scan must try again."""

    reason: SkipReason
    detail: str | None
    size: int | None
    mtime_ns: int | None
    content_hash: bytes | None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A file whose content has the hash that the caller knows. `mtime_ns` as for SourceText."""

    size: int
    mtime_ns: int | None
    content_hash: bytes


class _Unread(Exception):
    """Ends the reading of a file with the reason."""

    def __init__(
        self,
        reason: SkipReason,
        detail: str | None,
        size: int | None = None,
        mtime_ns: int | None = None,
    ) -> None:
        super().__init__(reason, detail)
        self.skipped = Skipped(reason, detail, size, mtime_ns, None)


@dataclass(frozen=True, slots=True)
class _Content:
    data: bytes
    mtime_ns: int | None


def read_source(
    root: Path | OpenedRoot, path: str, *, max_file_bytes: int, known_hash: bytes | None = None
) -> SourceText | Skipped | Unchanged:
    """Read the file at `path` (as `walk` gives it) below `root`; a root given as a path is opened for this call.

    No component below the root is followed if it is a symbolic link, also not one that was put
    there since the walk; what the root's own path holds is the caller's. A file that changes
    while it is read is read once more, then skipped.

    Whatever is wrong with the file is a `Skipped`. Raises ValueError for a path that is no
    relative path without '.', '..' and NUL, or for a limit below 1, RootUnavailable when the
    file can't be had because the root can't, and OSError when this process runs out of file
    descriptors or memory.
    """
    if max_file_bytes < 1:
        raise ValueError(f"max_file_bytes must be positive, got {max_file_bytes}")
    components = path.split("/")
    if "\0" in path or not {"", ".", ".."}.isdisjoint(components):
        raise ValueError(f"path must be relative, without '.', '..' and NUL, got {path!r}")
    raw = path.encode()
    if isinstance(root, OpenedRoot):
        return _read_below(root, raw, components[-1], max_file_bytes, known_hash)
    with OpenedRoot(root) as opened:
        return _read_below(opened, raw, components[-1], max_file_bytes, known_hash)


def _read_below(
    root: OpenedRoot, path: bytes, name: str, max_file_bytes: int, known_hash: bytes | None
) -> SourceText | Skipped | Unchanged:
    try:
        descriptor = root.open_file(path)
        try:
            content = _read(descriptor, size_limit(name, max_file_bytes))
        finally:
            os.close(descriptor)
    except _Unread as unread:
        return unread.skipped
    except LinkOnPath as link:
        detail = f"the folder {link.name.decode(errors='backslashreplace')} on its path is a link"
        return Skipped(SkipReason.SYMLINK, detail, None, None, None)
    except OSError as error:
        if error.errno in OUR_OWN_FAULT:
            raise  # says nothing about the file
        reason = reason_for(error)
        if reason in (SkipReason.VANISHED, SkipReason.UNREADABLE):
            root.require_same("read")  # raises where not the file but the whole tree is gone
        return Skipped(reason, system_message(error), None, None, None)
    return judge(
        content.data,
        path=path.decode(),
        mtime_ns=content.mtime_ns,
        max_file_bytes=max_file_bytes,
        known_hashes=() if known_hash is None else (known_hash,),
        is_wanted=lambda: is_wanted(root.real_path, path.decode()),
    )


def _read(descriptor: int, max_file_bytes: int) -> _Content:
    for _ in range(2):
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            if stat.S_ISDIR(before.st_mode):
                raise _Unread(SkipReason.VANISHED, "a folder has taken its place")
            raise _Unread(SkipReason.SPECIAL, None)
        mtime_ns = _trusted_mtime(before)
        if before.st_size > max_file_bytes:
            detail = oversized(before.st_size, max_file_bytes)
            raise _Unread(SkipReason.OVERSIZED, detail, before.st_size, mtime_ns)
        data = _read_up_to(descriptor, before.st_size + 1)
        after = os.fstat(descriptor)
        if (len(data), after.st_size, after.st_mtime_ns) == (
            before.st_size,
            before.st_size,
            before.st_mtime_ns,
        ):
            return _Content(data, mtime_ns)
        os.lseek(descriptor, 0, os.SEEK_SET)
    raise _Unread(SkipReason.IO_ERROR, "it was written to while it was read, twice")


def _read_up_to(descriptor: int, limit: int) -> bytes:
    data = os.read(descriptor, limit)
    while len(data) < limit - 1 and (more := os.read(descriptor, limit - len(data))):
        data += more  # a network file system may return less than there is
    return data


def _trusted_mtime(status: os.stat_result) -> int | None:
    mtime_ns = status.st_mtime_ns
    if not SMALLEST_TIME_NS <= mtime_ns <= LARGEST_TIME_NS:
        return None
    racy = RACY_WHOLE_SECONDS_NS if mtime_ns % 1_000_000_000 == 0 else RACY_NS
    return mtime_ns if time.time_ns() - mtime_ns >= racy else None


def judge(
    data: bytes,
    *,
    path: str,
    mtime_ns: int | None,
    max_file_bytes: int,
    known_hashes: Container[bytes],
    is_wanted: Callable[[], bool],
) -> SourceText | Skipped | Unchanged:
    """Return what the bytes of the file at `path` come to, wherever they are from.

    `mtime_ns` is passed on. Content with one of `known_hashes` is unchanged. `is_wanted` says whether a .pgdexignore
    brings the file back although it is a secret; it is asked of secrets alone.
    """
    content_hash = hashlib.sha256(data).digest()
    name = path.rpartition("/")[2]
    unchanged = Unchanged(len(data), mtime_ns, content_hash) if content_hash in known_hashes else None
    if unchanged is not None and b"PRIVATE KEY" not in data and not may_be_secret(name):
        return unchanged
    text = decode(data)
    if isinstance(text, str):
        if (secret := secret_by_content(name, text)) is not None and not is_wanted():
            # Without its hash every job looks at it again: a line in .pgdexignore may bring it back.
            return Skipped(SkipReason.SECRET, secret, len(data), mtime_ns, None)
        if unchanged is not None:
            return unchanged
        text = _judged(name, text, len(data), max_file_bytes)
    if isinstance(text, str):
        return SourceText(text, len(data), mtime_ns, content_hash)
    reason, detail = text
    return Skipped(reason, detail, len(data), mtime_ns, content_hash)


def _judged(name: str, text: str, size: int, max_file_bytes: int) -> str | Verdict:
    """Return what is to be indexed of a text, or why nothing is."""
    if (elsewhere := lfs_pointer(text)) is not None:
        return SkipReason.GIT_LFS, elsewhere
    if name.endswith(SUFFIX) and (reduced := without_outputs(text)) is not None:
        written = len(reduced.encode())
        if written > max_file_bytes:
            return SkipReason.OVERSIZED, f"{oversized(written, max_file_bytes)}, and that is without its outputs"
        notebook = parse_notebook(reduced)
        if notebook is None or not notebook.cells:
            return SkipReason.EMPTY, "a notebook in whose cells nothing is written"
        return reduced
    if size > max_file_bytes:
        return SkipReason.OVERSIZED, oversized(size, max_file_bytes)
    return worthless(name, text) or text
