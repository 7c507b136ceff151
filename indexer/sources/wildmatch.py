"""Git's path patterns as regular expressions over bytes.

A transcription of what git's `wildmatch.c` accepts, byte for byte: `?` is one byte, `[...]` a
set of bytes, `*` stays within one path component and `**` between slashes does not. The
expressions can't be made to backtrack without end by a hostile pattern: every choice that a
later part can't improve on is atomic (the leftmost match of `a` in `*a*b` is as good as any).
"""

import re
import string
from collections.abc import Iterable, Iterator
from enum import Enum, auto

GLOB_SPECIAL = re.compile(rb"[*?[\\]")

_SLASH = ord("/")


def _bytes(characters: str) -> frozenset[int]:
    return frozenset(characters.encode("ascii"))


_CLASSES = {
    b"alnum": _bytes(string.ascii_letters + string.digits),
    b"alpha": _bytes(string.ascii_letters),
    b"blank": _bytes(" \t"),
    b"cntrl": frozenset((*range(32), 127)),
    b"digit": _bytes(string.digits),
    b"graph": frozenset(range(33, 127)),
    b"lower": _bytes(string.ascii_lowercase),
    b"print": frozenset(range(32, 127)),
    b"punct": _bytes(string.punctuation),
    b"space": _bytes(" \t\n\r\v\f"),
    b"upper": _bytes(string.ascii_uppercase),
    b"xdigit": _bytes(string.hexdigits),
}


class _Star(Enum):
    WITHIN = auto()  # `*`: any bytes of one component
    FOLDERS = auto()  # `**/`: any number of whole components, none included
    ANYTHING = auto()  # `**` at the end: any bytes, slashes included


_Token = bytes | _Star  # bytes: an expression for exactly one byte


class _NeverMatches(Exception):
    """The pattern is malformed, and git lets it match nothing."""


def translate(pattern: bytes) -> bytes | None:
    """Return an expression for the whole of a path (flag DOTALL), or None: it matches nothing.

    `pattern` has no leading `!` or `/` and no trailing `/`: those belong to the ignore file.
    """
    # Git compares the part before the first special character by itself and then starts its
    # matcher on the rest, so `foo**/bar` finds its `**` at the start of a pattern.
    special = GLOB_SPECIAL.search(pattern)
    if special is None:
        return re.escape(pattern)
    try:
        tokens = list(_tokens(pattern[special.start() :]))
    except _NeverMatches:
        return None
    return re.escape(pattern[: special.start()]) + _expression(tokens)


def _tokens(pattern: bytes) -> Iterator[_Token]:
    position = 0
    while position < len(pattern):
        byte = pattern[position : position + 1]
        start = position
        position += 1
        if byte == b"*":
            while pattern[position : position + 1] == b"*":
                position += 1
            between_slashes = start == 0 or pattern[start - 1] == _SLASH
            if position - start == 1 or not between_slashes:
                yield _Star.WITHIN
            elif pattern[position : position + 1] == b"/":
                position += 1
                yield _Star.FOLDERS
            elif position == len(pattern) or pattern[position : position + 2] == b"\\/":
                yield _Star.ANYTHING
            else:
                yield _Star.WITHIN
        elif byte == b"?":
            yield b"[^/]"
        elif byte == b"[":
            members, position = _bracket(pattern, position)
            yield _one_of(members - {_SLASH})
        elif byte == b"\\":
            if position == len(pattern):
                raise _NeverMatches
            yield re.escape(pattern[position : position + 1])
            position += 1
        else:
            yield re.escape(byte)


def _bracket(pattern: bytes, position: int) -> tuple[frozenset[int], int]:
    """Return the bytes that the set matches whose `[` is before `position`, and where it ends."""
    negated = pattern[position : position + 1] in (b"!", b"^")
    position += negated
    members: set[int] = set()
    previous: int | None = None  # the low end, should a `-` follow
    first = True
    while first or pattern[position : position + 1] != b"]":
        first = False
        byte, position = _byte_at(pattern, position)
        following = pattern[position : position + 1]
        if byte == b"-" and previous is not None and following not in (b"", b"]"):
            high, position = _byte_at(pattern, position)
            if high == b"\\":
                high, position = _byte_at(pattern, position)
            members.update(range(previous, high[0] + 1))
            previous = None
        elif byte == b"[" and following == b":":
            end = pattern.find(b"]", position + 1)
            if end < 0:
                raise _NeverMatches
            if end - 1 > position and pattern[end - 1] == ord(":"):
                name = pattern[position + 1 : end - 1]
                if name not in _CLASSES:
                    raise _NeverMatches
                members |= _CLASSES[name]
                position = end + 1
                previous = None
            else:
                members.add(byte[0])
                previous = byte[0]
        else:
            if byte == b"\\":
                byte, position = _byte_at(pattern, position)
            members.add(byte[0])
            previous = byte[0]
    every_byte = frozenset(range(256))
    return every_byte - members if negated else frozenset(members), position + 1


def _byte_at(pattern: bytes, position: int) -> tuple[bytes, int]:
    byte = pattern[position : position + 1]
    if not byte:
        raise _NeverMatches  # the set is never closed
    return byte, position + 1


def _one_of(members: Iterable[int]) -> bytes:
    listed = b"".join(b"\\x%02x" % member for member in sorted(members))
    return b"[%s]" % listed if listed else b"(?!)"


def _expression(tokens: list[_Token]) -> bytes:
    """Join the tokens; whatever stands between two double stars matches at its leftmost place.

    Leftmost is enough: such a part has a fixed number of slashes, so an earlier start is an
    earlier end, and leaves the rest of the pattern more to choose from.
    """
    blocks: list[tuple[_Star | None, list[bytes | _Star]]] = [(None, [])]
    for token in tokens:
        if token in (_Star.FOLDERS, _Star.ANYTHING):
            assert isinstance(token, _Star)
            blocks.append((token, []))
        else:
            blocks[-1][1].append(token)
    parts = []
    for number, (star, block) in enumerate(blocks):
        inner = _block(block)
        last = number == len(blocks) - 1
        if star is _Star.FOLDERS:
            parts.append(b"(?:.*/)?" + inner if last else b"(?>(?:.*?/)??%s)" % inner)
        elif star is _Star.ANYTHING:
            parts.append(b".*" + inner if last else b"(?>.*?%s)" % inner)
        else:
            parts.append(inner)
    return b"".join(parts)


def _block(tokens: list[_Token]) -> bytes:
    parts = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        position += 1
        if isinstance(token, bytes):
            parts.append(token)
            continue
        run = b""
        while position < len(tokens) and isinstance(one := tokens[position], bytes) and one != b"/":
            run += one
            position += 1
        another_star = position < len(tokens) and isinstance(tokens[position], _Star)
        parts.append(b"(?>[^/]*?%s)" % run if another_star else b"[^/]*" + run)
    return b"".join(parts)
