"""Texts to vectors: one protocol, pgdex's own providers, and those of other packages.

`open_embedder(spec)` opens one. Importing this package loads neither numpy nor an HTTP library nor
a model: the command line imports it for every command, and most of them embed nothing.

All of `jobs`, and of `indexer` what searches or embeds chunks, may import it; it imports `word_bags` and nothing else.
"""

from pgdex.indexer.embedding.errors import (
    EmbedderError,
    EmbedderMisconfigured,
    EmbedderUnavailable,
    EmbeddingAborted,
    InvalidEmbedderResponse,
)
from pgdex.indexer.embedding.protocol import (
    BagEmbedder,
    CountingEmbedder,
    Embedder,
    QueryEmbedder,
    WeighingEmbedder,
)
from pgdex.indexer.embedding.providers import open_embedder
from pgdex.indexer.embedding.request import EmbedderRequest

__all__ = [
    "BagEmbedder",
    "CountingEmbedder",
    "Embedder",
    "EmbedderError",
    "EmbedderMisconfigured",
    "EmbedderRequest",
    "EmbedderUnavailable",
    "EmbeddingAborted",
    "InvalidEmbedderResponse",
    "QueryEmbedder",
    "WeighingEmbedder",
    "open_embedder",
]
