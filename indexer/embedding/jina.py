"""Jina AI: POST /embeddings, https://api.jina.ai/docs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pgdex.indexer.embedding.openai import numbered_vectors
from pgdex.indexer.embedding.prefixes import Prefixes
from pgdex.indexer.embedding.remote import RemoteEmbedder, RequestLimits
from pgdex.indexer.embedding.service import open_service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgdex.indexer.embedding.request import EmbedderRequest

DEFAULT_URL: Final = "https://api.jina.ai/v1"

# Its models take 8,192 tokens a text or more, and a token is at least one byte.
_LIMITS: Final = RequestLimits(texts=128, text_bytes=8_000, total_bytes=300_000)

# What a model calls the search for code by words, by the first that its name begins with: for a query, for a document.
_TASKS: Final = (
    ("jina-code-embeddings", ("nl2code.query", "nl2code.passage")),
    ("jina-embeddings-v4", ("code.query", "code.passage")),
    ("jina-embeddings-v2", None),  # knows no tasks
    ("jina-clip", None),
    ("", ("retrieval.query", "retrieval.passage")),
)


@dataclass(frozen=True, slots=True)
class JinaApi:
    """Jina's requests and answers. `service` names the service in messages."""

    service: str
    model: str
    dimension: int | None
    path: str = "/embeddings"

    def request(self, texts: Sequence[str], *, is_query: bool) -> dict[str, object]:
        """The body that asks for vectors of these texts."""
        body: dict[str, object] = {"model": self.model, "input": list(texts), "embedding_type": "float"}
        tasks = next(tasks for start, tasks in _TASKS if self.model.startswith(start))
        if tasks is not None:
            body["task"] = tasks[0] if is_query else tasks[1]
        if self.dimension is not None:
            body["dimensions"] = self.dimension
        return body

    def vectors(self, answer: object) -> object:
        """The vectors in the answer, not yet checked. Raises InvalidEmbedderResponse."""
        return numbered_vectors(answer, service=self.service, remedy="is it Jina's API?")


def open_jina(request: EmbedderRequest) -> RemoteEmbedder:
    """Open a model of Jina AI. No connection is made yet. Raises EmbedderMisconfigured."""
    model = request.argument
    service = open_service(name=f"jina:{model}", model=model, url=request.url or DEFAULT_URL, api_key=request.api_key)
    return RemoteEmbedder(
        service,
        JinaApi(service=str(service), model=model, dimension=request.dimension),
        limits=_LIMITS,
        dimension=request.dimension,
        timeout_seconds=request.timeout_seconds,
        prefixes=Prefixes(),
    )
