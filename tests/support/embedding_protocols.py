"""What embedding services are asked and answer: the fields that their documentation names, and no others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]
Vectors = list[list[float]]


@dataclass(frozen=True, slots=True)
class Wire:
    """One kind of service. `fields` are those that a request may have, with the values that are allowed (None: any)."""

    texts: Callable[[Body], list[str]]
    model: Callable[[Body], str]
    dimension: Callable[[Body], object]
    answer: Callable[[Vectors], object]
    error: Callable[[str], object]
    fields: dict[str, tuple[object, ...] | None]
    most_texts: int = 2048
    key_header: str = "Authorization"
    required: tuple[str, ...] = field(default=())

    def refusal(self, body: Body) -> str | None:
        """What is wrong with a request, if anything is."""
        for name, value in body.items():
            if name not in self.fields:
                return f"{name}: extra fields are not permitted"
            allowed = self.fields[name]
            if allowed is not None and value not in allowed:
                return f"{name}: {value!r} is not one of {allowed}"
        missing = [name for name in self.required if name not in body]
        if missing:
            return f"{missing[0]}: field required"
        texts = self.texts(body)
        if len(texts) > self.most_texts:
            return f"batch size {len(texts)} > maximum allowed batch size {self.most_texts}"
        return None


def _data(vectors: Vectors) -> object:
    # Last first: the order of the list promises nothing, the index does.
    items = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)][::-1]
    return {"object": "list", "data": items}


def _gemini_texts(body: Body) -> list[str]:
    return ["".join(part["text"] for part in one["content"]["parts"]) for one in body["requests"]]


def _gemini_error(message: str) -> object:
    return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT", "details": []}}


OLLAMA = Wire(
    texts=lambda body: body["input"],
    model=lambda body: body["model"],
    dimension=lambda body: body.get("dimensions"),
    answer=lambda vectors: {"embeddings": vectors},
    error=lambda message: {"error": message},
    fields={"model": None, "input": None, "truncate": (True, False), "dimensions": None},
)
OPENAI = Wire(
    texts=lambda body: body["input"],
    model=lambda body: body["model"],
    dimension=lambda body: body.get("dimensions"),
    answer=_data,
    error=lambda message: {"error": {"message": message, "type": "error"}},
    fields={"model": None, "input": None, "encoding_format": ("float", "base64"), "dimensions": None},
)
VOYAGE = Wire(
    texts=lambda body: body["input"],
    model=lambda body: body["model"],
    dimension=lambda body: body.get("output_dimension"),
    answer=_data,
    error=lambda message: {"detail": message},
    fields={
        "model": None,
        "input": None,
        "input_type": (None, "query", "document"),
        "truncation": (True, False),
        "output_dimension": None,
        "output_dtype": ("float", "int8", "uint8", "binary", "ubinary"),
        "encoding_format": (None, "base64"),
    },
    most_texts=1000,
)
COHERE = Wire(
    texts=lambda body: body["texts"],
    model=lambda body: body["model"],
    dimension=lambda body: body.get("output_dimension"),
    answer=lambda vectors: {"id": "1", "embeddings": {"float": vectors}, "response_type": "embeddings_by_type"},
    error=lambda message: {"id": "1", "message": message},
    fields={
        "model": None,
        "texts": None,
        "input_type": ("search_document", "search_query", "classification", "clustering", "image"),
        "embedding_types": (["float"],),
        "truncate": ("NONE", "START", "END"),
        "output_dimension": None,
        "max_tokens": None,
    },
    most_texts=96,
    required=("model", "input_type"),
)
JINA = Wire(
    texts=lambda body: body["input"],
    model=lambda body: body["model"],
    dimension=lambda body: body.get("dimensions"),
    answer=_data,
    error=lambda message: {"detail": message},
    fields={
        "model": None,
        "input": None,
        "task": (
            *("retrieval.query", "retrieval.passage", "text-matching", "code.query", "code.passage"),
            *("nl2code.query", "nl2code.passage"),
        ),
        "embedding_type": ("float", "base64", "binary", "ubinary"),
        "dimensions": None,
        "normalized": (True, False),
        "truncate": (True, False),
    },
)
GEMINI = Wire(
    texts=_gemini_texts,
    model=lambda body: body["requests"][0]["model"].removeprefix("models/"),
    dimension=lambda body: body["requests"][0].get("outputDimensionality"),
    answer=lambda vectors: {"embeddings": [{"values": vector} for vector in vectors]},
    error=_gemini_error,
    fields={"requests": None},
    most_texts=100,
    key_header="x-goog-api-key",
)


def wire_of(path: str) -> Wire | None:
    """The protocol of the service at a path; None if there is none."""
    if path.startswith("/v1beta/models/") and path.endswith(":batchEmbedContents"):
        return GEMINI
    return {
        "/api/embed": OLLAMA,
        "/v1/embeddings": OPENAI,
        "/voyage/v1/embeddings": VOYAGE,
        "/jina/v1/embeddings": JINA,
        "/v2/embed": COHERE,
    }.get(path)
