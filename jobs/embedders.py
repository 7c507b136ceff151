"""The embedders of this process, opened once for each model: loading one may take seconds."""

from functools import cache

from indexer.embedding import Embedder, open_embedder
from jobs.settings import Settings, settings


def embedder_for(spec: str, configured: Settings | None = None) -> Embedder:
    """The embedder of `spec`, tried once; its address and key come from `configured` (default: this process's).

    Raises EmbedderError where it can't be used.
    """
    return _opened(spec, configured or settings())


@cache
def _opened(spec: str, configured: Settings) -> Embedder:
    embedder = open_embedder(
        spec,
        url=configured.embedder_url,
        api_key=configured.api_key,
        dimension=configured.embedder_dimension,
        timeout_seconds=configured.embedder_timeout,
    )
    embedder.probe()
    return embedder
