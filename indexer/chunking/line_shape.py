"""What a line looks like that defines a name, and how the syntax tree tells whether it does."""

import re
from dataclasses import dataclass

from pgdex.indexer.chunking.grammar import types

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LineShape:
    """One way to write a definition; made by `shape`. Every set holds node types."""

    # What a text must contain for any match: looking for it costs a tenth of a search with the pattern.
    needs: str
    # Its group is the name; or it holds several, each the group of a match of `members`.
    pattern: re.Pattern[str]
    members: re.Pattern[str] | None
    # Where `pattern` finds only what follows a name: what stands before it, read backwards from there; the last group
    # that is part of the match is the name.
    backwards: re.Pattern[str] | None
    # The nodes whose name it is; none where the line says enough.
    parents: frozenset[str]
    # One of that node's children must be one of these, if there are any: what the name stands for.
    holds: frozenset[str]
    # Whether the line alone is enough where the parser has given up.
    sure: bool
    # Only looked for in a file with errors: in others the rules of the grammar's table find it.
    on_errors: bool
    # Whether it is so plain that in a file which is mostly errors the line alone is enough, even within what the tree
    # takes for a text: one quote that is misread turns code and texts around, to the end of the file.
    plain: bool
    # Whether the name is only passed on, and defined elsewhere.
    declares: bool


def shape(
    pattern: str,
    parents: str,
    *,
    needs: str = "",
    holds: str = "",
    backwards: str = "",
    members: str = "",
    sure: bool = True,
    on_errors: bool = False,
    plain: bool = False,
    declares: bool = False,
) -> LineShape:
    """A `LineShape` with its node types in strings of several names each.

    A pattern that begins with the same characters wherever it matches costs a tenth of one that does not (1 ms beside
    10 to 50 for 2.3 MB of JavaScript): Python's `re` jumps from one of them to the next. What a pattern looks at
    beyond that has to be bounded, for a line may have 5,000 characters with a start in every second.
    """
    return LineShape(
        needs=needs,
        pattern=re.compile(pattern, re.MULTILINE),
        members=re.compile(members) if members else None,
        backwards=re.compile(backwards) if backwards else None,
        parents=types(parents),
        holds=types(holds) if holds else _NOTHING,
        sure=sure,
        on_errors=on_errors,
        plain=plain,
        declares=declares,
    )


def keyword_shape(
    keyword: str,
    name: str,
    parents: str,
    *,
    holds: str = "",
    members: str = "",
    sure: bool = True,
    on_errors: bool = False,
) -> LineShape:
    """The shape of a definition that begins with a keyword; `name` is a pattern for what follows it, with the group.

    The keyword is no part of a longer word and not that of `Name::class`. What must not stand before it is looked at
    from behind it, so that the pattern begins with the keyword's own characters.
    """
    return shape(
        rf"{keyword}(?<![\w.:$]{keyword})[ \t]++{name}",
        parents,
        needs=keyword,
        holds=holds,
        members=members,
        sure=sure,
        on_errors=on_errors,
    )
