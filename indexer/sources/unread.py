"""What the name and the size of a file tell before it is read."""

from collections.abc import Callable

from pgdex.indexer.notebooks import MAX_NOTEBOOK_BYTES, SUFFIX
from pgdex.indexer.sources.pruning import skipped_by_name
from pgdex.indexer.sources.secrets import secret_by_name
from pgdex.indexer.sources.skips import SkipReason, Verdict


def size_limit(name: str, max_file_bytes: int) -> int:
    """Return how large a file of this name may be: a notebook's outputs don't count, and are known when it is read."""
    return max(max_file_bytes, MAX_NOTEBOOK_BYTES) if name.endswith(SUFFIX) else max_file_bytes


def oversized(size: int, max_file_bytes: int) -> str:
    """Return the detail for a file that is too large."""
    return f"{size:,} bytes; the limit is {max_file_bytes:,}"


def skipped_unread(path: bytes, size: int, max_file_bytes: int, *, is_wanted: Callable[[], bool]) -> Verdict | None:
    """Return why the regular file at `path` is not worth reading, or None.

    `is_wanted` says whether a .pgdexignore brings it back although it is a secret; it is asked of secrets alone.
    """
    name = path.rpartition(b"/")[2]
    if size == 0:
        return SkipReason.EMPTY, None
    if (secret := secret_by_name(path)) is not None and not is_wanted():
        return SkipReason.SECRET, secret
    if size > max_file_bytes and size > size_limit(name.decode(errors="replace"), max_file_bytes):
        return SkipReason.OVERSIZED, oversized(size, max_file_bytes)
    return skipped_by_name(name)
