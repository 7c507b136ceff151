"""The bundled model: a row of numbers for each word of code, summed and scaled to length 1.

The words are those of `pgdex.indexer.lexemes.words`, so one tokenising pass serves both retrievers of a search.
Related words have related rows, learnt from comments and the code below them: "delete a file" also finds `os.unlink`.
docs/model.md has what it was learnt from, what it is worth and how to make it again.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from pgdex.indexer.embedding.code_query import DATA, VERSION, bucket_of, weights_of_rows
from pgdex.indexer.embedding.errors import EmbedderMisconfigured
from pgdex.indexer.embedding.local import LocalEmbedder
from pgdex.indexer.embedding.validation import unit_vectors
from pgdex.indexer.lexemes import words
from pgdex.indexer.word_bags import counted, word_bags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pgdex.indexer.word_bags import WordBags

# About 15 MB when full. Then it is emptied.
_CACHED_WORDS: Final = 1 << 17


class Table(NamedTuple):
    """The model's data: the words have the first rows, in order; the hash buckets of all others follow."""

    words: list[str]
    rows: NDArray[np.int8]
    scales: NDArray[np.float16]


def word_weight(occurrences: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much a word counts that occurs that many times in a text."""
    weights: NDArray[np.float32] = 1 + np.log(occurrences)
    return weights


def read_table(folder: Path = DATA) -> Table:
    """The model's data. The rows stay in the file, mapped, so that all processes of a machine share them.

    Raises EmbedderMisconfigured if it is not there or not whole.
    """
    try:
        vocabulary = (folder / "words.txt").read_text(encoding="utf-8").split("\n")
        rows = np.load(folder / "rows.npy", mmap_mode="r", allow_pickle=False)
        scales = np.load(folder / "scales.npy", allow_pickle=False)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise EmbedderMisconfigured(
            f"the bundled model could not be read from {str(folder)!r}: install pgdex again ({error})"
        ) from error
    if rows.dtype != np.int8 or rows.ndim != 2 or scales.shape != rows.shape[:1] or len(vocabulary) >= len(rows):
        raise EmbedderMisconfigured(
            f"the bundled model in {str(folder)!r} is incomplete: {len(vocabulary)} words, "
            f"rows {rows.shape} {rows.dtype}, scales {scales.shape}: install pgdex again"
        )
    return Table(vocabulary, rows, scales)


@cache
def _bundled() -> Table:
    return read_table()


class _Rows(dict[str, int]):
    """Word to the number of its row. Those of the vocabulary stay; other words are remembered for a while."""

    def __init__(self, vocabulary: list[str], buckets: int) -> None:
        super().__init__(zip(vocabulary, range(len(vocabulary)), strict=True))
        self._first_bucket = len(vocabulary)
        self._buckets = buckets
        self._others: list[str] = []

    def __missing__(self, word: str) -> int:
        row = self[word] = self._first_bucket + bucket_of(word, self._buckets)
        self._others.append(word)
        if len(self._others) > _CACHED_WORDS:
            self.forget()
        return row

    def forget(self) -> None:
        """Let go of the words that are not the vocabulary's, one by one: another thread may be looking words up."""
        others, self._others = self._others, []
        for word in others:
            self.pop(word, None)


class CodeEmbedder(LocalEmbedder):
    """The sum of the rows of a text's distinct words, each times 1 + ln(times that it occurs), at length 1.

    The same text gives the same vector, bit for bit, whatever else is in the call.
    """

    def __init__(self, *, version: int | None = None, dimension: int | None = None, table: Table | None = None) -> None:
        """Open the bundled model, or `table`.

        Raises EmbedderMisconfigured if another version or dimension is asked for than the bundled model has.
        """
        if version not in (None, VERSION):
            raise EmbedderMisconfigured(
                f"this pgdex brings version {VERSION} of its code model, not {version}: use code to index again with "
                f"the one it has, or install the release of pgdex that has version {version}"
            )
        words_, self._rows, scales = _bundled() if table is None else table
        own_dimension = int(self._rows.shape[1])
        if dimension not in (None, own_dimension):
            raise EmbedderMisconfigured(
                f"the vectors of the code model have {own_dimension} numbers, not {dimension}: set no dimension with it"
            )
        # With the version: vectors of another version of the model are not comparable.
        super().__init__(name=f"code:{VERSION}", dimension=own_dimension)
        self._numbers = _Rows(words_, len(self._rows) - len(words_))
        self._scales = scales.astype(np.float32)

    @property
    def batch_size(self) -> int:
        """Enough that the cost of a call no longer counts."""
        return 1024

    def embed_weighted(self, text: str, weights: Mapping[str, float]) -> NDArray[np.float32]:
        """As `embed_query`, each word that is in `weights` counting that much, others 1."""
        occurrences = Counter(words(text))
        by_row = weights_of_rows(occurrences, {word: self._numbers[word] for word in occurrences}, weights)
        rows = np.fromiter(by_row, dtype=np.int64, count=len(by_row))
        row_weights = np.fromiter(by_row.values(), dtype=np.float32, count=len(by_row)) * self._scales[rows]
        sums = row_weights @ self._rows.take(rows, axis=0).astype(np.float32)
        vectors = unit_vectors(
            sums[None], count=1, dimension=self._dimension, source=self.name, zeros_are_wordless=True
        )
        vector: NDArray[np.float32] = vectors[0]
        return vector

    def embed_block(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Count the words, and embed those."""
        return self.embed_bags(word_bags(texts))

    def embed_bags(self, bags: WordBags) -> NDArray[np.float32]:
        """Embed texts of which the words are counted: shape (number of texts, dimension)."""
        rows_of_words = np.fromiter(map(self._numbers.__getitem__, bags.words), dtype=np.int64, count=len(bags.words))
        # By text and row: words that share a bucket are one, and no sum depends, in its last bit, on the other texts.
        texts, buckets, times = counted(bags.texts, rows_of_words[bags.numbers], bags.counts)
        weights = word_weight(times.astype(np.float32))
        weights *= self._scales[buckets]
        count = len(bags.lengths)
        bounds = np.searchsorted(texts, np.arange(count + 1)).tolist()
        sums = np.zeros((count, self._dimension), dtype=np.float32)
        for number, (start, stop) in enumerate(pairwise(bounds)):
            if start == stop:
                # No words. einsum of numpy 2.4 would multiply its empty sum, 0, by whatever a new empty array's memory
                # holds; where that reads as NaN (seen in one process of some dozens) so would the vector.
                continue
            # Not a product of matrices over the block: BLAS adds up in another order for other shapes.
            rows = self._rows.take(buckets[start:stop], axis=0).astype(np.float32)
            np.einsum("i,ij->j", weights[start:stop], rows, out=sums[number])
        return unit_vectors(sums, count=count, dimension=self._dimension, source=self.name, zeros_are_wordless=True)

    def close(self) -> None:
        """Let go of the remembered words; the vocabulary and the rows are shared."""
        self._numbers.forget()
