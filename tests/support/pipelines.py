"""Embedders that count and fail, and what is expected of the rows of a pipeline."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pgdex.indexer.embedding import EmbedderUnavailable, EmbeddingAborted, open_embedder
from pgdex.indexer.storage import IndexedFile

HASHING = open_embedder("hashing")


class Service:
    """An embedder that is remote and knows nothing of bags of words: it embeds with `hashing`, and counts."""

    def __init__(self, *, batch_size: int = 4, fails_at: int | None = None, error: Exception | None = None) -> None:
        self.batch_size, self.fails_at, self.error = batch_size, fails_at, error
        self.calls: list[list[str]] = []

    name = "service"
    dimension = HASHING.dimension
    is_remote = True

    def embed(self, texts: Sequence[str], *, aborted: Callable[[], bool] | None = None) -> NDArray[np.float32]:
        if aborted is not None and aborted():
            raise EmbeddingAborted
        if len(self.calls) == self.fails_at:
            raise self.error or EmbedderUnavailable("nobody answers")
        self.calls.append(list(texts))
        return HASHING.embed(texts)

    def embed_query(self, text: str, *, aborted: Callable[[], bool] | None = None) -> NDArray[np.float32]:
        raise NotImplementedError  # indexing embeds no query

    def probe(self, *, aborted: Callable[[], bool] | None = None) -> None:
        pass

    def close(self) -> None:
        pass


class Local(Service):
    """The same in this process."""

    is_remote = False


def paths_of(tree: Path) -> list[str]:
    return sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file())


def assert_whole(file: IndexedFile) -> None:
    """Each chunk has its terms and a vector of length 1."""
    count = len(file.chunks)
    assert count > 0
    assert len(file.lexemes) == len(file.term_weights) == count
    assert file.embeddings.shape == (count, HASHING.dimension)
    np.testing.assert_allclose(np.linalg.norm(file.embeddings, axis=1), 1, rtol=1e-5)
