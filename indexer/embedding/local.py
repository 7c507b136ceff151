"""What all embedders share that need no service: the model is in this process, and texts are embedded in blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

import numpy as np

from pgdex.indexer.embedding.errors import EmbeddingAborted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pgdex.indexer.embedding.protocol import AbortFlag

# Texts between two looks at the abort flag: 10 ms of hashing, 0.1 s of a static model. For hashing, 64 to 1,024 differ
# by less than 15 % in speed.
BLOCK: Final = 256


class LocalEmbedder(ABC):
    """An embedder that works in this process, one block of texts after the other."""

    def __init__(self, *, name: str, dimension: int) -> None:
        self._name = name
        self._dimension = dimension

    @property
    def name(self) -> str:
        """The full spec, as recorded with the repository."""
        return self._name

    @property
    def dimension(self) -> int:
        """The length of the vectors."""
        return self._dimension

    @property
    def is_remote(self) -> bool:
        """The model is in this process."""
        return False

    @abstractmethod
    def embed_block(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed at most BLOCK texts: shape (len(texts), dimension)."""

    def embed(self, texts: Sequence[str], *, aborted: AbortFlag | None = None) -> NDArray[np.float32]:
        """Embed texts: shape (len(texts), dimension). Raises EmbeddingAborted, and what `embed_block` raises."""
        vectors = np.empty((len(texts), self._dimension), dtype=np.float32)
        for start in range(0, len(texts), BLOCK):
            if aborted is not None and aborted():
                raise EmbeddingAborted(f"{self._name} was asked to stop")
            vectors[start : start + BLOCK] = self.embed_block(texts[start : start + BLOCK])
        return vectors

    def embed_query(self, text: str, *, aborted: AbortFlag | None = None) -> NDArray[np.float32]:
        """Embed what someone searches for: shape (dimension,). It needs no prefix."""
        vector: NDArray[np.float32] = self.embed([text], aborted=aborted)[0]
        return vector

    def probe(self, *, aborted: AbortFlag | None = None) -> None:
        """Embed one text."""
        self.embed(["def add(a, b): return a + b"], aborted=aborted)
