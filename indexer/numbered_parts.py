"""Which cell of a notebook or page of a PDF a chunk is from, as its symbol says it: `cell 12 > clean_frame`, `page 3`.

The number is for readers. It moves with every cell or page that is put in before, so it is no part of what is embedded,
ranked or looked up as a name; `pgdex.embedded_text_hash` leaves it out as `without_part` does.
"""

import re
from typing import Final

from pgdex.indexer.notebooks import SUFFIX

_SEPARATOR: Final = " > "
_PART: Final = re.compile(r"(?:cell|page) [0-9]+(?= > |\Z)")
_SUFFIXES: Final = (SUFFIX, ".pdf")


def in_cell(number: int, symbol: str | None) -> str:
    """The symbol of a chunk with this symbol in the cell with this number, counted from 1."""
    return joined(f"cell {number}", symbol)


def on_page(number: int, symbol: str | None) -> str:
    """The symbol of a chunk with this symbol on the page with this number, counted from 1."""
    return joined(f"page {number}", symbol)


def split_part(path: str, symbol: str | None) -> tuple[str | None, str | None]:
    """The cell or page that a symbol of the file at `path` begins with, and the rest; None for what there is not.

    The path matters: a test in JavaScript may be called "cell 12".
    """
    found = _PART.match(symbol) if symbol and path.lower().endswith(_SUFFIXES) else None
    if symbol is None or found is None:
        return None, symbol
    return found[0], symbol[found.end() :].removeprefix(_SEPARATOR) or None


def without_part(path: str, symbol: str | None) -> str | None:
    """What a symbol of the file at `path` says beside the cell or page."""
    return split_part(path, symbol)[1]


def joined(part: str | None, symbol: str | None) -> str:
    """The symbol that `split_part` divides into these; "" for nothing."""
    return _SEPARATOR.join(filter(None, (part, symbol)))
