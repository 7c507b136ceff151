"""OpenAI's API and the many services that speak it: POST /embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pgdex.indexer.embedding.errors import InvalidEmbedderResponse
from pgdex.indexer.embedding.remote import RemoteEmbedder, RequestLimits
from pgdex.indexer.embedding.service import open_service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgdex.indexer.embedding.protocol import Secret

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
        items = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(items, list) or not all(isinstance(item, dict) and "embedding" in item for item in items):
            raise InvalidEmbedderResponse(
                f'{self.service} answered without "data" that holds embeddings: is it OpenAI-compatible?'
            )
        # Services that leave the index out keep the order of the texts.
        numbers = [item.get("index", place) for place, item in enumerate(items)]
        by_number = dict(zip(map(str, numbers), items, strict=True))
        if by_number.keys() != {str(number) for number in range(len(items))}:
            raise InvalidEmbedderResponse(f"{self.service} numbered its vectors wrongly: {numbers[:5]}")
        return [by_number[str(number)]["embedding"] for number in range(len(items))]


def open_openai(
    model: str,
    *,
    url: str | None,
    api_key: Secret | None,
    dimension: int | None,
    timeout_seconds: float,
) -> RemoteEmbedder:
    """Open a model of OpenAI, or of the service at `url` (mostly ending in /v1).

    No connection is made yet. `dimension` is sent as "dimensions", which not every model allows.
    Raises EmbedderMisconfigured.
    """
    service = open_service(name=f"openai:{model}", model=model, url=url or DEFAULT_URL, api_key=api_key)
    return RemoteEmbedder(
        service,
        OpenAiApi(service=str(service), model=model, dimension=dimension),
        limits=_LIMITS,
        dimension=dimension,
        timeout_seconds=timeout_seconds,
    )
