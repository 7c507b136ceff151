"""The embedders of this process, opened once for each model: loading one may take seconds."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from os.path import abspath, expanduser
from typing import TYPE_CHECKING

from pgdex.indexer.embedding import (
    Embedder,
    EmbedderMisconfigured,
    QueryEmbedder,
    WeighingEmbedder,
    open_embedder,
)
from pgdex.indexer.embedding.code_query import VERSION, TooManyWords, model_dimension, query_vector
from pgdex.jobs.settings import Settings, settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# They run in the worker, read nothing but what pgdex brings along, and send nothing anywhere.
HARMLESS = ("code", "hashing")

_TRIED: set[Embedder] = set()


class EmbedderNotAllowed(EmbedderMisconfigured):
    """A job names an embedder that this worker does not use: who may enqueue must not choose where code is sent."""


def is_allowed(spec: str, configured: Settings) -> bool:
    """Whether a worker with these settings uses the embedder that a job names: its own, those of
    PGDEX_ALLOWED_EMBEDDERS, and the ones that send nothing anywhere."""
    asked = _canonical(spec)
    patterns = [pattern.strip() for pattern in (configured.allowed_embedders or "").split(",")]
    return (
        asked.partition(":")[0] in HARMLESS
        or asked == _canonical(configured.embedder)
        or any(fnmatchcase(asked, _canonical(pattern)) for pattern in patterns if pattern)
    )


def _canonical(spec: str) -> str:
    """As the index names it: without spaces around its parts, a folder by its whole path."""
    provider, _, argument = (part.strip() for part in spec.partition(":"))
    if provider in ("static", "fastembed") and argument.startswith(("/", "~", ".")):
        argument = abspath(expanduser(argument))
    return f"{provider}:{argument}" if argument else provider


def embedder_of_job(spec: str | None, *, allowed: bool, aborted: Callable[[], bool] | None = None) -> Embedder:
    """The embedder that a worker uses for a job that names `spec`; its own where the job names none.

    `allowed` says that who asked for the job may choose it. Raises EmbedderNotAllowed, and what embedder_for raises.
    """
    own = settings()
    if spec is not None and not allowed and not is_allowed(spec, own):
        raise EmbedderNotAllowed(
            f"the job asks for the embedding model {spec}, and for a pgdex_client workers send code only to their own "
            f"({own.embedder}). To allow it, start the workers with PGDEX_ALLOWED_EMBEDDERS={spec}; to use the "
            "model of the workers, enqueue without an embedder"
        )
    return embedder_for(spec or own.embedder, aborted=aborted)


def embedder_for(
    spec: str, configured: Settings | None = None, *, aborted: Callable[[], bool] | None = None
) -> Embedder:
    """The embedder of `spec`, tried once; its address and key come from `configured` (default: this process's).

    Raises EmbedderError where it can't be used, EmbeddingAborted when `aborted` turns true while it is tried.
    """
    embedder = _opened(spec, configured or settings())
    if embedder not in _TRIED:
        embedder.probe(aborted=aborted)
        _TRIED.add(embedder)
    return embedder


def model_of(spec: str, configured: Settings) -> tuple[str, int]:
    """The full name and the dimension of the embedder of `spec`, which is tried once; raises as `embedder_for` does."""
    if _is_bundled(spec, configured):
        with suppress(OSError, ValueError):  # embedder_for says what is wrong with the model's files
            return f"code:{VERSION}", model_dimension()
    embedder = embedder_for(spec, configured)
    return embedder.name, embedder.dimension


def query_embedder_for(spec: str, configured: Settings) -> QueryEmbedder:
    """As `embedder_for`, for a search: the bundled model embeds a short query without importing numpy."""
    if _is_bundled(spec, configured) and "numpy" not in sys.modules:
        return _CodeQueries(spec, configured)
    return embedder_for(spec, configured)


def _is_bundled(spec: str, configured: Settings) -> bool:
    return _canonical(spec) in ("code", f"code:{VERSION}") and configured.embedder_dimension is None


@dataclass(frozen=True, slots=True)
class _CodeQueries:
    spec: str
    configured: Settings

    def embed_query(self, text: str) -> "NDArray[np.float32] | list[float]":
        return self.embed_weighted(text, {})

    def embed_weighted(self, text: str, weights: Mapping[str, float]) -> "NDArray[np.float32] | list[float]":
        try:
            return query_vector(text, weights=weights)
        except (TooManyWords, OSError, ValueError):  # that one says what is wrong with the model's files
            embedder = embedder_for(self.spec, self.configured)
            return (
                embedder.embed_weighted(text, weights)
                if isinstance(embedder, WeighingEmbedder)
                else embedder.embed_query(text)
            )


@cache
def _opened(spec: str, configured: Settings) -> Embedder:
    return open_embedder(
        spec,
        url=configured.embedder_url,
        api_key=configured.api_key_for(spec),
        dimension=configured.embedder_dimension,
        timeout_seconds=configured.embedder_timeout,
    )


def _forget() -> None:
    """Open embedders again when they are needed: most have threads or connections, which a forked process lacks."""
    _opened.cache_clear()
    _TRIED.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
