"""Whether an answer is right, by a test: it names a file and a line, and the line is inside a known answer."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from benchmarks.pieces import PieceQuestion

FORM: Final = "ANSWER: path/of/the/file:LINE"
# Models put the place into backticks or bold, and some give a range, which counts by its first line: the whole file
# as a range must not be right.
_ANSWER: Final = re.compile(r"^[\s*_`>]*ANSWER:[\s*_`]*(?P<path>[^`*\n]+?):(?P<line>\d{1,9})\b[^\n]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """One line of a file; the path is relative to the repository, as POSIX writes it."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Grade:
    """What an answer is worth. `file`: the right file; `right`: a line inside the right definition too."""

    answered: bool
    file: bool
    right: bool


def place_in(text: str, *, root: Path) -> Place | None:
    """The place that the last ANSWER line names, None without one; an absolute path in `root` is made relative."""
    found = list(_ANSWER.finditer(text))
    if not found:
        return None
    path = PurePosixPath(found[-1]["path"].strip())
    if path.is_absolute() and path.is_relative_to(root.as_posix()):
        path = path.relative_to(root.as_posix())
    return Place(str(path), int(found[-1]["line"]))


def grade(place: Place | None, question: PieceQuestion) -> Grade:
    """The place against the question's answers, of which any one will do."""
    if place is None:
        return Grade(answered=False, file=False, right=False)
    same_file = [target for target in question.relevant if target.path == place.path]
    inside = any(target.start_line <= place.line <= target.end_line for target in same_file)
    return Grade(answered=True, file=bool(same_file), right=inside)
