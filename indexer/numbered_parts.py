"""Which cell of a notebook a chunk is from, as its symbol says it: `cell 12 > clean_frame`, or `cell 12` alone.

The number is for readers. It moves with every cell that is put in above, so it is no part of what is embedded, ranked
or looked up as a name; `pgdex.embedded_text_hash` leaves it out as `without_part` does.
"""

import re
from typing import Final

from pgdex.indexer.notebooks import SUFFIX

_SEPARATOR: Final = " > "
_PART: Final = re.compile(r"cell [0-9]+(?= > |\Z)")


def in_cell(number: int, symbol: str | None) -> str:
    """The symbol of a chunk with this symbol in the cell with this number, counted from 1."""
    return joined(f"cell {number}", symbol)


def split_part(path: str, symbol: str | None) -> tuple[str | None, str | None]:
    """The cell that a symbol of the file at `path` begins with, and the rest; None for what there is not.

    The path matters: a test in JavaScript may be called "cell 12".
    """
    found = _PART.match(symbol) if symbol and path.lower().endswith(SUFFIX) else None
    if symbol is None or found is None:
        return None, symbol
    return found[0], symbol[found.end() :].removeprefix(_SEPARATOR) or None


def without_part(path: str, symbol: str | None) -> str | None:
    """What a symbol of the file at `path` says beside the cell."""
    return split_part(path, symbol)[1]


def joined(part: str | None, symbol: str | None) -> str:
    """The symbol that `split_part` divides into these; "" for nothing."""
    return _SEPARATOR.join(filter(None, (part, symbol)))
