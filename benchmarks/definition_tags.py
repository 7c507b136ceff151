"""What universal-ctags finds in a folder: which files it is given, and its JSON."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


class NoCtags(Exception):
    """universal-ctags is not there or can't write JSON; the message says how to have it."""


@dataclass(frozen=True, slots=True)
class Language:
    """How the files of a language are read. `kinds` are ctags' names of the kinds that count."""

    name: str
    """As in the list of projects, and pgdex's own name."""
    ctags: str
    suffixes: tuple[str, ...]
    kinds: frozenset[str]
    first_line: re.Pattern[str] | None = None
    """A file without a suffix is read where its first line has this."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A name that ctags found, in the file at `path` below the folder, on a line counted from 1."""

    name: str
    path: str
    line: int
    kind: str
    scope: str | None = None
    scope_kind: str | None = None
    typeref: str | None = None
    """What a typedef names, as `struct:node`."""


def source_files(root: Path, language: Language) -> list[str]:
    """The paths below `root` of the files in the language, in order."""
    found = []
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        fits = path.suffix in language.suffixes
        if not path.suffix and language.first_line is not None:
            fits = language.first_line.search(_first_line(path)) is not None
        if fits:
            found.append(path.relative_to(root).as_posix())
    return found


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        return file.readline(500).decode(errors="replace")


def tags_of(root: Path, language: Language, paths: Iterable[str]) -> list[Tag]:
    """The tags of some files below `root`, all of them read in the language. Raises NoCtags, and RuntimeError where
    ctags fails."""
    program = shutil.which("ctags")
    if program is None:
        raise NoCtags("ctags is missing: run `apt-get install universal-ctags` (5.9 is what was measured with)")
    done = subprocess.run(
        [
            *(program, "--options=NONE", "--output-format=json", "--fields=+nKsZt", "--sort=no"),
            *(f"--language-force={language.ctags}", "-L", "-", "-f", "-"),
        ],
        cwd=root,
        input="".join(f"{path}\n" for path in paths),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if "Universal Ctags" not in done.stdout + done.stderr and done.returncode:
        raise NoCtags(
            "ctags can't write JSON: this benchmark needs Universal Ctags, `apt-get install universal-ctags`"
            f" ({done.stderr.strip().splitlines()[-1:]})"
        )
    if done.returncode:
        raise RuntimeError(f"ctags ended with code {done.returncode} in {root}:\n{done.stderr[-2000:]}")
    return list(read_tags(done.stdout.splitlines()))


def read_tags(lines: Iterable[str]) -> Iterator[Tag]:
    """The tags in what ctags writes with --output-format=json; its own remarks (`"_type": "ptag"`) are left out."""
    for line in lines:
        entry = json.loads(line)
        if entry.get("_type") != "tag" or not entry.get("name"):
            continue
        yield Tag(
            name=entry["name"],
            path=entry["path"],
            line=int(entry["line"]),
            kind=entry["kind"],
            scope=entry.get("scope"),
            scope_kind=entry.get("scopeKind"),
            typeref=entry.get("typeref"),
        )
