"""Questions whose answer is a piece of code, and what counts as a right piece.

A set is a folder with `repos.json` (as benchmarks/fetch_sources.py reads it; each entry is a whole source tree with its
tests, documents and examples) and annotations/NAME.json for each tree: a list of {query, relevant, category}. A target
in `relevant` is {path, symbol, start_line, end_line}, the lines of the whole definition, from 1, both ends included.
Several targets are alternatives: any of them is a right answer.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.annotations import Answer

DEPTH: Final = 10  # of NDCG
NEAR: Final = 5  # hits that a reader looks at
# Of the target's lines or of the piece's own: see answers().
COVERED: Final = 0.5


@dataclass(frozen=True, slots=True)
class Lines:
    """A piece that a hit shows or names besides its first one."""

    path: str
    start_line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition that answers a question; both lines belong to it."""

    path: str
    symbol: str
    start_line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class PieceQuestion:
    """A question and the definitions that answer it, each equally well."""

    query: str
    category: str
    relevant: tuple[Definition, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """A source tree with its questions. `name` is unique within a set."""

    name: str
    language: str
    root: Path
    questions: tuple[PieceQuestion, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What one hit shows: pieces as text, best first, and pieces of which it gives only the lines."""

    path: str
    text: tuple[Answer, ...]
    named: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """How well one question was answered; each figure is between 0 and 1 except the two counts.

    `piece_first`: the first piece of the first hit is right. `hit_first`: one of the pieces that the first hit shows as
    text is. `piece_near`: one that the first five hits show as text. `named_near`: the same, or one that they name.
    `file_first`, `file_near`: the file of a right answer is the first hit, or among five. `ndcg`: of the pieces shown
    as text in their order, down to the tenth. `pieces` and `lines`: how many the first hit shows as text.
    """

    piece_first: float
    hit_first: float
    piece_near: float
    named_near: float
    file_first: float
    file_near: float
    ndcg: float
    pieces: float
    lines: float


def read_trees(questions: Path, sources: Path) -> Iterator[Tree]:
    """The trees of the set in the folder `questions`, in the order of repos.json; the source of each belongs into the
    folder of its name in `sources`, which need not be there."""
    for entry in json.loads((questions / "repos.json").read_text()):
        file = questions / "annotations" / f"{entry['name']}.json"
        yield Tree(entry["name"], entry["language"], (sources / entry["name"]).resolve(), read_questions(file))


def read_questions(file: Path) -> tuple[PieceQuestion, ...]:
    """The questions of one tree."""
    return tuple(
        PieceQuestion(entry["query"], entry["category"], tuple(Definition(**target) for target in entry["relevant"]))
        for entry in json.loads(file.read_text())
    )


def answers(piece: Answer, target: Definition) -> bool:
    """Whether a piece is a right answer: it is in the target's file, and it covers at least half of the target's lines,
    or at least half of its own lines lie inside the target.

    The first clause accepts a function that is shown with its neighbours or without its last lines, the second one a
    part of a function too long for one piece. A class of which the answer is one method among many is neither where
    the piece is only its head, and is right where the method is in it: the count of lines in the report tells whether
    pieces grew.
    """
    if piece.path != target.path:
        return False
    shared = min(piece.end_line, target.end_line) - max(piece.start_line, target.start_line) + 1
    return shared >= COVERED * min(_length(piece), _length(target))


def is_right(piece: Answer, question: PieceQuestion) -> bool:
    """Whether the piece is one of the question's answers."""
    return any(answers(piece, target) for target in question.relevant)


def score(question: PieceQuestion, hits: Sequence[Shown]) -> Score:
    """How well the hits, best first, answer the question."""
    files = {target.path for target in question.relevant}

    def any_right(pieces: Iterator[Answer]) -> float:
        return float(any(is_right(piece, question) for piece in pieces))

    first, near = hits[:1], hits[:NEAR]
    in_order = [piece for hit in hits for piece in hit.text][:DEPTH]
    ranks = (rank for rank, piece in enumerate(in_order, start=1) if is_right(piece, question))
    return Score(
        piece_first=any_right(piece for hit in first for piece in hit.text[:1]),
        hit_first=any_right(piece for hit in first for piece in hit.text),
        piece_near=any_right(piece for hit in near for piece in hit.text),
        named_near=any_right(piece for hit in near for piece in (*hit.text, *hit.named)),
        file_first=float(any(hit.path in files for hit in first)),
        file_near=float(any(hit.path in files for hit in near)),
        # The targets are alternatives: the ideal answer has one of them at the first rank, which is a gain of 1.
        ndcg=max((1 / math.log2(rank + 1) for rank in ranks), default=0.0),
        pieces=float(sum(len(hit.text) for hit in first)),
        lines=float(sum(_length(piece) for hit in first for piece in hit.text)),
    )


def _length(piece: Answer) -> int:
    return piece.end_line - piece.start_line + 1
