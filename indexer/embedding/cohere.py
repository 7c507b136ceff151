"""Cohere: POST /v2/embed, https://docs.cohere.com/reference/embed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pgdex.indexer.embedding.errors import InvalidEmbedderResponse
from pgdex.indexer.embedding.prefixes import Prefixes
from pgdex.indexer.embedding.remote import RemoteEmbedder, RequestLimits
from pgdex.indexer.embedding.service import open_service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgdex.indexer.embedding.request import EmbedderRequest

DEFAULT_URL: Final = "https://api.cohere.com"

# 96 texts a request, each cut at the model's context: 512 tokens in version 3, 128,000 in version 4. No chunk has
# 32,000 bytes.
_LIMITS: Final = RequestLimits(texts=96, text_bytes=32_000, total_bytes=1_000_000)


@dataclass(frozen=True, slots=True)
class CohereApi:
    """Cohere's requests and answers, version 2. `service` names the service in messages."""

    service: str
    model: str
    dimension: int | None
    path: str = "/v2/embed"

    def request(self, texts: Sequence[str], *, is_query: bool) -> dict[str, object]:
        """The body that asks for vectors of these texts."""
        body: dict[str, object] = {
            "model": self.model,
            "texts": list(texts),
            "input_type": "search_query" if is_query else "search_document",
            "embedding_types": ["float"],
            "truncate": "END",
        }
        if self.dimension is not None:
            body["output_dimension"] = self.dimension
        return body

    def vectors(self, answer: object) -> object:
        """The vectors in the answer, not yet checked. Raises InvalidEmbedderResponse."""
        by_type = answer.get("embeddings") if isinstance(answer, dict) else None
        if not isinstance(by_type, dict) or "float" not in by_type:
            raise InvalidEmbedderResponse(
                f'{self.service} answered without "embeddings" of the type "float": is it version 2 of Cohere\'s API?'
            )
        return by_type["float"]


def open_cohere(request: EmbedderRequest) -> RemoteEmbedder:
    """Open a model of Cohere. No connection is made yet.

    `dimension` is sent as "output_dimension", which models know from version 4 on. Raises EmbedderMisconfigured.
    """
    model = request.argument
    service = open_service(name=f"cohere:{model}", model=model, url=request.url or DEFAULT_URL, api_key=request.api_key)
    return RemoteEmbedder(
        service,
        CohereApi(service=str(service), model=model, dimension=request.dimension),
        limits=_LIMITS,
        dimension=request.dimension,
        timeout_seconds=request.timeout_seconds,
        prefixes=Prefixes(),
    )
