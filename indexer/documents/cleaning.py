"""Extracted text as lines that people can read and a database can hold."""

import re
import textwrap
import unicodedata
from typing import Final

WIDTH: Final = 120
"""Longer lines are wrapped: a paragraph of a Word document is one, and a hit says its lines."""

_LINE_ENDS = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
# What fonts put where a character has no meaning: controls, soft hyphens, halves of characters, no characters at all.
_NOTHING = re.compile("[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\ufeff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# What fonts draw and nobody types, so no search has it: ligatures ("\ufb01le"), the forms of Arabic and Hebrew letters,
# and what PDFs often have in place of Chinese characters, radicals and compatibility characters that look the same.
_FORM = re.compile("[\u2e80-\u2fdf\uf900-\ufaff\ufb00-\ufdff\ufe70-\ufefc]")
# From a title to its page number, in a table of contents.
_LEADERS = re.compile(r"(?:\. ?){6,}")
_EMPTY_LINES = re.compile("\n{3,}")
_WRAPPER = textwrap.TextWrapper(WIDTH, expand_tabs=False, replace_whitespace=False, break_on_hyphens=False)


def cleaned(text: str) -> str:
    """The text with \\n after each line, also the last one. No line has more than WIDTH characters, and no two
    lines in a row are empty; "" where nothing is left."""
    text = _LINE_ENDS.sub("\n", text)
    text = _SURROGATE.sub("\ufffd", _NOTHING.sub("", text))
    text = _FORM.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    text = unicodedata.normalize("NFC", text)  # many PDFs have letters and accents as two characters
    text = _LEADERS.sub("… ", text)
    lines: list[str] = []
    for line in map(str.rstrip, text.split("\n")):
        lines += [line] if len(line) <= WIDTH else (wrapped.rstrip() for wrapped in _WRAPPER.wrap(line))
    text = _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip("\n")
    return f"{text}\n" if text.strip() else ""
