"""What there is to index below a folder, and why a file is left out.

`walk` lists a tree and reads no file's content; `read_source` reads one file of it.
"""

from indexer.sources.content import Skipped, SourceText, Unchanged, read_source
from indexer.sources.explaining import Explanation, explain
from indexer.sources.leaving_out import LeftOut
from indexer.sources.paths import MAX_PATH_BYTES
from indexer.sources.roots import OpenedRoot, RootUnavailable
from indexer.sources.skips import SkipReason
from indexer.sources.walking import DEFAULT_MAX_FILE_BYTES, FoundFile, WalkAborted, walk
from indexer.sources.witness import NotSeenHere, Witness, WitnessNotes

__all__ = [
    "DEFAULT_MAX_FILE_BYTES",
    "MAX_PATH_BYTES",
    "Explanation",
    "FoundFile",
    "LeftOut",
    "NotSeenHere",
    "OpenedRoot",
    "RootUnavailable",
    "SkipReason",
    "Skipped",
    "SourceText",
    "Unchanged",
    "WalkAborted",
    "Witness",
    "WitnessNotes",
    "explain",
    "read_source",
    "walk",
]
