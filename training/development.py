"""The vector leg on annotated repositories, without a database: NDCG@10 in chunk mode, by cosine alone."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pgdex.indexer.chunking import Chunk, chunk_file
from pgdex.indexer.languages import language_of

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Question:
    """A query, and the (path, first line, last line) that answer it."""

    query: str
    category: str
    targets: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Repository:
    """Its chunks with their paths, and the questions on it."""

    name: str
    language: str
    chunks: list[tuple[str, Chunk]]
    questions: list[Question]

    @property
    def texts(self) -> list[str]:
        """What is embedded of each chunk."""
        return [f"{path} {chunk.symbol or ''}\n{chunk.content}" for path, chunk in self.chunks]


def repositories(annotations: Path, sources: Path) -> Iterator[Repository]:
    """The annotated repositories, cut into chunks. repos.json stands beside the annotations."""
    for spec in json.loads((annotations.parent / "repos.json").read_text()):
        file, checkout = annotations / f"{spec['name']}.json", sources / spec["name"]
        if file.is_file() and checkout.is_dir():
            chunks = list(_chunks(checkout / spec.get("benchmark_root", "")))
            prefix = f"{spec['benchmark_root']}/" if spec.get("benchmark_root") else ""
            questions = list(_questions(file, checkout, prefix))
            yield Repository(spec["name"], spec["language"], chunks, questions)


def scores(repository: Repository, embed: Embed) -> list[tuple[Question, float]]:
    """Each question with its NDCG@10, the chunks ranked by the cosine to the query."""
    vectors = embed(repository.texts)
    queries = embed([question.query for question in repository.questions])
    ranked = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :_DEPTH]
    return [
        (question, _ndcg(repository, question, best))
        for question, best in zip(repository.questions, ranked, strict=True)
    ]


def _ndcg(repository: Repository, question: Question, best: NDArray[np.intp]) -> float:
    ranks: set[int] = set()
    for target, first, last in question.targets:
        for rank, number in enumerate(best, start=1):
            path, chunk = repository.chunks[number]
            if path == target and chunk.start_line <= last and chunk.end_line >= first:
                ranks.add(rank)
                break
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(_DEPTH, len(question.targets)) + 1))
    return sum(1 / math.log2(rank + 1) for rank in ranks) / ideal


def _chunks(root: Path) -> Iterator[tuple[str, Chunk]]:
    for file in sorted(root.rglob("*")):
        if file.is_file():
            try:
                text = file.read_text()
            except UnicodeDecodeError:
                continue
            path = file.relative_to(root).as_posix()
            for chunk in chunk_file(text.replace("\r\n", "\n"), language_of(path, text[:200].partition("\n")[0])):
                yield path, chunk


def _questions(file: Path, checkout: Path, prefix: str) -> Iterator[Question]:
    for entry in json.loads(file.read_text()):
        targets = [_target(value) for value in [*entry.get("relevant", []), *entry.get("secondary", [])]]
        present = tuple(
            (path.removeprefix(prefix), first, last) for path, first, last in targets if (checkout / path).is_file()
        )
        if present:
            category = entry.get("category") or ("symbol" if " " not in entry["query"] else "semantic")
            yield Question(entry["query"], category, present)


def _target(value: str | dict[str, str]) -> tuple[str, int, int]:
    if isinstance(value, str):
        return value, 0, 1 << 40
    return value["path"], int(value.get("start_line") or 0), int(value.get("end_line") or 1 << 40)
