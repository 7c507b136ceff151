"""What the name and the size of a file tell before it is read."""

from collections.abc import Callable

from pgdex.indexer.documents import DOCUMENT_ENDS, MAX_DOCUMENT_BYTES, kind_named, missing_package
from pgdex.indexer.notebooks import MAX_NOTEBOOK_BYTES, SUFFIX
from pgdex.indexer.sources.pruning import skipped_by_name
from pgdex.indexer.sources.secrets import secret_by_name
from pgdex.indexer.sources.skips import SkipReason, Verdict


def size_limit(name: str, max_file_bytes: int) -> int:
    """Return how large a file of this name may be: what counts of a notebook and of a document is their text, which is
    known when they are read."""
    if name.endswith(SUFFIX):
        return max(max_file_bytes, MAX_NOTEBOOK_BYTES)
    return max_file_bytes if kind_named(name) is None else max(max_file_bytes, MAX_DOCUMENT_BYTES)


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
    if size > max_file_bytes and size > (limit := size_limit(name.decode(errors="replace"), max_file_bytes)):
        return SkipReason.OVERSIZED, oversized(size, limit)
    # Unread, since without the extra each job would read all of them again.
    if (
        name[-4:].lower() in DOCUMENT_ENDS
        and (kind := kind_named(name.decode(errors="replace"))) is not None
        and (package := missing_package(kind)) is not None
    ):
        return SkipReason.EXTRA_MISSING, f"reading it takes {package}"
    return skipped_by_name(name)
