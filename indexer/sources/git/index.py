"""Git's index: which files are tracked, and the blob ids of those that are as they were when git looked last.

Read by a parser of our own. dulwich 1.2 has none in its compiled part: its Python takes 50 ms for 11,000 entries
(this one 10), where the walk of the tree takes 90; it reads without a bound, and takes a split index for a whole one.
"""

import hashlib
import logging
import os
import struct
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pgdex.indexer.sources.git.reading import read_whole

# About 500,000 files. One that is made up of the shortest entries takes 3 s and 520 MiB. A larger one counts as none.
MAX_INDEX_BYTES: Final = 64 << 20
# Version 4 shortens names by what they have in common: a made-up index of a few MB could hold gigabytes of them.
MAX_NAMES_BYTES: Final = 64 << 20

_STAT_BYTES: Final = 40  # ten numbers: ctime and mtime in seconds and nanoseconds, dev, inode, mode, uid, gid, size
_NAME_LENGTH: Final = 0x0FFF
_STAGE: Final = 0x3000
_EXTENDED: Final = 0x4000
_ASSUME_VALID: Final = 0x8000
_SKIP_WORKTREE: Final = 0x4000  # the second 16 bits of flags
_INTENT_TO_ADD: Final = 0x2000
_FOLDER: Final = 0o040000  # a sparse index has folders
_KIND: Final = 0o170000
_REGULAR: Final = 0o100000
_LINK: Final = 0o120000
_FILES: Final = (_REGULAR, _LINK)
_UNSURE: Final = _STAGE | _ASSUME_VALID | (_SKIP_WORKTREE | _INTENT_TO_ADD) << 16
_OID_BYTES: Final = {"sha1": 20, "sha256": 32}

_NOTED: Final = {size: struct.Struct(f">10I{size}s") for size in _OID_BYTES.values()}
_MODE: Final = 26  # where the lower half of the mode is, from the entry's beginning

_LOW_32_BITS: Final = 0xFFFFFFFF

logger = logging.getLogger("pgdex.indexer")

_UNTRUSTED: Final = -1  # in place of an entry's offset


class _NoIndex(Exception):
    """It is malformed, too large, or of a kind that is not read; the message says which."""


@dataclass(frozen=True, slots=True)
class GitIndex:
    """The files that git tracks below a folder. Paths are bytes and count from there."""

    _names: Sequence[bytes] = ()  # in byte order
    _offsets: dict[bytes, int] = field(default_factory=dict)  # in _data, of what git noted of each; or _UNTRUSTED
    _data: bytes = b""
    _mtime_ns: int = 0
    _noted: struct.Struct = _NOTED[20]

    def __len__(self) -> int:
        return len(self._names)

    def tracks(self, path: bytes) -> bool:
        """Return whether git tracks the file (or the symbolic link) at this path; not: the submodule."""
        return path in self._offsets

    def tracks_below(self, folder: bytes) -> bool:
        """Return whether git tracks a file below this folder, given with a slash at its end."""
        place = bisect_left(self._names, folder)
        return place < len(self._names) and self._names[place].startswith(folder)

    def paths(self) -> Sequence[bytes]:
        """Return the tracked files and links, in byte order."""
        return self._names

    def clean_blob_id(self, path: bytes, *, size: int, mtime_ns: int, ctime_ns: int, inode: int) -> bytes | None:
        """Return the object id (20 or 32 bytes) that git has for a file, if the file is certainly the one that git saw.

        That is where size, times and inode are those that git noted, the file was older than the index then (else git
        itself reads it again), and nobody told git to assume anything about it. The id is that of what git stores:
        with filters, line endings or Git LFS the file may have other bytes, nearly always of another size. None
        otherwise.
        """
        offset = self._offsets.get(path, _UNTRUSTED)
        if offset == _UNTRUSTED:
            return None
        seconds, ctime, noted_seconds, noted_ns, _, noted_inode, _, _, _, noted_size, blob_id = self._noted.unpack_from(
            self._data, offset
        )
        noted_mtime = noted_seconds * 1_000_000_000 + noted_ns
        # Of an entry as new as the index a later change may have left no trace. Git writes size 0 for one that it knows
        # to be so, hence none of size 0.
        if (
            (noted_mtime, noted_inode, noted_size) != (mtime_ns, inode & _LOW_32_BITS, size)
            or noted_mtime >= self._mtime_ns
            or not size
        ):
            return None
        noted_ctime = seconds * 1_000_000_000 + ctime
        return blob_id if noted_ctime in (0, ctime_ns) else None


NO_INDEX: Final = GitIndex()


def read_index(path: bytes, *, prefix: bytes, object_format: str) -> GitIndex:
    """Return the entries below `prefix` (with a slash at its end, or empty) of the index file at `path`.

    NO_INDEX where there is none, or none that can be relied on: broken, larger than the bounds, split, or sparse.
    Raises OSError when this process runs out of file descriptors or memory.
    """
    read = read_whole(path, MAX_INDEX_BYTES)
    if read is None:
        if os.path.lexists(path):
            logger.debug("a git index is not used: it is no readable file of at most %d bytes", MAX_INDEX_BYTES)
        return NO_INDEX
    data, status = read
    try:
        return _parsed(data, status.st_mtime_ns, prefix, object_format)
    except (_NoIndex, IndexError, ValueError, struct.error) as error:
        logger.debug("a git index is not used: %s", error)
        return NO_INDEX


@dataclass(slots=True)
class _Entries:
    """What the loop over the entries collects, one value each."""

    names: list[bytes] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)  # 32 bits: the second 16 are the upper ones
    end: int = 0


def _parsed(data: bytes, index_mtime_ns: int, prefix: bytes, object_format: str) -> GitIndex:
    oid_bytes = _OID_BYTES[object_format]
    end = len(data) - oid_bytes
    signature, version, number = struct.unpack_from(">4sII", data)
    if signature != b"DIRC" or version not in (2, 3, 4):
        raise _NoIndex("it does not begin as one of version 2, 3 or 4 does")
    _require_checksum(data, end, object_format)
    if number * (_STAT_BYTES + oid_bytes + 3) > end:
        raise _NoIndex("it is too short for the entries that it announces")
    entries = _compressed(data, number, oid_bytes) if version == 4 else _padded(data, number, oid_bytes)
    if entries.end > end:
        raise _NoIndex("it ends within an entry")
    _require_no_extension(data, entries.end, end)
    return _index_of(data, entries, index_mtime_ns, prefix, oid_bytes)


def _require_checksum(data: bytes, end: int, object_format: str) -> None:
    if end < 12:
        raise _NoIndex("it is too short")
    if any(data[end:]):  # zeros with index.skipHash
        found = hashlib.sha256(data[:end]) if object_format == "sha256" else _sha1(data[:end])
        if found.digest() != data[end:]:
            raise _NoIndex("its checksum is another")


def _sha1(data: bytes) -> "hashlib._Hash":
    return hashlib.sha1(data, usedforsecurity=False)


def _padded(data: bytes, number: int, oid_bytes: int) -> _Entries:
    """The entries of version 2 and 3."""
    entries = _Entries()
    names, offsets, all_flags = entries.names.append, entries.offsets.append, entries.flags.append
    to_flags = _STAT_BYTES + oid_bytes
    position = 12
    for _ in range(number):
        start = position + to_flags
        flags = data[start] << 8 | data[start + 1]
        length = flags & _NAME_LENGTH
        start += 2
        if flags & _EXTENDED:
            flags |= (data[start] << 8 | data[start + 1]) << 16
            start += 2
        stop = start + length if length < _NAME_LENGTH else data.index(0, start)
        names(data[start:stop])
        offsets(position)
        all_flags(flags)
        position += (stop - position + 8) & ~7
    entries.end = position
    return entries


def _compressed(data: bytes, number: int, oid_bytes: int) -> _Entries:
    """The entries of version 4: each name begins as the one before, less some bytes at its end."""
    entries = _Entries()
    to_flags = _STAT_BYTES + oid_bytes
    position, name, total = 12, b"", 0
    for _ in range(number):
        start = position + to_flags
        flags = data[start] << 8 | data[start + 1]
        start += 2
        if flags & _EXTENDED:
            flags |= (data[start] << 8 | data[start + 1]) << 16
            start += 2
        byte = data[start]
        start += 1
        dropped = byte & 127
        while byte & 128:
            byte = data[start]
            start += 1
            dropped = ((dropped + 1) << 7) | (byte & 127)
            if dropped > MAX_NAMES_BYTES:
                raise _NoIndex("a name is shortened by more than it has")
        if dropped > len(name):
            raise _NoIndex("a name is shortened by more than it has")
        stop = data.index(0, start)
        name = name[: len(name) - dropped] + data[start:stop]
        if (total := total + len(name)) > MAX_NAMES_BYTES:
            raise _NoIndex(f"its names have more than {MAX_NAMES_BYTES:,} bytes")
        entries.names.append(name)
        entries.offsets.append(position)
        entries.flags.append(flags)
        position = stop + 1
    entries.end = position
    return entries


def _require_no_extension(data: bytes, position: int, end: int) -> None:
    """Raise _NoIndex for an extension that one has to understand (no capital letter first): split, sparse, others."""
    while position + 8 <= end:
        signature, size = struct.unpack_from(">4sI", data, position)
        if not 65 <= signature[0] <= 90:
            raise _NoIndex(f"it has the extension {signature!r}")
        position += 8 + size


def _index_of(data: bytes, entries: _Entries, index_mtime_ns: int, prefix: bytes, oid_bytes: int) -> GitIndex:
    if entries.names != sorted(entries.names):
        raise _NoIndex("its entries are not in order")
    cut = len(prefix)
    offsets: dict[bytes, int] = {}
    for name, offset, flags in zip(entries.names, entries.offsets, entries.flags, strict=True):
        # What is noted of a file is read when someone asks: a look at the tree asks of none.
        kind = data[offset + _MODE] << 8 & _KIND
        if kind == _FOLDER:
            raise _NoIndex("it is sparse: folders stand for what is in them")
        if kind not in _FILES or not name.startswith(prefix):
            continue
        is_trusted = kind == _REGULAR and not flags & _UNSURE
        offsets[name[cut:]] = offset if is_trusted else _UNTRUSTED
    return GitIndex(tuple(offsets), offsets, data, index_mtime_ns, _NOTED[oid_bytes])
