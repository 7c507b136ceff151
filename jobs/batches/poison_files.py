"""How a file is handled that may have ended its worker: with every death that is noted against it, less is tried.

A grammar that crashes, loops or eats all memory takes the process along, and nobody is left to say which file it was.
So a batch that lost two workers is done with a note in the database of the file in hand (`pgdex.hold_file`), and
reclaiming counts a death against that file. Two are needed before anything changes: the first may have had
another reason, such as a machine that was switched off.
"""

from collections.abc import Mapping

from pgdex.indexer.chunked_files import Effort, Fallback

DEATHS_BEFORE_NOTES = 2


def effort_for(deaths: int) -> Effort:
    """What to try with a file that so many workers died with."""
    if deaths < 2:
        return Effort.FULL
    return {2: Effort.LINES, 3: Effort.HASH}.get(deaths, Effort.NOTHING)


def fallbacks_of(deaths: Mapping[str, int]) -> dict[str, Fallback]:
    """The files with which less is tried, by how many workers died with each file; the pipeline takes them so."""
    return {
        path: Fallback(effort_for(count), f"{count} workers ended while they had it in hand")
        for path, count in deaths.items()
        if effort_for(count) is not Effort.FULL
    }
