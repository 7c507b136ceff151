"""Held-out packages: whether a comment finds its code among all commented code of the package."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.corpus import pairs_of
from training.train import is_held_out

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
_MOST_QUERIES = 400
_FEWEST = 20


class HeldOut:
    """Questions on the packages that training never saw, of one kind: "doc", "comment", "message", "name"."""

    def __init__(self, folder: Path, kind: str = "doc") -> None:
        self._sets: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
        for file in sorted((folder / "pairs").glob("*.jsonl")):
            if is_held_out(file.stem):
                by_language: dict[str, dict[str, str]] = defaultdict(dict)
                for found, language, query, text in pairs_of(file):
                    if found == kind:
                        by_language[language].setdefault(text, query)
                for language, answers in by_language.items():
                    if len(answers) >= _FEWEST:
                        self._sets[language, file.stem] = (list(answers.values())[:1500], list(answers)[:1500])

    def __len__(self) -> int:
        return sum(len(queries[:_MOST_QUERIES]) for queries, _ in self._sets.values())

    def languages(self) -> dict[str, tuple[int, int]]:
        """Of each language, how many packages and queries."""
        result: dict[str, tuple[int, int]] = {}
        for (language, _), (queries, _) in sorted(self._sets.items()):
            packages, count = result.get(language, (0, 0))
            result[language] = packages + 1, count + min(len(queries), _MOST_QUERIES)
        return result

    def scores(self, embed: Embed) -> dict[str, tuple[float, float]]:
        """MRR@10 and NDCG@10 of each language, a package counting once, and of "all", a language counting once."""
        values: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for (language, _), (queries, texts) in self._sets.items():
            vectors = embed(texts)
            asked = embed(queries[:_MOST_QUERIES])
            alike = asked @ vectors.T
            own = alike[np.arange(len(asked)), np.arange(len(asked))]
            # The same comment may stand above several definitions: any of them is right.
            ranks = 1 + (alike > own[:, None]).sum(axis=1)
            near = ranks <= 10
            values[language].append((float(np.mean(near / ranks)), float(np.mean(near / np.log2(ranks + 1)))))
        result = {language: _mean(found) for language, found in sorted(values.items())}
        return {**result, "all": _mean(list(result.values()))}


def _mean(values: list[tuple[float, float]]) -> tuple[float, float]:
    return float(np.mean([value[0] for value in values])), float(np.mean([value[1] for value in values]))
