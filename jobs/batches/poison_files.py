"""How a file is handled that may have ended its worker: with every crash that is counted against it, less is tried.

A grammar that crashes, loops or eats all memory takes the process along, and nobody is left to say which file it was.
So a batch that lost two workers is done with a note in the database of the file in progress
(`pgdex.mark_in_progress`), and reclaiming counts a crash against that file. Two are needed before anything changes:
the first may have had another reason, such as a machine that was switched off.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgdex.indexer.chunked_files import Effort, Fallback

CRASHES_BEFORE_NOTES = 2


def effort_for(crashes: int) -> "Effort":
    """What to try with a file that that many workers died with."""
    from pgdex.indexer.chunked_files import Effort  # a scan needs the number above, and not all that chunks

    if crashes < 2:
        return Effort.FULL
    return {2: Effort.LINES, 3: Effort.HASH}.get(crashes, Effort.NOTHING)


def fallbacks_of(crashes: Mapping[str, int]) -> "dict[str, Fallback]":
    """The files with which less is tried, by how many workers died with each file; the pipeline takes them so."""
    from pgdex.indexer.chunked_files import Effort, Fallback

    return {
        path: Fallback(effort_for(count), f"{count} workers died while processing it")
        for path, count in crashes.items()
        if effort_for(count) is not Effort.FULL
    }
