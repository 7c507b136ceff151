"""OpenAI's API and the many services that speak it: POST /embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pgdex.indexer.embedding.errors import InvalidEmbedderResponse
from pgdex.indexer.embedding.remote import RemoteEmbedder, RequestLimits
from pgdex.indexer.embedding.service import open_service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgdex.indexer.embedding.request import EmbedderRequest

DEFAULT_URL: Final = "https://api.openai.com/v1"

# OpenAI takes 8,192 tokens a text, 2,048 texts and 300,000 tokens a request. A token is at least
# one byte, so these limits hold for any text. Other services that speak this API may take less.
_LIMITS: Final = RequestLimits(texts=128, text_bytes=8_000, total_bytes=300_000)


@dataclass(frozen=True, slots=True)
class OpenAiApi:
    """OpenAI's requests and answers. `service` names the service in messages."""

    service: str
    model: str
    dimension: int | None
    path: str = "/embeddings"

    def request(self, texts: Sequence[str], *, is_query: bool) -> dict[str, object]:
        """The body that asks for vectors of these texts. Whether they are queries shows in their prefix."""
        body: dict[str, object] = {
            "model": self.model,
            "input": list(texts),
            "encoding_format": "float",
        }
        if self.dimension is not None:
            body["dimensions"] = self.dimension
        return body

    def vectors(self, answer: object) -> object:
        """The vectors in the answer, not yet checked. Raises InvalidEmbedderResponse."""
        return numbered_vectors(answer, service=self.service, remedy="is it OpenAI-compatible?")


def numbered_vectors(answer: object, *, service: str, remedy: str) -> list[object]:
    """The vectors of {"data": [{"index": 0, "embedding": …}, …]}, which others answer too, in the order of the texts.

    Raises InvalidEmbedderResponse, with `remedy` where it is another answer.
    """
    items = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) and "embedding" in item for item in items):
        raise InvalidEmbedderResponse(f'{service} answered without "data" that holds embeddings: {remedy}')
    # Services that leave the index out keep the order of the texts.
    numbers = [item.get("index", place) for place, item in enumerate(items)]
    by_number = dict(zip(map(str, numbers), items, strict=True))
    if by_number.keys() != {str(number) for number in range(len(items))}:
        raise InvalidEmbedderResponse(f"{service} numbered its vectors wrongly: {numbers[:5]}")
    return [by_number[str(number)]["embedding"] for number in range(len(items))]


def open_openai(request: EmbedderRequest) -> RemoteEmbedder:
    """Open a model of OpenAI, or of the service at its URL (mostly ending in /v1).

    No connection is made yet. `dimension` is sent as "dimensions", which not every model allows.
    Raises EmbedderMisconfigured.
    """
    model = request.argument
    service = open_service(name=f"openai:{model}", model=model, url=request.url or DEFAULT_URL, api_key=request.api_key)
    return RemoteEmbedder(
        service,
        OpenAiApi(service=str(service), model=model, dimension=request.dimension),
        limits=_LIMITS,
        dimension=request.dimension,
        timeout_seconds=request.timeout_seconds,
    )
