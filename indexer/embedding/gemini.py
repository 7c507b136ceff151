"""Google's Gemini API: POST /models/MODEL:batchEmbedContents, https://ai.google.dev/api/embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from pgdex.indexer.embedding.errors import InvalidEmbedderResponse
from pgdex.indexer.embedding.prefixes import Prefixes
from pgdex.indexer.embedding.remote import RemoteEmbedder, RequestLimits
from pgdex.indexer.embedding.service import open_service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgdex.indexer.embedding.request import EmbedderRequest

DEFAULT_URL: Final = "https://generativelanguage.googleapis.com/v1beta"

# 100 texts a request. gemini-embedding-001 takes 2,048 tokens a text: some 8,000 bytes of code, and what is denser is
# refused, or cut by the service.
_LIMITS: Final = RequestLimits(texts=100, text_bytes=8_000, total_bytes=300_000)

# From its second version on the task is part of the text, and there is no `taskType`.
_TASK_IN_TEXT: Final = "gemini-embedding-2"
_PREFIXES: Final = Prefixes(document="title: none | text: ", query="task: code retrieval | query: ")


@dataclass(frozen=True, slots=True)
class GeminiApi:
    """Gemini's requests and answers. `service` names the service in messages."""

    service: str
    model: str
    dimension: int | None

    @property
    def path(self) -> str:
        """What follows the service's URL."""
        return f"/models/{quote(self.model, safe='')}:batchEmbedContents"

    @property
    def prefixes(self) -> Prefixes:
        """What goes before the texts."""
        return _PREFIXES if self.model.startswith(_TASK_IN_TEXT) else Prefixes()

    def request(self, texts: Sequence[str], *, is_query: bool) -> dict[str, object]:
        """The body that asks for vectors of these texts."""
        options: dict[str, object] = {"model": f"models/{self.model}"}
        if not self.model.startswith(_TASK_IN_TEXT):
            options["taskType"] = "CODE_RETRIEVAL_QUERY" if is_query else "RETRIEVAL_DOCUMENT"
        if self.dimension is not None:
            options["outputDimensionality"] = self.dimension
        return {"requests": [{**options, "content": {"parts": [{"text": text}]}} for text in texts]}

    def vectors(self, answer: object) -> object:
        """The vectors in the answer, not yet checked. Raises InvalidEmbedderResponse."""
        items = answer.get("embeddings") if isinstance(answer, dict) else None
        if not isinstance(items, list) or not all(isinstance(item, dict) and "values" in item for item in items):
            raise InvalidEmbedderResponse(
                f'{self.service} answered without "embeddings" that hold "values": is it the Gemini API?'
            )
        return [item["values"] for item in items]


def open_gemini(request: EmbedderRequest) -> RemoteEmbedder:
    """Open a model of the Gemini API, with or without "models/" before its name. No connection is made yet.

    Raises EmbedderMisconfigured.
    """
    model = request.argument.removeprefix("models/")
    service = open_service(
        name=f"gemini:{model}",
        model=model,
        url=request.url or DEFAULT_URL,
        api_key=request.api_key,
        # As a bearer token it would be taken for one of OAuth.
        key_header="x-goog-api-key",
    )
    api = GeminiApi(service=str(service), model=model, dimension=request.dimension)
    return RemoteEmbedder(
        service,
        api,
        limits=_LIMITS,
        dimension=request.dimension,
        timeout_seconds=request.timeout_seconds,
        prefixes=api.prefixes,
    )
