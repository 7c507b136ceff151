"""Vectors without a model: signed feature hashing of the words of a text.

It matches words, not meaning. "delete a file" finds code that says `delete` or `file`, also as part
of `deleteFile`, and never finds `os.unlink`. What it has: no download, no service, the same vectors
on every machine, and a speed that no model comes near.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import numpy as np

from pgdex.indexer.embedding.errors import EmbedderMisconfigured
from pgdex.indexer.embedding.local import LocalEmbedder
from pgdex.indexer.embedding.validation import unit_vectors
from pgdex.indexer.word_bags import counted, word_bags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pgdex.indexer.word_bags import WordBags

DEFAULT_DIMENSION: Final = 256
MIN_DIMENSION: Final = 16
MAX_DIMENSION: Final = 4000  # the most that pgvector's HNSW indexes of a halfvec

# A word is 27 bits of its hash: the uppermost is its sign, the rest choose its bucket.
_WORD_BITS: Final = 27
_SIGN: Final = 1 << (_WORD_BITS - 1)

# About 20 MB when full. Then it is emptied: a word costs 1.5 µs to hash, and the frequent ones are
# back at once.
_CACHED_WORDS: Final = 1 << 17


class _WordCodes(dict[str, int]):
    """Word to its 27 bits. The same on every machine, unlike `hash()`."""

    def __missing__(self, word: str) -> int:
        digest = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        code = int.from_bytes(digest, "little") >> (64 - _WORD_BITS)
        if len(self) >= _CACHED_WORDS:
            self.clear()
        self[word] = code
        return code


class HashingEmbedder(LocalEmbedder):
    """Signed feature hashing: each word adds its weight, or subtracts it, at one bucket.

    The weight is 1 + ln(times that the word occurs in the text).
    """

    def __init__(self, *, dimension: int = DEFAULT_DIMENSION) -> None:
        """Raises EmbedderMisconfigured if the dimension is not from 16 to 4000."""
        if not MIN_DIMENSION <= dimension <= MAX_DIMENSION:
            raise EmbedderMisconfigured(
                f"the dimension of the hashing embedder must be from {MIN_DIMENSION} to "
                f"{MAX_DIMENSION}, got {dimension}"
            )
        # The default dimension has one name, however it was asked for.
        super().__init__(
            name="hashing" if dimension == DEFAULT_DIMENSION else f"hashing:{dimension}", dimension=dimension
        )
        self._codes = _WordCodes()

    @property
    def batch_size(self) -> int:
        """Enough that the cost of a call no longer counts."""
        return 1024

    def embed_block(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts: shape (len(texts), dimension). Raises nothing."""
        return self.embed_bags(word_bags(texts))

    def close(self) -> None:
        """Let go of the cached words."""
        self._codes.clear()

    def embed_bags(self, bags: WordBags) -> NDArray[np.float32]:
        """Embed texts of which the words are counted: shape (number of texts, dimension)."""
        codes = np.fromiter(map(self._codes.__getitem__, bags.words), dtype=np.int64, count=len(bags.words))
        # By text and code: in the order of the block's words a sum would depend, in its last bit, on the other texts.
        texts, found, times = counted(bags.texts, codes[bags.numbers], bags.counts)
        weights = 1.0 + np.log(times)
        weights[(found & _SIGN) != 0] *= -1.0
        buckets = texts * self._dimension + (found & (_SIGN - 1)) % self._dimension
        count = len(bags.lengths)
        sums = np.bincount(buckets, weights=weights, minlength=count * self._dimension)
        return unit_vectors(
            sums.reshape((count, self._dimension)),
            count=count,
            dimension=self._dimension,
            source=self.name,
            zeros_are_wordless=True,
        )
