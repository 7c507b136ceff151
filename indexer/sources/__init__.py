"""What there is to index below a folder, and why a file is left out.

`walk` lists a tree and reads no file's content; `read_source` reads one file of it. All access to the indexed tree goes
through here, from a root that is opened once. All of `jobs` may import it; it imports `notebooks` and `documents`,
and nothing else.
"""

from pgdex.indexer.sources.cached_rules import CachedRules, Concern, decides_about_others
from pgdex.indexer.sources.content import Skipped, SourceDocument, SourceText, Unchanged, read_source
from pgdex.indexer.sources.explaining import Explanation, explain
from pgdex.indexer.sources.git import GitIndex, GitTree, normalised_remote
from pgdex.indexer.sources.git.finding import GIT_DIRECTORY
from pgdex.indexer.sources.ignores import IGNORE_FILES
from pgdex.indexer.sources.leaving_out import LeftOut
from pgdex.indexer.sources.paths import MAX_PATH_BYTES
from pgdex.indexer.sources.roots import OpenedRoot, RootUnavailable
from pgdex.indexer.sources.skips import SkipReason
from pgdex.indexer.sources.walking import DEFAULT_MAX_FILE_BYTES, FoundFile, WalkAborted, walk
from pgdex.indexer.sources.witness import NotSeenHere, Witness, WitnessNotes

__all__ = [
    "DEFAULT_MAX_FILE_BYTES",
    "GIT_DIRECTORY",
    "IGNORE_FILES",
    "MAX_PATH_BYTES",
    "CachedRules",
    "Concern",
    "Explanation",
    "FoundFile",
    "GitIndex",
    "GitTree",
    "LeftOut",
    "NotSeenHere",
    "OpenedRoot",
    "RootUnavailable",
    "SkipReason",
    "Skipped",
    "SourceDocument",
    "SourceText",
    "Unchanged",
    "WalkAborted",
    "Witness",
    "WitnessNotes",
    "decides_about_others",
    "explain",
    "normalised_remote",
    "read_source",
    "walk",
]
