"""Embedders of other packages, by the entry points `pgdex.embedders`: docs/how-to/write-an-embedder.md.

An entry point is named as its provider, the part before the colon of a spec, and leads to a callable that takes an
EmbedderRequest and returns an Embedder. Only the one that is asked for is imported.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Final

from pgdex.indexer.embedding.errors import EmbedderError, EmbedderMisconfigured
from pgdex.indexer.embedding.validation import unit_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pgdex.indexer.embedding.protocol import AbortFlag, Embedder
    from pgdex.indexer.embedding.request import EmbedderRequest

GROUP: Final = "pgdex.embedders"
_METHODS: Final = ("embed", "embed_query", "probe", "close")


def provider_names() -> list[str]:
    """The names of all providers that installed packages bring."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def open_from_package(provider: str, request: EmbedderRequest) -> Embedder | None:
    """Open the embedder of an installed package; None if no package has that provider.

    Raises EmbedderError: what the package raises as one, and EmbedderMisconfigured for everything else.
    """
    found = {entry.value: entry for entry in entry_points(group=GROUP, name=provider)}
    if not found:
        return None
    if len(found) > 1:
        packages = " and ".join(sorted(map(_package, found.values())))
        raise EmbedderMisconfigured(f"{packages} both bring an embedding provider {provider!r}: uninstall one of them")
    (entry,) = found.values()
    source = f"the embedding provider {provider!r} of {_package(entry)}"
    try:
        embedder = entry.load()(request)
    except EmbedderError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise EmbedderMisconfigured(
            f"{source} could not open {request.spec!r}: {type(error).__name__}{': ' if reason else ''}{reason}"
        ) from error
    _require_protocol(embedder, provider, source)
    return PackagedEmbedder(embedder, source=source)


class PackagedEmbedder:
    """An embedder that is not pgdex's own: its vectors are checked and scaled as those of a service are.

    Vectors of a wrong length, or with NaN in them, would spoil the index of a repository.
    """

    def __init__(self, embedder: Embedder, *, source: str) -> None:
        self._embedder = embedder
        self._source = source

    def __repr__(self) -> str:
        return f"<{self._embedder!r}, {self._source}>"

    @property
    def name(self) -> str:
        """The full spec."""
        return self._embedder.name

    @property
    def dimension(self) -> int:
        """The length of the vectors. Raises RuntimeError where it is not known before probe()."""
        return self._embedder.dimension

    @property
    def is_remote(self) -> bool:
        """Whether a service does the work."""
        return self._embedder.is_remote

    @property
    def batch_size(self) -> int:
        """How many texts a call should carry."""
        return self._embedder.batch_size

    def embed(self, texts: Sequence[str], *, aborted: AbortFlag | None = None) -> NDArray[np.float32]:
        """Embed texts: shape (len(texts), dimension). Raises InvalidEmbedderResponse, and what the embedder raises."""
        return self._checked(self._embedder.embed(texts, aborted=aborted), len(texts))

    def embed_query(self, text: str, *, aborted: AbortFlag | None = None) -> NDArray[np.float32]:
        """Embed a query: shape (dimension,). Raises as `embed` does."""
        vector: NDArray[np.float32] = self._checked([self._embedder.embed_query(text, aborted=aborted)], 1)[0]
        return vector

    def probe(self, *, aborted: AbortFlag | None = None) -> None:
        """Embed one short text. Raises as `embed` does."""
        self._embedder.probe(aborted=aborted)
        self.embed(["def add(a, b): return a + b"], aborted=aborted)

    def close(self) -> None:
        """Let go of what the embedder holds."""
        self._embedder.close()

    def _checked(self, vectors: object, count: int) -> NDArray[np.float32]:
        return unit_vectors(
            vectors, count=count, dimension=self.dimension, source=self._source, zeros_are_wordless=True
        )


def _require_protocol(embedder: object, provider: str, source: str) -> None:
    missing = [name for name in _METHODS if not callable(getattr(embedder, name, None))]
    missing += [name for name in ("is_remote", "batch_size", "name") if not hasattr(embedder, name)]
    if missing:
        raise EmbedderMisconfigured(
            f"{source} opened a {type(embedder).__name__} that lacks {', '.join(missing)}: it is no Embedder"
        )
    name = getattr(embedder, "name", None)
    # By its name a repository's model is opened again.
    if not isinstance(name, str) or name.partition(":")[0] != provider or name != name.strip():
        raise EmbedderMisconfigured(
            f"{source} opened an embedder named {name!r}: its name must begin with {provider!r}"
        )
    size = getattr(embedder, "batch_size", None)
    if not isinstance(size, int) or size < 1:
        raise EmbedderMisconfigured(f"{source} has batches of {size!r} texts: batch_size must be a number from 1 on")


def _package(entry: EntryPoint) -> str:
    return f"the package {entry.dist.name}" if entry.dist else f"the module {entry.module}"
