"""An embedder behind an HTTP service: what all services have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from pgdex.indexer.embedding.errors import (
    EmbedderError,
    EmbedderMisconfigured,
    EmbedderUnavailable,
    EmbeddingAborted,
    RequestTooLarge,
)
from pgdex.indexer.embedding.http import EmbeddingSession
from pgdex.indexer.embedding.patience import IN_ALL_SECONDS, PROBE_SECONDS, QUERY_SECONDS, Patience
from pgdex.indexer.embedding.prefixes import Prefixes, prefixes_for
from pgdex.indexer.embedding.texts import byte_length, within_bytes
from pgdex.indexer.embedding.validation import unit_vectors, wordless_vector

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pgdex.indexer.embedding.protocol import AbortFlag
    from pgdex.indexer.embedding.service import Service

_PROBE_TEXT: Final = "def add(a, b): return a + b"

# A service that refuses even this has another reason than the length.
_SHORTEST_TEXT_BYTES: Final = 64


class Api(Protocol):
    """How one kind of service is asked, and where its answer holds the vectors."""

    @property
    def path(self) -> str:
        """What follows the service's URL."""

    def request(self, texts: Sequence[str], *, is_query: bool) -> dict[str, object]:
        """The body that asks for vectors of these texts, which are to be found or are what is searched for."""

    def vectors(self, answer: object) -> object:
        """The vectors in the answer, in the order of the texts, not yet checked.

        Raises InvalidEmbedderResponse.
        """


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What one request may carry."""

    texts: int
    text_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class _Call:
    """What holds for all requests of one call."""

    is_query: bool
    aborted: AbortFlag | None
    patience: Patience


class RemoteEmbedder:
    """Splits texts into requests, and checks what comes back.

    A text that is longer than `limits.text_bytes` is cut there before it is sent. If the service
    refuses a request as too large all the same, it is asked again with half of the texts, and a
    single text with its first half, so that one dense text costs neither its neighbours nor the
    job. A text's vector never depends on what else was in the request. A service that limits its
    callers and says for how long is waited for, within the bounds of `Patience`.
    """

    def __init__(
        self,
        service: Service,
        api: Api,
        *,
        limits: RequestLimits,
        dimension: int | None,
        timeout_seconds: float,
        prefixes: Prefixes | None = None,
    ) -> None:
        """`prefixes` are those of the model unless they are given: a service may add its own."""
        self._service = service
        self._api = api
        self._limits = limits
        self._batch_size = limits.texts
        self._dimension = dimension
        self._prefixes = prefixes_for(service.model) if prefixes is None else prefixes
        self._session = EmbeddingSession(service, timeout_seconds=timeout_seconds)

    def __repr__(self) -> str:
        return f"<embedder {self.name} at {self._service.shown_url}>"

    @property
    def name(self) -> str:
        """The full spec, "ollama:nomic-embed-text". The URL is no part of it."""
        return self._service.name

    @property
    def dimension(self) -> int:
        """The length of the vectors. Raises RuntimeError before it is known."""
        if self._dimension is None:
            raise RuntimeError(f"the dimension of {self.name} is not known before probe()")
        return self._dimension

    @property
    def is_remote(self) -> bool:
        """Embedding waits for an answer and costs this process next to nothing."""
        return True

    @property
    def batch_size(self) -> int:
        """How many texts a request carries. Less after a service has refused that many."""
        return self._batch_size

    def embed(self, texts: Sequence[str], *, aborted: AbortFlag | None = None) -> NDArray[np.float32]:
        """Embed texts that are to be found: shape (len(texts), dimension).

        Raises EmbedderError or EmbeddingAborted. Blank texts are not sent. An EmbedderError has the vectors of the
        requests before the one that failed as `embedded`.
        """
        return self._embed(texts, _Call(is_query=False, aborted=aborted, patience=Patience(IN_ALL_SECONDS)))

    def embed_query(self, text: str, *, aborted: AbortFlag | None = None) -> NDArray[np.float32]:
        """Embed what someone searches for: shape (dimension,). Raises as `embed` does."""
        vectors = self._embed([text], _Call(is_query=True, aborted=aborted, patience=Patience(QUERY_SECONDS)))
        vector: NDArray[np.float32] = vectors[0]
        return vector

    def probe(self, *, aborted: AbortFlag | None = None) -> None:
        """Embed one short text, and learn the dimension. Raises as `embed` does."""
        self._embed([_PROBE_TEXT], _Call(is_query=False, aborted=aborted, patience=Patience(PROBE_SECONDS)))

    def close(self) -> None:
        """Close the connections. Calls under way in other threads raise EmbeddingAborted."""
        self._session.close()

    def request_count(self, texts: Sequence[str]) -> int:
        """How many requests `embed` makes of these texts, if the service takes them."""
        prefix = self._prefixes.document
        sent = [within_bytes(prefix + text, self._limits.text_bytes) for text in texts if text.strip()]
        return sum(1 for _ in self._requests(sent))

    def _embed(self, texts: Sequence[str], call: _Call) -> NDArray[np.float32]:
        prefix = self._prefixes.query if call.is_query else self._prefixes.document
        rows = [row for row, text in enumerate(texts) if text.strip()]
        sent = [within_bytes(prefix + texts[row], self._limits.text_bytes) for row in rows]
        parts: list[NDArray[np.float32]] = []
        try:
            for part in self._requests(sent):
                parts.append(self._ask(part, call))  # noqa: PERF401 - what was done is needed where one fails
        except EmbedderError as error:
            done = sum(map(len, parts))
            if done:
                error.embedded = self._in_rows(parts, rows[:done], rows[done])
            raise
        if self._dimension is None:
            self.probe(aborted=call.aborted)
        return self._in_rows(parts, rows, len(texts))

    def _in_rows(self, parts: list[NDArray[np.float32]], rows: list[int], count: int) -> NDArray[np.float32]:
        """`count` vectors: those of `parts` in these rows, and the wordless one in the others."""
        vectors = np.tile(wordless_vector(self.dimension), (count, 1))
        if parts:
            vectors[rows] = np.concatenate(parts)
        return vectors

    def _requests(self, texts: Sequence[str]) -> Iterator[list[str]]:
        request: list[str] = []
        total = 0
        for text in texts:
            size = byte_length(text)
            full = len(request) >= self._batch_size or total + size > self._limits.total_bytes
            if request and full:
                yield request
                request, total = [], 0
            request.append(text)
            total += size
        if request:
            yield request

    def _ask(self, texts: list[str], call: _Call) -> NDArray[np.float32]:
        try:
            answer = self._answer(texts, call)
        except RequestTooLarge as refusal:
            return self._ask_for_less(texts, refusal, call)
        vectors = unit_vectors(
            self._api.vectors(answer),
            count=len(texts),
            dimension=self._dimension,
            source=str(self._service),
        )
        self._dimension = vectors.shape[1]
        return vectors

    def _answer(self, texts: list[str], call: _Call) -> object:
        body = self._api.request(texts, is_query=call.is_query)
        while True:
            if call.aborted is not None and call.aborted():
                raise EmbeddingAborted(f"{self.name} was asked to stop")
            try:
                return self._session.post(self._api.path, body, aborted=call.aborted)
            except EmbedderUnavailable as error:
                seconds = call.patience.wait_after(error)
                if seconds is None:
                    raise
            self._session.pause(seconds, aborted=call.aborted)

    def _ask_for_less(self, texts: list[str], refusal: RequestTooLarge, call: _Call) -> NDArray[np.float32]:
        half = len(texts) // 2
        if half:
            if refusal.too_many_texts:
                self._batch_size = min(self._batch_size, half)
            parts = [self._ask(texts[:half], call), self._ask(texts[half:], call)]
            return np.concatenate(parts)
        length = byte_length(texts[0]) // 2
        if length < _SHORTEST_TEXT_BYTES:
            raise EmbedderMisconfigured(str(refusal))
        return self._ask([within_bytes(texts[0], length)], call)
