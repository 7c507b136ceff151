"""Texts to vectors: one protocol, five providers.

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
from pgdex.indexer.embedding.protocol import BagEmbedder, Embedder, QueryEmbedder
from pgdex.indexer.embedding.providers import open_embedder

__all__ = [
    "BagEmbedder",
    "Embedder",
    "EmbedderError",
    "EmbedderMisconfigured",
    "EmbedderUnavailable",
    "EmbeddingAborted",
    "InvalidEmbedderResponse",
    "QueryEmbedder",
    "open_embedder",
]
