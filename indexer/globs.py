r"""Path filters of a search, as people write them, as regular expressions that both Python and PostgreSQL understand.

Every tool has globs of its own, so that one pattern can mean several things: `[slug]` is a set of letters and the name
of a folder in a web framework, `\` separates folders and takes the meaning from a star, a comma separates patterns and
stands in names. Each of these is read in all its ways at once: the readings that nobody meant match no path.
"""

import os
import re
from collections.abc import Iterator
from typing import Final

# Deeper than this braces are taken for what they are; nobody nests them.
DEEPEST_BRACES: Final = 20
MOST_STARS: Final = 4
WILD: Final = re.compile(r"[*?]")
EXTENDED: Final = re.compile(r"[@+]\((?P<either>[^()/|]*(?:\|[^()/|]*)+)\)")
# What stands for more than itself, with all from the first bracket to the last.
GROUPS_AND_WILD: Final = re.compile(r"[\[{(].*[\]})]|[^\w/. -]", re.DOTALL)
SPECIAL: Final = frozenset("*?[]{}!,\\")


def glob_regex(glob: str, root: str | None = None) -> str:
    r"""An expression for paths relative to a repository's `root`.

    `*` and `?` stay within a folder, `**` does not; `{ts,tsx}` and `[a-z]` as in a shell. A glob without a slash is
    looked for in every folder (`*.py`), with one it begins at the root. A folder means everything below it (`src`,
    `src/core/`). An absolute path counts from the top of the disk where it leads to the root, else from the root.
    Several globs have commas (or `|`) between them; one that begins with `!` takes away. Raises ValueError for a glob
    that names nothing.
    """
    wanted, unwanted = (list(dict.fromkeys(map(_whole, readings))) for readings in _patterns(glob, root))
    if not wanted and not unwanted:
        raise ValueError(f"a path glob must name something, got {glob!r}")
    without = f"(?!(?:{'|'.join(unwanted)})$)" if unwanted else ""
    return f"^{without}(?:{'|'.join(wanted) or '.*'})$"


def glob_words(glob: str, root: str | None = None) -> list[str]:
    """Texts of which each path has one that `glob_regex` matches; empty where there are none to tell by.

    PostgreSQL looks for a text in a tenth of the time that the expression takes.
    """
    wanted, _ = _patterns(glob, root)
    words = [max(map(_plain, GROUPS_AND_WILD.split(reading.lstrip("/"))), key=len) for reading in wanted]
    return list(dict.fromkeys(words)) if all(words) else []


def _plain(run: str) -> str:
    """A run of letters between wildcards, without the slashes at its ends: `**/a` means an `a` without any, too."""
    return run.strip("/")


def _patterns(glob: str, root: str | None) -> tuple[list[str], list[str]]:
    """All that a list of globs can mean, and what those with a `!` take away."""
    wanted: list[str] = []
    unwanted: list[str] = []
    for part in dict.fromkeys([glob, *_split(glob, separators=",|\n")]):
        one = part.strip()
        (unwanted if one.startswith("!") else wanted).extend(_readings(one.removeprefix("!"), root))
    return wanted, unwanted


def _readings(glob: str, root: str | None) -> Iterator[str]:
    """What a single glob can mean, as globs relative to the root, with / between folders and no other slashes."""
    if "\\" in glob:
        yield from _relative(re.sub(r"\\+", "/", glob), root)
    yield from _relative(glob, root)


def _relative(glob: str, root: str | None) -> Iterator[str]:
    glob = os.path.expanduser(glob)
    parts = _normal(glob.split("/"))
    below = "/" if glob.endswith("/") else ""
    if glob.startswith("/"):
        if root is not None:
            for rest in _below(parts, _normal(root.split("/"))):
                yield "/".join(rest) + below if rest else "**"
        # With a slash in front it begins at the root, also where it has no other.
        if parts:
            yield "/" + "/".join(parts) + below
    elif parts:
        yield "/".join(parts) + below
    elif glob:  # `.` and `./`: the root
        yield "**"


def _normal(parts: list[str]) -> list[str]:
    """The components without empty ones and `.`, without `..` and what it leads out of, and without a `**` right after
    another: hundreds of them took PostgreSQL 20 s."""
    kept: list[str] = []
    for part in parts:
        if part == "**" and kept and kept[-1] == "**":
            continue
        if part == ".." and kept and kept[-1] != "..":
            kept.pop()
        elif part not in ("", "."):
            kept.append(part)
    return kept


def _below(parts: list[str], root: list[str]) -> Iterator[list[str]]:
    """What is left of a glob from the top of the disk inside of the root; [] for everything in it."""
    places = {0}
    for folder in root:
        after: set[int] = set()
        for start in places:
            place = start
            while place < len(parts) and parts[place] == "**":
                place += 1
            after.update(range(start, place))
            if place < len(parts) and _fits(parts[place], folder):
                after.add(place + 1)
            elif place == len(parts) and not WILD.search(parts[-1] if parts else ""):
                after.add(place)  # a folder above the root, with everything below it
        places = after
    for place in sorted(places):
        yield parts[place:]


def _fits(part: str, folder: str) -> bool:
    """Whether a folder's name matches. Of many stars each makes the others try again: nobody means such a pattern."""
    return part.count("*") <= MOST_STARS and re.fullmatch(_expression(part), folder) is not None


def _whole(glob: str) -> str:
    """The expression for whole paths."""
    anchored = "/" in glob.rstrip("/")
    pattern = glob.lstrip("/")
    if pattern.endswith("/"):
        return ("" if anchored else "(?:.*/)?") + _expression(pattern) + ".*"
    below = "" if WILD.search(pattern.rpartition("/")[2]) else "(?:/.*)?"
    return ("" if anchored else "(?:.*/)?") + _expression(pattern) + below


def _expression(glob: str, depth: int = 0) -> str:
    parts: list[str] = []
    place = 0
    while place < len(glob):
        character = glob[place]
        place += 1
        if character == "*":
            stars = place - 1
            while glob[place : place + 1] == "*":
                place += 1
            if place - stars == 1:
                parts.append("[^/]*")
            elif glob[place : place + 1] == "/" and (stars == 0 or glob[stars - 1] == "/"):
                parts.append("(?:.*/)?")
                place += 1
            else:
                parts.append(".*")
        elif character == "?":
            parts.append("[^/]")
        elif character == "[" and (end := _end_of_set(glob, place)) > 0:
            parts.append(_set(glob[place:end]))
            place = end + 1
        elif character == "{" and depth < DEEPEST_BRACES and (end := _end_of_braces(glob, place)) > 0:
            either = [_expression(part, depth + 1) for part in _split(glob[place:end])]
            # Braces with one thing in them are in its name, mostly: {{cookiecutter.name}}.
            parts.append(f"(?:{'|'.join(either)})" if len(either) > 1 else rf"\{{?{either[0]}\}}?")
            place = end + 1
        elif character in "@+" and (extended := EXTENDED.match(glob, place - 1)) is not None:
            either = [_expression(part, depth + 1) for part in extended["either"].split("|")]
            parts.append(f"(?:{'|'.join(either)})" + ("+" if character == "+" else ""))
            place = extended.end()
        elif character == "\\" and glob[place : place + 1] in SPECIAL:
            parts.append(re.escape(glob[place : place + 1]))
            place += 1
        else:
            parts.append(re.escape(character))
    return "".join(parts)


def _end_of_set(glob: str, start: int) -> int:
    """Where the `]` is that closes the set begun before `start`; -1 where none does in this folder's name."""
    end = glob.find("]", start + (2 if glob[start : start + 1] in ("!", "^") else 1))
    return end if end > 0 and "/" not in glob[start:end] else -1


def _set(members: str) -> str:
    """A set of characters, or the name that is written like one: `[a-z]`, `[!a]`, and the folder `[slug]`."""
    literal = re.escape(f"[{members}]")
    negated = members[0] in "!^"
    listed = members[negated:]
    parts = []
    place = 0
    while place < len(listed):
        low, high = listed[place], listed[place + 2 : place + 3]
        if listed[place + 1 : place + 2] == "-" and high:
            if low > high:
                return literal
            parts.append(f"{_member(low)}-{_member(high)}")
            place += 3
        else:
            parts.append(_member(low))
            place += 1
    inner = "".join(parts)
    return f"(?:[^{inner}/]|{literal})" if negated else f"(?:[{inner}]|{literal})"


def _member(character: str) -> str:
    return character if character.isalnum() or not character.isascii() else f"\\{character}"


def _end_of_braces(glob: str, start: int) -> int:
    depth = 1
    for place in range(start, len(glob)):
        depth += {"{": 1, "}": -1}.get(glob[place], 0)
        if not depth:
            return place
    return -1


def _split(text: str, *, separators: str = ",") -> list[str]:
    """The parts between separators that are not in brackets of any kind."""
    parts = [""]
    depth = 0
    for character in text:
        if character in separators and depth == 0:
            parts.append("")
            continue
        depth = max(0, depth + (character in "([{") - (character in ")]}"))
        parts[-1] += character
    return parts
