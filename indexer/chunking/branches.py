"""Conditional directives of C that cut a statement or a block in two, and what the parser reads instead.

A grammar reads `#if … #else … #endif` where each branch is whole: some statements, some members. Where a branch opens
what another closes, or stands within an expression, everything up to the end of the file may become one error:

    #ifdef USE_TABLE
        FOREACH(entry, table) {
    #else
        for (i = 0; i < count; ++i) {
    #endif

There one branch is kept, as the preprocessor does, and the lines of the directives go.
"""

import re
from dataclasses import dataclass, field
from itertools import pairwise

_DIRECTIVE = re.compile(rb"[ \t]*\#[ \t]*(if|ifdef|ifndef|elif|elifdef|elifndef|else|endif)\b[ \t]*(\S*)")
_CONTINUES = re.compile(rb"\s*+(?:else\b|[|&?<>=+/.)\]]|\*[^\w])")
_ACCESS = re.compile(rb"\b(?:public|private|protected|signals|slots)\s*:\s*\Z")
_BRACE = re.compile(rb"[{}]")
_OTHERS = bytes(byte for byte in range(256) if byte not in b"(){}")
# Blocks in blocks; what is nested deeper is no code that people wrote.
_DEEPEST = 60
_LONGEST_STATEMENT = 4_000

Span = tuple[int, int]


@dataclass(slots=True)
class _Group:
    """The directives of one conditional, from its #if to its #endif."""

    marks: list[Span] = field(default_factory=list)
    never: bool = False


def broken_branches(seen: bytearray, directives: list[Span], source: bytes) -> list[Span]:
    """What has to go so that no branch is broken, in order of the groups' ends.

    `seen` is the source with blanks for comments, strings and directives; what goes is blanked in it on the way, so
    that an outer conditional is judged by what is left of the inner ones.
    """
    gone: list[Span] = []
    open_groups: list[_Group] = []
    for start, stop in directives:
        found = _DIRECTIVE.match(source, start, stop)
        if found is None:
            continue
        word = found[1]
        if word.startswith(b"if"):
            open_groups.append(_Group([(start, stop)], never=word == b"if" and found[2] == b"0"))
        elif open_groups:
            open_groups[-1].marks.append((start, stop))
            if word == b"endif":
                group = open_groups.pop()
                if len(open_groups) <= _DEEPEST and _is_broken(seen, group):
                    spans = _gone(group)
                    gone.extend(spans)
                    for first, last in spans:
                        seen[first:last] = seen[first:last].translate(_BLANKS)
    return gone


_BLANKS = bytes(byte if byte == 0x0A else 0x20 for byte in range(256))


def _gone(group: _Group) -> list[Span]:
    """The directives, and all branches but the first; but the second where the first is `#if 0`."""
    marks = group.marks
    kept = 1 if group.never and len(marks) > 2 else 0
    if kept == 0:
        return [marks[0], (marks[1][0], marks[-1][1])]
    return [(marks[0][0], marks[1][1]), (marks[2][0], marks[-1][1])]


def _is_broken(seen: bytearray, group: _Group) -> bool:
    before = bytes(seen[max(0, group.marks[0][0] - _LONGEST_STATEMENT) : group.marks[0][0]])
    statement = before[max(before.rfind(b";"), before.rfind(b"{"), before.rfind(b"}")) + 1 :]
    if statement.count(b"(") > statement.count(b")"):
        return True
    # Behind the head of an `if` or of a function.
    if statement.rstrip().endswith(b")"):
        return True
    after = bytes(seen[group.marks[-1][1] : group.marks[-1][1] + _LONGEST_STATEMENT])
    if _CONTINUES.match(after):
        return True
    branches = [bytes(seen[stop:start]) for (_, stop), (start, _) in pairwise(group.marks)]
    if any(branch.rstrip().endswith(b",") for branch in branches) and _in_list(before):
        return True
    return any(_is_part(branch) for branch in branches)


def _in_list(before: bytes) -> bool:
    """Whether the innermost open brace is that of a list of values, and not that of an enum."""
    depth = 0
    for brace in reversed(list(_BRACE.finditer(before))):
        depth += 1 if brace[0] == b"}" else -1
        if depth < 0:
            return before[: brace.start()].rstrip()[-1:] in (b"=", b",", b"{", b"(", b"]", b")")
    return False


def _is_part(branch: bytes) -> bool:
    """Whether a branch is not some whole statements, members or values."""
    last = branch.rstrip()[-1:]
    if not last:
        return False
    if _CONTINUES.match(branch) or (last not in b";}," and not _ACCESS.search(branch)):
        return True
    brackets = branch.translate(None, _OTHERS)
    for _ in range(_DEEPEST):
        shorter = brackets.replace(b"()", b"").replace(b"{}", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return bool(brackets)
