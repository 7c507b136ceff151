"""Ollama's own API: POST /api/embed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pgdex.indexer.embedding.errors import InvalidEmbedderResponse
from pgdex.indexer.embedding.remote import RemoteEmbedder, RequestLimits
from pgdex.indexer.embedding.service import open_service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgdex.indexer.embedding.request import EmbedderRequest

DEFAULT_URL: Final = "http://127.0.0.1:11434"

# Ollama cuts a text at the model's context ("truncate"), so 32,000 bytes only bound the request;
# versions from 0.13.5 on may refuse it instead, which RemoteEmbedder deals with. It works through a
# request's texts one by one or few at a time: more than 32 gain nothing and delay an abort's effect
# on the server.
_LIMITS: Final = RequestLimits(texts=32, text_bytes=32_000, total_bytes=1_000_000)


@dataclass(frozen=True, slots=True)
class OllamaApi:
    """Ollama's requests and answers. `service` names the service in messages."""

    service: str
    model: str
    dimension: int | None
    path: str = "/api/embed"

    def request(self, texts: Sequence[str], *, is_query: bool) -> dict[str, object]:
        """The body that asks for vectors of these texts. Whether they are queries shows in their prefix."""
        body: dict[str, object] = {"model": self.model, "input": list(texts), "truncate": True}
        if self.dimension is not None:
            body["dimensions"] = self.dimension
        return body

    def vectors(self, answer: object) -> object:
        """The vectors in the answer, not yet checked. Raises InvalidEmbedderResponse."""
        if not isinstance(answer, dict) or "embeddings" not in answer:
            raise InvalidEmbedderResponse(f'{self.service} answered without "embeddings": is it an Ollama server?')
        return answer["embeddings"]


def open_ollama(request: EmbedderRequest) -> RemoteEmbedder:
    """Open a model of an Ollama server. No connection is made yet.

    `dimension` is sent as "dimensions", which Ollama knows since 0.11.11; an older one answers with
    the model's own dimension, and that is an InvalidEmbedderResponse. A key is sent as a bearer token, for
    a proxy in front of the server. Raises EmbedderMisconfigured.
    """
    model = request.argument
    service = open_service(name=f"ollama:{model}", model=model, url=request.url or DEFAULT_URL, api_key=request.api_key)
    return RemoteEmbedder(
        service,
        OllamaApi(service=str(service), model=model, dimension=request.dimension),
        limits=_LIMITS,
        dimension=request.dimension,
        timeout_seconds=request.timeout_seconds,
    )
