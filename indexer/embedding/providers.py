"""From a spec such as "ollama:nomic-embed-text" to an open embedder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pgdex.indexer.embedding.errors import EmbedderMisconfigured
from pgdex.indexer.embedding.request import EmbedderRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdex.indexer.embedding.protocol import Embedder, Secret


def open_embedder(
    spec: str,
    *,
    url: str | None = None,
    api_key: Secret | None = None,
    dimension: int | None = None,
    timeout_seconds: float = 60,
) -> Embedder:
    """Open the embedder that `spec` names: "code", "hashing", "hashing:512", "static:FOLDER",
    "fastembed:MODEL", "PROVIDER:MODEL" with one of `SERVICES`, or what an installed package brings (`plugins`).

    `url` and `api_key` are for the remote providers; the others ignore them. `dimension` asks for
    vectors of that length; None leaves it to the provider. `timeout_seconds` bounds each request
    to a service. A static or fastembed model is loaded here; a service is not asked anything before `probe()`.
    Raises EmbedderMisconfigured, and what EmbedderError a package raises.
    """
    provider, colon, argument = spec.strip().partition(":")
    argument = argument.strip()
    if dimension is not None and dimension < 1:
        raise EmbedderMisconfigured(f"the embedding dimension must be positive, got {dimension}")
    request = EmbedderRequest(
        spec=spec,
        argument=argument,
        url=url,
        api_key=api_key,
        dimension=dimension,
        timeout_seconds=timeout_seconds,
    )
    opened = _PROVIDERS.get(provider)
    if opened is None:
        return _from_package(provider, request)
    if not argument and (colon or provider not in _ALONE):
        raise EmbedderMisconfigured(
            f"the embedding provider in {spec!r} lacks what follows the colon: for example {_EXAMPLES[provider]}"
        )
    return opened(request)


# Each imports its module itself, because none of them is cheap.


def _from_package(provider: str, request: EmbedderRequest) -> Embedder:
    from pgdex.indexer.embedding.plugins import open_from_package, provider_names

    embedder = open_from_package(provider, request) if provider else None
    if embedder is None:
        known = [
            "code",
            "hashing",
            "static:FOLDER",
            "fastembed:MODEL",
            *(f"{name}:MODEL" for name in SERVICES),
            *provider_names(),
        ]
        raise EmbedderMisconfigured(
            f"unknown embedding provider {provider!r}: use {', '.join(known[:-1])} or {known[-1]}"
        )
    return embedder


def _code(request: EmbedderRequest) -> Embedder:
    from pgdex.indexer.embedding.code_model import CodeEmbedder

    if not request.argument:
        return CodeEmbedder(dimension=request.dimension)
    if not (request.argument.isascii() and request.argument.isdigit()):
        raise EmbedderMisconfigured(f"the version in {request.spec!r} must be a whole number, as in code:1")
    return CodeEmbedder(version=int(request.argument), dimension=request.dimension)


def _hashing(request: EmbedderRequest) -> Embedder:
    from pgdex.indexer.embedding.hashing import DEFAULT_DIMENSION, HashingEmbedder

    if not request.argument:
        return HashingEmbedder(dimension=request.dimension or DEFAULT_DIMENSION)
    if not (request.argument.isascii() and request.argument.isdigit()):
        raise EmbedderMisconfigured(f"the dimension in {request.spec!r} must be a whole number, as in hashing:512")
    dimension = int(request.argument)
    if request.dimension not in (None, dimension):
        raise EmbedderMisconfigured(
            f"{request.spec!r} asks for another dimension than the {request.dimension} that is "
            "set: remove one of the two"
        )
    return HashingEmbedder(dimension=dimension)


def _static(request: EmbedderRequest) -> Embedder:
    from pgdex.indexer.embedding.static import StaticEmbedder

    return StaticEmbedder(request.argument, dimension=request.dimension)


def _fastembed(request: EmbedderRequest) -> Embedder:
    from pgdex.indexer.embedding.fastembed import FastembedEmbedder

    return FastembedEmbedder(request.argument, dimension=request.dimension)


def _ollama(request: EmbedderRequest) -> Embedder:
    from pgdex.indexer.embedding.ollama import open_ollama

    return open_ollama(request)


def _openai(request: EmbedderRequest) -> Embedder:
    from pgdex.indexer.embedding.openai import open_openai

    return open_openai(request)


def _voyage(request: EmbedderRequest) -> Embedder:
    from pgdex.indexer.embedding.voyage import open_voyage

    return open_voyage(request)


def _cohere(request: EmbedderRequest) -> Embedder:
    from pgdex.indexer.embedding.cohere import open_cohere

    return open_cohere(request)


def _jina(request: EmbedderRequest) -> Embedder:
    from pgdex.indexer.embedding.jina import open_jina

    return open_jina(request)


def _gemini(request: EmbedderRequest) -> Embedder:
    from pgdex.indexer.embedding.gemini import open_gemini

    return open_gemini(request)


# Their embedders wait for an answer, and take a model's name after the colon.
SERVICES: Final = ("ollama", "openai", "voyage", "cohere", "jina", "gemini")

_PROVIDERS: Final[dict[str, Callable[[EmbedderRequest], Embedder]]] = {
    "code": _code,
    "hashing": _hashing,
    "static": _static,
    "fastembed": _fastembed,
    "ollama": _ollama,
    "openai": _openai,
    "voyage": _voyage,
    "cohere": _cohere,
    "jina": _jina,
    "gemini": _gemini,
}

# What follows their colon can be left out.
_ALONE: Final = frozenset({"code", "hashing"})

_EXAMPLES: Final = {
    "code": "code:1",
    "hashing": "hashing:512",
    "static": "static:/models/potion-code-16M",
    "fastembed": "fastembed:BAAI/bge-small-en-v1.5",
    "ollama": "ollama:nomic-embed-text",
    "openai": "openai:text-embedding-3-small",
    "voyage": "voyage:voyage-code-3",
    "cohere": "cohere:embed-v4.0",
    "jina": "jina:jina-code-embeddings-1.5b",
    "gemini": "gemini:gemini-embedding-001",
}
