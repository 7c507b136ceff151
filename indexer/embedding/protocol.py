"""What the rest of pgdex knows of an embedder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pgdex.indexer.word_bags import WordBags

AbortFlag = Callable[[], bool]
"""Says whether to stop. It is called often and from the calling thread, so it must be cheap."""


class Secret(Protocol):
    """A text that shows itself only to who asks for it, such as pydantic's SecretStr."""

    def get_secret_value(self) -> str:
        """The text."""


class Embedder(Protocol):
    """Turns texts into vectors. May be used from several threads at once.

    The same text gives the same vector whatever else is in the call. Vectors are float32, finite
    and of length 1, so that their dot product is their cosine similarity. A text with nothing in it
    to embed gets a fixed vector of length 1: the cosine distance of a zero vector is NaN, and one
    such row would spoil a sort.
    """

    @property
    def name(self) -> str:
        """The full spec, as recorded with the repository: "hashing", "ollama:nomic-embed-text"."""

    @property
    def dimension(self) -> int:
        """The length of the vectors.

        A remote provider knows it after `probe()` or the first `embed()` and raises RuntimeError
        before, unless it was opened with a dimension.
        """

    @property
    def is_remote(self) -> bool:
        """Whether a service does the work, so that what a text holds can't end this process."""

    @property
    def batch_size(self) -> int:
        """How many texts a call should carry. More are allowed, and split by the embedder."""

    def embed(self, texts: Sequence[str], *, aborted: AbortFlag | None = None) -> NDArray[np.float32]:
        """Embed texts that are to be found: shape (len(texts), dimension).

        Raises EmbedderError, or EmbeddingAborted within 0.1 s of `aborted` becoming true, even
        while the service does not answer. Tries again only where a service that limits its callers
        asks for a short wait; what to do about any other failure is up to the caller. An error may
        bring the vectors of the first texts along (`embedded`).
        """

    def embed_query(self, text: str, *, aborted: AbortFlag | None = None) -> NDArray[np.float32]:
        """Embed what someone searches for: shape (dimension,). Raises as `embed` does.

        Some models want another prefix for it than for the texts that are to be found.
        """

    def probe(self, *, aborted: AbortFlag | None = None) -> None:
        """Embed one short text, to prove that it works. Raises as `embed` does."""

    def close(self) -> None:
        """Let go of connections and threads. A call that is under way ends as aborted."""


class QueryEmbedder(Protocol):
    """What a search needs of an embedder."""

    def embed_query(self, text: str) -> NDArray[np.float32] | list[float]:
        """As Embedder has it, or as a list."""


@runtime_checkable
class WeighingEmbedder(QueryEmbedder, Protocol):
    """An embedder that can let some words of a query count more than others."""

    def embed_weighted(self, text: str, weights: Mapping[str, float]) -> NDArray[np.float32] | list[float]:
        """As `embed_query`, each word that is in `weights` counting that much, others 1."""


@runtime_checkable
class CountingEmbedder(Embedder, Protocol):
    """An embedder that makes requests, and knows how many."""

    def request_count(self, texts: Sequence[str]) -> int:
        """How many requests `embed` makes of these texts, if the service takes them."""


@runtime_checkable
class BagEmbedder(Embedder, Protocol):
    """An embedder that looks at nothing but which words a text has, and how often."""

    def embed_bags(self, bags: WordBags) -> NDArray[np.float32]:
        """Embed texts of which the words are counted: shape (number of texts, dimension), as `embed` would."""
