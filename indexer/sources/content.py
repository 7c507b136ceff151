"""Reading one file of a tree, and deciding whether it is text worth indexing."""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pgdex.indexer.documents import DocumentKind, kind_of
from pgdex.indexer.notebooks import SUFFIX, parse_notebook, without_outputs
from pgdex.indexer.sources.classify import worthless
from pgdex.indexer.sources.decoding import decode
from pgdex.indexer.sources.leaving_out import is_wanted
from pgdex.indexer.sources.lfs import lfs_pointer
from pgdex.indexer.sources.paths import stamp_of
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
    again. `ctime_ns` (the time of the last change to the file or its metadata) and `inode` come
    with it, as `walk` gives them, and are None where it is. `content_hash` is the SHA-256 of the
    file's bytes, 32 bytes (PostgreSQL has the same as `sha256(bytea)`), and `blob_id` the id that
    git gives these bytes in a repository with SHA-1, 20 bytes.
    """

    text: str
    size: int
    mtime_ns: int | None
    content_hash: bytes
    blob_id: bytes
    ctime_ns: int | None
    inode: int | None


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A PDF or a Word document, whose text is still to be extracted from its bytes. The rest as for SourceText."""

    data: bytes
    kind: DocumentKind
    size: int
    mtime_ns: int | None
    content_hash: bytes
    blob_id: bytes
    ctime_ns: int | None
    inode: int | None

    def with_text(self, text: str) -> SourceText:
        """The file, once its text is extracted."""
        return SourceText(text, self.size, self.mtime_ns, self.content_hash, self.blob_id, self.ctime_ns, self.inode)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is not indexed. `mtime_ns` is None where the next scan must try again; `ctime_ns` and `inode` as for
    SourceText."""

    reason: SkipReason
    detail: str | None
    size: int | None
    mtime_ns: int | None
    content_hash: bytes | None
    ctime_ns: int | None = None
    inode: int | None = None
    blob_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A file whose content has a hash that the caller knows. The rest as for SourceText."""

    size: int
    mtime_ns: int | None
    content_hash: bytes
    blob_id: bytes
    ctime_ns: int | None
    inode: int | None


class _Unread(Exception):
    """Ends the reading of a file with the reason."""

    def __init__(
        self,
        reason: SkipReason,
        detail: str | None,
        size: int | None = None,
        stamp: "Stamp | None" = None,
    ) -> None:
        super().__init__(reason, detail)
        mtime_ns, ctime_ns, inode = UNKNOWN if stamp is None else stamp
        self.skipped = Skipped(reason, detail, size, mtime_ns, None, ctime_ns, inode)


class Stamp(NamedTuple):
    """What tells that a file is the one that was read, all of one status."""

    mtime_ns: int | None
    ctime_ns: int | None
    inode: int | None


UNKNOWN = Stamp(None, None, None)


@dataclass(frozen=True, slots=True)
class _Content:
    data: bytes
    stamp: Stamp


def read_source(
    root: Path | OpenedRoot, path: str, *, max_file_bytes: int, known_hashes: Container[bytes] = ()
) -> SourceText | SourceDocument | Skipped | Unchanged:
    """Read the file at `path` (as `walk` gives it) below `root`; a root given as a path is opened for this call.

    One whose content has one of `known_hashes` (SHA-256) is Unchanged.

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
        return _read_below(root, raw, components[-1], max_file_bytes, known_hashes)
    with OpenedRoot(root) as opened:
        return _read_below(opened, raw, components[-1], max_file_bytes, known_hashes)


def _read_below(
    root: OpenedRoot, path: bytes, name: str, max_file_bytes: int, known_hashes: Container[bytes]
) -> SourceText | SourceDocument | Skipped | Unchanged:
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
        stamp=content.stamp,
        max_file_bytes=max_file_bytes,
        known_hashes=known_hashes,
        is_wanted=lambda: is_wanted(root.real_path, path.decode()),
    )


def _read(descriptor: int, max_file_bytes: int) -> _Content:
    for _ in range(2):
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            if stat.S_ISDIR(before.st_mode):
                raise _Unread(SkipReason.VANISHED, "a folder has taken its place")
            raise _Unread(SkipReason.SPECIAL, None)
        stamp = _trusted_stamp(before)
        if before.st_size > max_file_bytes:
            detail = oversized(before.st_size, max_file_bytes)
            raise _Unread(SkipReason.OVERSIZED, detail, before.st_size, stamp)
        data = _read_up_to(descriptor, before.st_size + 1)
        after = os.fstat(descriptor)
        if (len(data), after.st_size, after.st_mtime_ns) == (
            before.st_size,
            before.st_size,
            before.st_mtime_ns,
        ):
            return _Content(data, stamp)
        os.lseek(descriptor, 0, os.SEEK_SET)
    raise _Unread(SkipReason.IO_ERROR, "it was written to while it was read, twice")


def _read_up_to(descriptor: int, limit: int) -> bytes:
    data = os.read(descriptor, limit)
    while len(data) < limit - 1 and (more := os.read(descriptor, limit - len(data))):
        data += more  # a network file system may return less than there is
    return data


def _trusted_stamp(status: os.stat_result) -> Stamp:
    mtime_ns = status.st_mtime_ns
    racy = RACY_WHOLE_SECONDS_NS if mtime_ns % 1_000_000_000 == 0 else RACY_NS
    now = time.time_ns()
    # A file may be dated next year: its inode says when it was changed, unless the file server's clock is ahead.
    if now - mtime_ns < racy and now - status.st_ctime_ns < racy:
        return UNKNOWN
    return Stamp(*stamp_of(status))


def judge(
    data: bytes,
    *,
    path: str,
    stamp: Stamp,
    max_file_bytes: int,
    known_hashes: Container[bytes],
    is_wanted: Callable[[], bool],
    blob_id: bytes | None = None,
) -> SourceText | SourceDocument | Skipped | Unchanged:
    """Return what the bytes of the file at `path` come to, wherever they are from.

    `stamp` is passed on, and so is `blob_id`; without one it is worked out as repositories with SHA-1 have it. Content
    with one of `known_hashes` is unchanged. `is_wanted` says whether a .pgdexignore brings the file back although it is
    a secret; it is asked of secrets alone.
    """
    content_hash = hashlib.sha256(data).digest()
    name = path.rpartition("/")[2]
    mtime_ns, ctime_ns, inode = stamp
    blob_id = blob_id or _blob_id(data)
    unchanged = None
    if content_hash in known_hashes:
        unchanged = Unchanged(len(data), mtime_ns, content_hash, blob_id, ctime_ns, inode)
    if (kind := kind_of(name, data)) is not None:
        return unchanged or SourceDocument(data, kind, len(data), mtime_ns, content_hash, blob_id, ctime_ns, inode)
    if unchanged is not None and b"PRIVATE KEY" not in data and not may_be_secret(name):
        return unchanged
    text = decode(data)
    if isinstance(text, str):
        if (secret := secret_by_content(name, text)) is not None and not is_wanted():
            # Without its hash every job looks at it again: a line in .pgdexignore may bring it back.
            return Skipped(SkipReason.SECRET, secret, len(data), mtime_ns, None, ctime_ns, inode)
        if unchanged is not None:
            return unchanged
        text = _judged(name, text, len(data), max_file_bytes)
    if isinstance(text, str):
        return SourceText(text, len(data), mtime_ns, content_hash, blob_id, ctime_ns, inode)
    reason, detail = text
    return Skipped(reason, detail, len(data), mtime_ns, content_hash, ctime_ns, inode, blob_id)


def _blob_id(data: bytes) -> bytes:
    """The id that git gives a blob."""
    digest = hashlib.sha1(b"blob %d\0" % len(data), usedforsecurity=False)
    digest.update(data)
    return digest.digest()


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
            return SkipReason.EMPTY, "a notebook whose cells are all empty"
        return reduced
    if size > max_file_bytes:
        return SkipReason.OVERSIZED, oversized(size, max_file_bytes)
    return worthless(name, text) or text
