"""Files that say the same as others: what was built from a source, and what an older version has.

Nothing is read for it: the paths of the files that a search has found tell.
"""

import re
from collections.abc import Sequence
from typing import Final

from pgdex.indexer.search.candidates import TYPES, Defines, RankedFile
from pgdex.indexer.terms import stem_of

# How much a file in a folder of an older version counts, where the same file of a newer one was found as well.
OLDER: Final = 0.7
# How much a header counts beside the file that implements it, where a question is asked: it only declares.
HEADER: Final = 0.7

_SUFFIX: Final = re.compile(
    r"(?P<built>([.-](min|umd|esm|cjs|mjs|iife|amd|global|bundle|browser|prod|dev|production|development))*)"
    r"(?P<declares>\.d)?\.(?P<language>[cm]?jsx?|[cm]?tsx?|coffee|s?css|less|sass)$"
)
_SOURCES: Final = frozenset({"src", "source", "sources", "app"})
_OUTPUT: Final = frozenset({"dist", "build", "out", "lib", "es", "esm", "cjs", "umd", "compiled", "static", "public"})
_COMPILED: Final = frozenset({"js", "mjs", "cjs", "css"})
_FORMATS: Final = frozenset({"mjs", "cjs"})  # `app.js` in another format of modules
_STYLES: Final = frozenset({"css", "scss", "less", "sass"})
_HEADER: Final = re.compile(r"\.(h|hh|hpp|hxx|h\+\+)$")
_IMPLEMENTATION: Final = re.compile(r"\.(c|cc|cpp|cxx|c\+\+|m|mm)$")
_VERSION: Final = re.compile(r"(?i)(?<![^/])(?P<word>v|version[_-]?)(?P<number>\d{1,3})(?=/)")


def without_built_files(files: Sequence[RankedFile]) -> list[RankedFile]:
    """The files, but of a source and what was built from it (`src/a.ts`, `dist/a.min.js`) the source alone, at the
    better of their ranks; the others become its `built`."""
    sources: dict[tuple[int, str], RankedFile] = {}
    kept: list[RankedFile] = []
    for file in sorted(files, key=lambda one: (_is_built(one.path), one.path)):
        origin = _origin(file.path)
        if origin is None:
            kept.append(file)
            continue
        key = (file.chunks[0].key[0], origin)
        source = sources.get(key)
        if source is None or not _is_made_from(file.path, source.path) or _alone_defines(file, source):
            sources.setdefault(key, file)
            kept.append(file)
            continue
        source.built.append(file.path)
        if file.score > source.score:
            source.reasons["as built"] = file.score - source.score
            source.score = file.score
    return kept


def lower_older_versions(files: Sequence[RankedFile], asked: frozenset[str]) -> None:
    """Lower the score of files in a folder such as `v1`, where the same file of a newer version, or of none, was found;
    not where one of the stems `asked` names that version."""
    newest: dict[tuple[int, str], int] = {}
    unversioned = {(file.chunks[0].key[0], file.path) for file in files}
    versions = [(file, found) for file in files if (found := _VERSION.search(file.path)) is not None]

    def places(file: RankedFile, found: re.Match[str]) -> tuple[tuple[int, str], tuple[int, str]]:
        """The file in any version, and in no version."""
        before, after = file.path[: found.start()], file.path[found.end() :]
        repository_id = file.chunks[0].key[0]
        return (repository_id, f"{before}*{after}"), (repository_id, f"{before}{after.removeprefix('/')}")

    for file, found in versions:
        everywhere, _ = places(file, found)
        newest[everywhere] = max(newest.get(everywhere, 0), int(found["number"]))
    for file, found in versions:
        everywhere, nowhere = places(file, found)
        is_older = int(found["number"]) < newest[everywhere] or nowhere in unversioned
        if is_older and not asked & {stem_of(found[0].lower()), found["number"]}:
            file.reasons["is older"] = -file.score * (1 - OLDER)
            file.score *= OLDER


def lower_headers(files: Sequence[RankedFile], *, always: bool) -> None:
    """Lower the score of headers (C, C++, Objective-C) of which a file of the same name was found, wherever it lies:
    `always`, or only where both define what is asked for, so that the header has a prototype. Not where the header
    alone defines it, nor, unless `always`, where it has the class and the implementation a constructor of that name."""
    implemented: dict[tuple[int, str], list[RankedFile]] = {}
    for file in files:
        name, is_implementation = _IMPLEMENTATION.subn("", file.path.rpartition("/")[2])
        if is_implementation:
            implemented.setdefault((file.chunks[0].key[0], name), []).append(file)
    for file in files:
        name, is_header = _HEADER.subn("", file.path.rpartition("/")[2])
        others = implemented.get((file.chunks[0].key[0], name)) if is_header else None
        if others is None:
            continue
        if _defines_type(file) and not always:
            is_lowered = any(map(_defines_type, others))
        else:
            is_lowered = any(map(_defines, others)) if _defines(file) else always
        if is_lowered:
            file.reasons["is header"] = -file.score * (1 - HEADER)
            file.score *= HEADER


def _origin(path: str) -> str | None:
    """What a source and everything that was built from it have in common; None for what nothing is built from."""
    folder, _, name = path.rpartition("/")
    found = _SUFFIX.search(name)
    if found is None:
        return None
    family = "style" if found["language"] in _STYLES else "script"
    parts = ["*" if part.lower() in _SOURCES | _OUTPUT else part for part in folder.split("/")]
    return f"{family} {'/'.join(parts)}/{name[: found.start()]}"


def _alone_defines(built: RankedFile, source: RankedFile) -> bool:
    """Whether a built file defines what is asked for, and its source does not: a compiler makes up names."""
    return _defines(built) and not _defines(source)


def _defines(file: RankedFile) -> bool:
    return any(one.defines is Defines.EXACTLY for one in file.chunks)


def _defines_type(file: RankedFile) -> bool:
    return any(one.defines is Defines.EXACTLY and one.kind in TYPES for one in file.chunks)


def _is_built(path: str) -> int:
    """The more, the further from what somebody has written."""
    folder, _, name = path.rpartition("/")
    found = _SUFFIX.search(name)
    if found is None:
        return 0
    in_output = any(part.lower() in _OUTPUT for part in folder.split("/"))
    is_marked = bool(found["built"] or found["declares"])
    return 8 * in_output + 4 * is_marked + 2 * (found["language"] in _FORMATS) + (found["language"] in _COMPILED)


def _is_made_from(path: str, source: str) -> bool:
    """Whether two files of one origin are a source and its product: in other languages, or one marked as built.

    `src/index.js` and `lib/index.js` may be two programs.
    """
    one, other = _SUFFIX.search(path), _SUFFIX.search(source)
    if one is None or other is None or _is_built(path) <= _is_built(source):
        return False
    return one["language"] != other["language"] or one["built"] != other["built"] or bool(one["declares"])
