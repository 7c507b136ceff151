"""How a file is handled that may have ended its worker: with every death that is noted against it, less is tried.

A grammar that crashes, loops or eats all memory takes the process along, and nobody is left to say which file it was.
So a batch that lost two workers is done with a note in the database of the file in hand (`pgdex.hold_file`), and
reclaiming counts a death against that file. Two are needed before anything changes: the first may have had
another reason, such as a machine that was switched off.
"""

from enum import Enum, auto

DEATHS_BEFORE_NOTES = 2


class Care(Enum):
    """What is tried with a file."""

    WHOLE = auto()
    """Everything, as with any file."""
    LINES = auto()
    """Cut by lines: grammars are what crashes."""
    HASH = auto()
    """Read only, so that it is left out until its content changes."""
    NOTHING = auto()
    """Left out unread."""


def care_for(deaths: int) -> Care:
    """What to try with a file that so many workers died with."""
    if deaths < 2:
        return Care.WHOLE
    return {2: Care.LINES, 3: Care.HASH}.get(deaths, Care.NOTHING)
