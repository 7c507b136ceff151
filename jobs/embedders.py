"""The embedders of this process, opened once for each model: loading one may take seconds."""

from collections.abc import Callable
from functools import cache

from indexer.embedding import Embedder, open_embedder
from jobs.settings import Settings, settings

_TRIED: set[Embedder] = set()


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


@cache
def _opened(spec: str, configured: Settings) -> Embedder:
    return open_embedder(
        spec,
        url=configured.embedder_url,
        api_key=configured.api_key,
        dimension=configured.embedder_dimension,
        timeout_seconds=configured.embedder_timeout,
    )
