"""The embedders of this process, opened once for each model: loading one may take seconds."""

from functools import cache

from indexer.embedding import Embedder, open_embedder
from jobs.settings import settings


@cache
def embedder_for(spec: str) -> Embedder:
    """The embedder of `spec`, with its address and key from the settings, tried once.

    Raises EmbedderError where it can't be used.
    """
    configured = settings()
    embedder = open_embedder(
        spec,
        url=configured.embedder_url,
        api_key=configured.api_key,
        dimension=configured.embedder_dimension,
        timeout_seconds=configured.embedder_timeout,
    )
    embedder.probe()
    return embedder
