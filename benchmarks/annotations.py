"""Questions about repositories with their right answers, and how well an answer does.

A set of questions is a folder with NAME.json for each repository (a list of {query, relevant, secondary, category}; a
target is a path, or {path, start_line, end_line}) and beside it `repos.json` (name, language, benchmark_root: the
folder that is indexed). That is the format of MinishLab/semble's benchmark, and so is the way to count. The questions
of benchmarks/pieces.py are read too: their category is `natural`, and each of their targets alone is an answer.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, Required, TypedDict

DEPTH = 10
ANY_OF = "natural"  # the category of questions whose targets are alternatives
Mode = Literal["chunk", "file"]


class Answer(Protocol):
    """A result: lines of a file, its path relative to the folder that was indexed."""

    @property
    def path(self) -> str: ...
    @property
    def start_line(self) -> int: ...
    @property
    def end_line(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Target:
    """What a query should find: a file, or some lines of it."""

    path: str
    start_line: int | None = None
    end_line: int | None = None

    def is_met_by(self, answer: Answer, *, prefix: str, lines: bool) -> bool:
        """Whether the answer is in the file and, with `lines`, overlaps the lines."""
        if prefix + answer.path != self.path:
            return False
        if not lines or self.start_line is None or self.end_line is None:
            return True
        return answer.start_line <= self.end_line and answer.end_line >= self.start_line


@dataclass(frozen=True, slots=True)
class Question:
    """One annotated query. With `any_of` each target alone is a whole answer; otherwise all of them are wanted."""

    query: str
    category: str
    targets: tuple[Target, ...]
    any_of: bool = False

    def ndcg(self, answers: Sequence[Answer], *, prefix: str, mode: Mode) -> float:
        """How well the answers do, by `ndcg` below."""
        if self.any_of:
            return max(ndcg(answers, [target], prefix=prefix, mode=mode) for target in self.targets)
        return ndcg(answers, self.targets, prefix=prefix, mode=mode)


@dataclass(frozen=True, slots=True)
class AnnotatedRepository:
    """A repository with its questions; `root` is the folder to index, `prefix` what its paths lack in targets."""

    name: str
    language: str
    root: Path
    prefix: str
    questions: list[Question]


def annotated_repositories(annotations: Path, sources: Path) -> Iterator[AnnotatedRepository]:
    """The repositories of a set of questions whose sources are there; none where the set itself is not."""
    listed = annotations.parent / "repos.json"
    for spec in json.loads(listed.read_text()) if listed.is_file() else []:
        file, checkout = annotations / f"{spec['name']}.json", sources / spec["name"]
        if file.is_file() and checkout.is_dir():
            folder = spec.get("benchmark_root") or ""
            yield AnnotatedRepository(
                name=spec["name"],
                language=spec["language"],
                root=(checkout / folder).resolve(),
                prefix=f"{folder}/" if folder else "",
                questions=list(_questions(file, checkout)),
            )


def ndcg(answers: Sequence[Answer], targets: Sequence[Target], *, prefix: str, mode: Mode) -> float:
    """Normalised discounted cumulative gain of the first ten; each target counts once, at its best rank.

    In chunk mode results count as they come and a target with lines needs an overlapping one; in file mode distinct
    files count.
    """
    ranked: list[Answer] = []
    for answer in answers:
        if mode == "chunk" or all(answer.path != other.path for other in ranked):
            ranked.append(answer)
    ranks = set()
    for target in targets:
        for rank, answer in enumerate(ranked[:DEPTH], start=1):
            if target.is_met_by(answer, prefix=prefix, lines=mode == "chunk"):
                ranks.add(rank)
                break
    gained = sum(1 / math.log2(rank + 1) for rank in ranks)
    return gained / sum(1 / math.log2(rank + 1) for rank in range(1, min(DEPTH, len(targets)) + 1))


def _questions(file: Path, checkout: Path) -> Iterator[Question]:
    """The queries with at least one target that is in the checkout."""
    for entry in json.loads(file.read_text()):
        targets = tuple(
            target
            for target in map(_target, [*entry.get("relevant", []), *entry.get("secondary", [])])
            if (checkout / target.path).is_file()
        )
        if targets:
            category = entry.get("category") or ("symbol" if " " not in entry["query"] else "semantic")
            yield Question(entry["query"], category, targets, any_of=category == ANY_OF)


class _Lines(TypedDict, total=False):
    path: Required[str]
    symbol: str
    start_line: int
    end_line: int


def _target(value: str | _Lines) -> Target:
    if isinstance(value, str):
        return Target(value)
    return Target(value["path"], value.get("start_line"), value.get("end_line"))
