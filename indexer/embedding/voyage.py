"""Voyage AI: POST /embeddings, https://docs.voyageai.com/reference/embeddings-api."""

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

DEFAULT_URL: Final = "https://api.voyageai.com/v1"

# Its models take 16,000 or 32,000 tokens a text, which it cuts; 1,000 texts and, in the strictest models (voyage-code-3
# is one), 120,000 tokens a request. A token is at least one byte.
_LIMITS: Final = RequestLimits(texts=128, text_bytes=16_000, total_bytes=120_000)


@dataclass(frozen=True, slots=True)
class VoyageApi:
    """Voyage's requests and answers. `service` names the service in messages."""

    service: str
    model: str
    dimension: int | None
    path: str = "/embeddings"

    def request(self, texts: Sequence[str], *, is_query: bool) -> dict[str, object]:
        """The body that asks for vectors of these texts. Voyage adds the model's prompt for `input_type`."""
        body: dict[str, object] = {
            "model": self.model,
            "input": list(texts),
            "input_type": "query" if is_query else "document",
            "truncation": True,
        }
        if self.dimension is not None:
            body["output_dimension"] = self.dimension
        return body

    def vectors(self, answer: object) -> object:
        """The vectors in the answer, not yet checked. Raises InvalidEmbedderResponse."""
        return numbered_vectors(answer, service=self.service, remedy="is it Voyage's API?")


def open_voyage(request: EmbedderRequest) -> RemoteEmbedder:
    """Open a model of Voyage AI. No connection is made yet. Raises EmbedderMisconfigured."""
    model = request.argument
    service = open_service(name=f"voyage:{model}", model=model, url=request.url or DEFAULT_URL, api_key=request.api_key)
    return RemoteEmbedder(
        service,
        VoyageApi(service=str(service), model=model, dimension=request.dimension),
        limits=_LIMITS,
        dimension=request.dimension,
        timeout_seconds=request.timeout_seconds,
        prefixes=Prefixes(),
    )
