"""What a job will need, before it starts."""

import time
from dataclasses import dataclass
from pathlib import Path

from indexer.sources import WalkAborted, walk


@dataclass(frozen=True, slots=True)
class TreeSize:
    """The files of a tree that are worth indexing, by their names and sizes alone."""

    files: int
    bytes: int
    is_whole: bool
    """False where there was no time to count all: the tree is larger."""


def tree_size(root: Path, *, max_file_bytes: int, within_seconds: float) -> TreeSize:
    """Count for `within_seconds` at most, so that a job's id comes at once however large the tree is.

    Raises RootUnavailable.
    """
    end = time.monotonic() + within_seconds
    files = total = 0
    try:
        for file in walk(root, max_file_bytes=max_file_bytes, aborted=lambda: time.monotonic() > end):
            if file.skip_reason is None:
                files += 1
                total += file.size
    except WalkAborted:
        return TreeSize(files, total, is_whole=False)
    return TreeSize(files, total, is_whole=True)
