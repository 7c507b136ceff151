"""What can go wrong with embedding, by what there is to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class EmbedderError(Exception):
    """Embedding failed. The message is written for users and holds no secret."""

    embedded: NDArray[np.float32] | None = None
    """The vectors of the first texts of the call, as many as there are rows, where it failed after these."""


class EmbedderUnavailable(EmbedderError):
    """The service is down, slow or limits its callers: the same call may succeed later."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None, limits_callers: bool = False) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        """How long the service asked to be left alone, where it said so."""
        self.limits_callers = limits_callers
        """The service works, and has had too many requests (429)."""


class EmbedderMisconfigured(EmbedderError):
    """A wrong key, model, URL or folder: waiting does not help, a change of the settings does."""


class InvalidEmbedderResponse(EmbedderError):
    """The service answered, but not with the vectors that were asked for."""


class EmbeddingAborted(Exception):
    """The caller asked to stop, or closed the embedder during the call.

    Not an `EmbedderError`: nothing is wrong with the embedder.
    """


class RequestTooLarge(EmbedderMisconfigured):
    """The service refuses a request for its size. `RemoteEmbedder` answers it with smaller ones."""

    def __init__(self, message: str, *, too_many_texts: bool = False) -> None:
        super().__init__(message)
        self.too_many_texts = too_many_texts
        """The service named the number of texts, and not their length, as the reason."""
