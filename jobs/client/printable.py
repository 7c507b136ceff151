"""Text from other people's files made safe to show: file names, code and messages may hold anything.

An escape sequence in a file's name or in a line of code could move a terminal's cursor, change its title or paste into
it; characters that turn the writing around or are not to be seen at all make a reader, or a model, read another text
than is there.
"""

import re

# C0 and C1 controls but tab and line end, marks and overrides of the writing direction, line separators, invisible
# operators and "tag" letters, lone surrogates. Joiners stay: scripts and emoji need them.
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
# What a program may well have in its sources: form feeds between sections, and line ends of Windows. A carriage return
# anywhere else makes a terminal write over the line's beginning.
UNSAFE_IN_CODE = re.compile(UNSAFE.pattern.replace("\x0b-\x1f", "\x0b\x0e-\x1f") + r"|\r(?!\n)")


def printable(text: str, *, lines: bool = False) -> str:
    """`text` with control characters written out as escapes; tabs and line ends stay where `lines` is true."""
    shown = text if lines else text.replace("\n", "\\n").replace("\t", "\\t")
    return UNSAFE.sub(_escaped, shown)


def quoted_code(text: str) -> str:
    """Source code as a program gets it: as it is, but for the characters that a file has no use for, as escapes."""
    return UNSAFE_IN_CODE.sub(_escaped, text)


def safe_json(document: str) -> str:
    """A JSON document whose strings hold no such character as it is, only as JSON's escape: it means the same."""
    return UNSAFE.sub(_json_escaped, document)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode()


def _json_escaped(found: re.Match[str]) -> str:
    if found[0] in "\r\x0b\x0c":
        return found[0]  # outside of strings JSON may be laid out with them; within, they are escaped already
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2]):04x}" for at in range(0, len(units), 2))
