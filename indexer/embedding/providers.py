"""From a spec such as "ollama:nomic-embed-text" to an open embedder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pgdex.indexer.embedding.errors import EmbedderMisconfigured

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
    "ollama:MODEL" or "openai:MODEL".

    `url` and `api_key` are for the remote providers; the others ignore them. `dimension` asks for
    vectors of that length; None leaves it to the provider. `timeout_seconds` bounds each request
    to a service. A static model is loaded here; a service is not asked anything before `probe()`.
    Raises EmbedderMisconfigured.
    """
    provider, colon, argument = spec.strip().partition(":")
    opened = _PROVIDERS.get(provider)
    if opened is None:
        raise EmbedderMisconfigured(
            f"unknown embedding provider {provider!r}: use code, hashing, static:FOLDER, ollama:MODEL or openai:MODEL"
        )
    argument = argument.strip()
    if not argument and (colon or provider not in _ALONE):
        raise EmbedderMisconfigured(
            f"the embedding provider in {spec!r} lacks what follows the colon: for example {_EXAMPLES[provider]}"
        )
    if dimension is not None and dimension < 1:
        raise EmbedderMisconfigured(f"the embedding dimension must be positive, got {dimension}")
    return opened(
        _Request(
            spec=spec,
            argument=argument,
            url=url,
            api_key=api_key,
            dimension=dimension,
            timeout_seconds=timeout_seconds,
        )
    )


@dataclass(frozen=True, slots=True)
class _Request:
    spec: str
    argument: str
    url: str | None
    api_key: Secret | None
    dimension: int | None
    timeout_seconds: float


# Each imports its module itself, because none of them is cheap.


def _code(request: _Request) -> Embedder:
    from pgdex.indexer.embedding.code_model import CodeEmbedder

    if not request.argument:
        return CodeEmbedder(dimension=request.dimension)
    if not (request.argument.isascii() and request.argument.isdigit()):
        raise EmbedderMisconfigured(f"the version in {request.spec!r} must be a whole number, as in code:1")
    return CodeEmbedder(version=int(request.argument), dimension=request.dimension)


def _hashing(request: _Request) -> Embedder:
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


def _static(request: _Request) -> Embedder:
    from pgdex.indexer.embedding.static import StaticEmbedder

    return StaticEmbedder(request.argument, dimension=request.dimension)


def _ollama(request: _Request) -> Embedder:
    from pgdex.indexer.embedding.ollama import open_ollama

    return open_ollama(
        request.argument,
        url=request.url,
        api_key=request.api_key,
        dimension=request.dimension,
        timeout_seconds=request.timeout_seconds,
    )


def _openai(request: _Request) -> Embedder:
    from pgdex.indexer.embedding.openai import open_openai

    return open_openai(
        request.argument,
        url=request.url,
        api_key=request.api_key,
        dimension=request.dimension,
        timeout_seconds=request.timeout_seconds,
    )


_PROVIDERS: Final[dict[str, Callable[[_Request], Embedder]]] = {
    "code": _code,
    "hashing": _hashing,
    "static": _static,
    "ollama": _ollama,
    "openai": _openai,
}

# What follows their colon can be left out.
_ALONE: Final = frozenset({"code", "hashing"})

_EXAMPLES: Final = {
    "code": "code:1",
    "hashing": "hashing:512",
    "static": "static:/models/potion-code-16M",
    "ollama": "ollama:nomic-embed-text",
    "openai": "openai:text-embedding-3-small",
}
