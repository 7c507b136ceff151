"""From ctags' tags to the names that count, and what a checkout's pgdex knows of them."""

import json
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.definition_exclusions import exclusion_of, last_part
from benchmarks.definition_languages import LANGUAGES
from benchmarks.definition_tags import Language, Tag, source_files, tags_of

CHUNKS_PROGRAM = Path(__file__).with_name("definition_chunks.py")
BODIES = frozenset({"struct", "union", "enum", "class"})


@dataclass(frozen=True, slots=True)
class Project:
    """A pinned release: the folder with its sources."""

    name: str
    language: Language
    root: Path


@dataclass(frozen=True, slots=True)
class Definition:
    """A name that counts, where it is defined; that of a setter (`def size=(value)`) as people write it, `size`.

    An answer is right that has any of `lines`: of a typedef whose struct has a body in the same file the line of the
    name and the one where the struct begins, else a single one.
    """

    name: str
    path: str
    kind: str
    lines: tuple[int, ...]

    def is_met_by(self, path: str, start_line: int, end_line: int) -> bool:
        """Whether lines of a file hold the definition."""
        return path == self.path and any(start_line <= line <= end_line for line in self.lines)


@dataclass(slots=True)
class Names:
    """What ctags finds in a project, sorted."""

    definitions: list[Definition] = field(default_factory=list)
    """Those that count."""
    also: list[Definition] = field(default_factory=list)
    """Definitions that don't count, but that may answer a search for their name."""
    left_out: Counter[str] = field(default_factory=Counter)
    """How many tags don't count, by reason."""

    def places(self) -> dict[str, list[Definition]]:
        """All definitions by their names."""
        found = defaultdict(list)
        for one in (*self.definitions, *self.also):
            found[one.name].append(one)
        return found


@dataclass(frozen=True, slots=True)
class Known:
    """What one checkout's pgdex says of some definitions."""

    known: dict[Definition, bool]
    skipped: dict[str, str]
    """The files that it does not index, with the reason."""

    def unknown(self, definitions: Iterable[Definition]) -> list[Definition]:
        """Those of some definitions that it does not know."""
        return [one for one in definitions if not self.known[one]]


def names_of(project: Project) -> Names:
    """The names that ctags finds in a project; those in files of other languages don't count. Raises NoCtags."""

    def lines_of(path: str) -> list[str]:
        return (project.root / path).read_text(encoding="utf-8", errors="replace").split("\n")

    paths = source_files(project.root, project.language)
    names = sort_out(tags_of(project.root, project.language, paths), project.language, lines_of)
    # A shell function may be a C function too: who says no language may be answered with either.
    read = set(paths)
    for other in LANGUAGES.values():
        if paths := [path for path in source_files(project.root, other) if path not in read]:
            read.update(paths)
            names.also += sort_out(tags_of(project.root, other, paths), other, lines_of).definitions
    return names


def sort_out(tags: Iterable[Tag], language: Language, lines_of: Callable[[str], Sequence[str]]) -> Names:
    """Sort tags into those that count and those that don't; `lines_of` gives the lines of the file at a path.

    A definition counts once, an Elixir function or macro with its first clause only.
    """
    tags = list(tags)
    heads = {(tag.path, tag.name): tag.line for tag in tags if tag.kind in BODIES}
    names = Names()
    seen = set()
    path: str | None = None
    lines: Sequence[str] = ()
    for tag in tags:
        if tag.kind not in language.kinds:
            continue
        if tag.path != path:
            path, lines = tag.path, lines_of(tag.path)
        exclusion = exclusion_of(language.name, tag, lines)
        if exclusion is not None:
            names.left_out[exclusion.reason] += 1
            if exclusion.wrong:
                continue
        one = Definition(last_part(tag.name).removesuffix("="), tag.path, tag.kind, _lines_with_head(tag, heads))
        same = (tag.path, tag.scope, tag.name, None if language.name == "elixir" else tag.line)
        if exclusion is not None:
            names.also.append(one)
        elif same not in seen:
            seen.add(same)
            names.definitions.append(one)
    return names


def _lines_with_head(tag: Tag, heads: dict[tuple[str, str], int]) -> tuple[int, ...]:
    if tag.kind == "typedef" and tag.typeref:
        head = heads.get((tag.path, tag.typeref.rpartition(":")[2]))
        if head is not None and head < tag.line:
            return (head, tag.line)
    return (tag.line,)


def known_to(python: Path, project: Project, definitions: Sequence[Definition]) -> Known:
    """What the pgdex of an environment knows of definitions, without a database: its Python runs the chunking.

    Raises RuntimeError where that fails.
    """
    asked: dict[str, list[Definition]] = defaultdict(list)
    for one in definitions:
        asked[one.path].append(one)
    request = {
        "root": str(project.root.resolve()),
        "names": {path: [[one.name, one.lines] for one in ones] for path, ones in asked.items()},
    }
    done = subprocess.run(
        [python, "-P", CHUNKS_PROGRAM], input=json.dumps(request), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{python} could not chunk {project.name}:\n{done.stderr[-4000:]}")
    known: dict[Definition, bool] = {}
    skipped = {}
    for path, answer in json.loads(done.stdout).items():
        known.update(zip(asked[path], answer["known"], strict=True))
        if answer["skipped"]:
            skipped[path] = answer["skipped"]
    return Known(known, skipped)


def without_skipped(names: Names, known: Known) -> list[Definition]:
    """The definitions that count, those of files left out by pgdex moved to the ones that don't."""
    kept = []
    for one in names.definitions:
        if one.path in known.skipped:
            names.left_out[f"in a file that is not indexed ({known.skipped[one.path]})"] += 1
        else:
            kept.append(one)
    names.definitions = kept
    return kept
