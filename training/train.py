"""Trains the table: a query's vector and that of the code which answers it become alike, all others of a batch unlike.

Run: python -m training.train DIR OUT [--steps 1500] ...

Reads DIR/pairs; the packages that `is_held_out` names are left to training.evaluate. Writes OUT/table.npz. The
model is what runs in pgdex: the sum of the rows of a text's distinct words, each times 1 + ln(its count), at length 1.
The loss is InfoNCE in both directions over the batch (van den Oord 2018), with Adam. It starts from random rows,
scaled by how rare their words are: that is already feature hashing with IDF.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from pgdex.indexer.embedding.code_model import read_table, word_weight
from training.corpus import Bags, Corpus, encode, merge, read_package, vocabulary_of
from training.near_misses import Vectors, near_misses

DIMENSION = 256


def main() -> None:
    """Load, train, write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("into", type=Path)
    options.add_argument("--steps", type=int, default=1500)
    options.add_argument("--minutes", type=float, default=60, help="stop then, if the steps are not done before")
    options.add_argument("--batch", type=int, default=2048)
    options.add_argument("--rate", type=float, default=0.02)
    options.add_argument("--temperature", type=float, default=0.06)
    options.add_argument("--vocabulary", type=int, default=54_000)
    options.add_argument("--buckets", type=int, default=4096)
    options.add_argument("--group", type=int, default=16, help="pairs of one package that a batch takes together")
    options.add_argument(
        "--without", nargs="*", default=[], metavar="REGISTRY+NAME", help="packages to leave out, to be judged on them"
    )
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--start", type=Path, help="rows to start from: .npz with words and rows")
    options.add_argument(
        "--go-on",
        type=Path,
        metavar="DATA",
        help="train on from a finished model (its folder of data), with its words and buckets",
    )
    options.add_argument(
        "--near-misses",
        type=int,
        default=0,
        metavar="COUNT",
        help="put with each pair so many of its package that the starting model takes for its answer",
    )
    given = options.parse_args()
    if given.go_on is not None and given.start is not None:
        options.error("--go-on and --start both say where to begin: give one of them")
    if given.near_misses and given.go_on is None:
        options.error("--near-misses are found by a finished model: name one with --go-on")
    if not 0 <= given.near_misses < given.group:
        options.error(f"--near-misses must be from 0 to {given.group - 1}, less than --group, not {given.near_misses}")
    table = None if given.go_on is None else read_table(given.go_on)
    if table is None:
        corpus, words = prepared(given.folder, vocabulary=given.vocabulary, buckets=given.buckets)
        trainer = Trainer(corpus, words, given)
    else:
        buckets = len(table.rows) - len(table.words)
        corpus, words = prepared(given.folder, vocabulary=len(table.words), buckets=buckets, words=table.words)
        trainer = Trainer(corpus, words, given, rows=table.rows * table.scales.astype(np.float32)[:, None])
    trainer.run(given.steps)
    given.into.mkdir(parents=True, exist_ok=True)
    np.savez(given.into / "table.npz", words=np.array(words), rows=trainer.rows)


def is_held_out(package: str) -> bool:
    """Whether a package (REGISTRY+NAME) is kept for evaluation: one in 25, told from its name alone."""
    return blake2b(package.encode(), digest_size=2).digest()[0] < 256 // 25


def prepared(
    folder: Path, *, vocabulary: int, buckets: int, words: list[str] | None = None
) -> tuple[Corpus, list[str]]:
    """The training packages as numbers, by these words or by the most common ones; kept in DIR for the next run."""
    mark = "" if words is None else f"-{blake2b(chr(10).join(words).encode(), digest_size=4).hexdigest()}"
    kept = folder / f"encoded-{vocabulary}-{buckets}{mark}"
    if not kept.is_dir():
        files = [file for file in sorted((folder / "pairs").glob("*.jsonl")) if not is_held_out(file.stem)]
        encode(files, folder / "bags")
        packages = [
            (file.stem, read_package(bag)) for file in files if (bag := folder / "bags" / f"{file.stem}.npz").exists()
        ]
        if words is None:
            words = vocabulary_of((package for _, package in packages), size=vocabulary, packages_at_least=3)
        corpus = merge(packages, words, buckets=buckets)
        kept.mkdir()
        (kept / "words.json").write_text(json.dumps([words, corpus.names]))
        for side, bags in (("queries", corpus.queries), ("texts", corpus.texts)):
            np.save(kept / f"{side}.words.npy", bags.words)
            np.save(kept / f"{side}.counts.npy", bags.counts)
            np.save(kept / f"{side}.offsets.npy", bags.offsets)
        np.savez(kept / "labels.npz", kinds=corpus.kinds, languages=corpus.languages, packages=corpus.packages)
    words, names = json.loads((kept / "words.json").read_text())
    queries, texts = (
        Bags(*(np.load(kept / f"{side}.{part}.npy") for part in ("words", "counts", "offsets")))
        for side in ("queries", "texts")
    )
    labels = np.load(kept / "labels.npz")
    return Corpus(queries, texts, labels["kinds"], labels["languages"], labels["packages"], names), words


class Trainer:
    """The table while it learns."""

    def __init__(
        self,
        corpus: Corpus,
        words: list[str],
        given: argparse.Namespace,
        *,
        rows: NDArray[np.float32] | None = None,
    ) -> None:
        """Start from `rows`, of all words and buckets, or from random ones."""
        self._corpus, self._given = corpus, given
        self.rows = self._first_rows(words, len(words) + given.buckets) if rows is None else rows
        self._near = near_misses(corpus.packages, self._vectors) if given.near_misses else None
        self._adam = LazyAdam(self.rows)
        self._odds = self._sampling()

    def run(self, steps: int) -> None:
        """Train for so many batches, the rate falling to nothing along a cosine.

        Several threads share the table without locks (Hogwild, Niu 2011): now and then one undoes a row's step of
        another, which does no harm, but no two trainings then end in the same bits.
        """
        started = time.monotonic()
        losses: list[float] = []

        def one(step: int) -> None:
            share = max(step / steps, (time.monotonic() - started) / (60 * self._given.minutes))
            if share > 1:
                return
            rate = self._given.rate * min(1.0, step / 50) * (0.5 + 0.5 * np.cos(np.pi * share))
            losses.append(self._step(step, rate))
            if step % 50 == 0:
                print(f"{time.monotonic() - started:6.0f} s  step {step}  loss {np.mean(losses[-50:]):.3f}", flush=True)

        with ThreadPoolExecutor(self._given.threads) as pool:
            list(pool.map(one, range(1, steps + 1)))

    def _step(self, step: int, rate: float) -> float:
        chosen = self._batch(np.random.default_rng([7, step]))
        queries, texts = self._corpus.queries.take(chosen), self._corpus.texts.take(chosen)
        touched, places = np.unique(np.concatenate([queries.words, texts.words]), return_inverse=True)
        bags = [
            _matrix(queries, places[: len(queries.words)], len(touched)),
            _matrix(texts, places[len(queries.words) :], len(touched)),
        ]
        rows = self.rows[touched]
        sums = [bag @ rows for bag in bags]
        lengths = [np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-6) for one in sums]
        units = [one / length for one, length in zip(sums, lengths, strict=True)]
        loss, slopes = contrast(units[0], units[1], 1 / self._given.temperature)
        gradient = np.zeros_like(rows)
        for bag, unit, length, slope in zip(bags, units, lengths, slopes, strict=True):
            along = np.einsum("ij,ij->i", slope, unit)[:, None]
            gradient += bag.T @ ((slope - along * unit) / length)
        self._adam.step(touched, gradient, rate)
        return loss

    def _sampling(self) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """The odds of each package, and where its pairs begin and end."""
        packages = self._corpus.packages
        starts = np.searchsorted(packages, np.arange(packages.max() + 2))
        sizes = np.diff(starts)
        _, numbers, counts = np.unique(self._corpus.languages, return_inverse=True, return_counts=True)
        # A language with few pairs is drawn more often than its share, one with many less.
        boost = (counts / counts.max()) ** -0.4
        weights = np.add.reduceat(np.append(boost[numbers], 0), np.minimum(starts[:-1], len(numbers))) * (sizes > 0)
        weights[np.isin(self._corpus.names, self._given.without)] = 0
        return weights / weights.sum(), starts, sizes

    def _vectors(self, chosen: NDArray[np.intp]) -> Vectors:
        """Of these pairs, the vectors of the questions and of the texts."""

        def units(bags: Bags) -> NDArray[np.float32]:
            sums: NDArray[np.float32] = np.asarray(
                _matrix(bags, bags.words, len(self.rows)) @ self.rows, dtype=np.float32
            )
            lengths: NDArray[np.float32] = np.linalg.norm(sums, axis=1, keepdims=True)
            sums /= np.maximum(lengths, 1e-6)
            return sums

        return units(self._corpus.queries.take(chosen)), units(self._corpus.texts.take(chosen))

    def _batch(self, dice: np.random.Generator) -> NDArray[np.intp]:
        """Pairs, some of one package each: what else is in the package is the hard thing to tell from the answer."""
        odds, starts, sizes = self._odds
        group = self._given.group
        seeds = group // (1 + self._given.near_misses)
        drawn = dice.choice(len(odds), size=self._given.batch // group, p=odds)
        at = starts[drawn][:, None] + dice.integers(0, sizes[drawn][:, None], size=(len(drawn), seeds))
        chosen = at.ravel()
        if self._near is not None:
            some = dice.random((len(chosen), self._near.shape[1])).argsort(axis=1)[:, : self._given.near_misses]
            missed = np.take_along_axis(self._near[chosen], some, axis=1).ravel()
            chosen = np.concatenate([chosen, missed[missed >= 0]])
        return np.unique(chosen)

    def _first_rows(self, words: list[str], size: int) -> NDArray[np.float32]:
        normal = np.random.default_rng(7).standard_normal((size, DIMENSION))
        rows: NDArray[np.float32] = (normal / np.sqrt(DIMENSION)).astype(np.float32)
        texts = np.bincount(self._corpus.texts.words, minlength=size)
        rarity = np.log(1 + len(self._corpus.texts) / (1.0 + texts))
        rows *= (rarity / rarity.max())[:, None].astype(np.float32)
        if self._given.start is not None:
            with np.load(self._given.start) as start:
                known = dict(zip(start["words"].tolist(), start["rows"], strict=False))
            for number, word in enumerate(words):
                if word in known:
                    rows[number] = known[word]
        return rows


class LazyAdam:
    """Adam (Kingma 2014) that looks only at the rows which a batch has: a step costs what the batch costs."""

    def __init__(self, rows: NDArray[np.float32], *, decays: tuple[float, float] = (0.9, 0.99)) -> None:
        self._rows, self._decays = rows, decays
        self._mean, self._square = np.zeros_like(rows), np.zeros_like(rows)
        self._steps = np.zeros(len(rows), dtype=np.float32)

    def step(self, touched: NDArray[np.intp], gradient: NDArray[np.float32], rate: float) -> None:
        """Move the touched rows against their gradient."""
        first, second = self._decays
        self._steps[touched] += 1
        steps = self._steps[touched][:, None]
        mean = self._mean[touched] * first + gradient * (1 - first)
        square = self._square[touched] * second + gradient * gradient * (1 - second)
        self._mean[touched], self._square[touched] = mean, square
        mean /= 1 - first**steps
        square /= 1 - second**steps
        self._rows[touched] -= rate * mean / (np.sqrt(square) + 1e-8)


def contrast(
    queries: NDArray[np.float32], texts: NDArray[np.float32], scale: float
) -> tuple[float, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """InfoNCE in both directions over a batch, with its slopes along the queries and along the texts."""
    count = len(queries)
    alike = queries @ texts.T
    alike *= scale
    own = np.diagonal(alike).copy()
    alike -= alike.max()
    np.exp(alike, out=alike)
    over_texts, over_queries = alike.sum(axis=1, keepdims=True), alike.sum(axis=0, keepdims=True)
    top = np.log(alike.diagonal()) - own  # minus what was taken away before exp
    loss = (np.log(over_texts[:, 0]) + np.log(over_queries[0]) - 2 * top - 2 * own).mean() / 2
    shares = alike / over_texts + alike / over_queries
    shares[np.arange(count), np.arange(count)] -= 2
    shares *= scale / (2 * count)
    return float(loss), (shares @ texts, shares.T @ queries)


def _matrix(bags: Bags, columns: NDArray[np.integer], width: int) -> csr_matrix:
    return csr_matrix((word_weight(bags.counts), columns, bags.offsets), shape=(len(bags), width))


if __name__ == "__main__":
    main()
