"""Static models: a vector per token, averaged. model2vec's `StaticModel`, from a folder or the hub.

It needs no deep-learning runtime and no service. The model itself has to come from somewhere: a
folder works everywhere, a hub name ("minishlab/potion-code-16M") is downloaded at first use.
"""

from __future__ import annotations

import re
from os.path import abspath
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np

from pgdex.indexer.embedding.errors import EmbedderMisconfigured
from pgdex.indexer.embedding.local import LocalEmbedder
from pgdex.indexer.embedding.texts import within_bytes
from pgdex.indexer.embedding.validation import unit_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model2vec import StaticModel
    from numpy.typing import NDArray

# model2vec itself cuts at the model's own number of tokens (512 unless the model says otherwise).
# This bound only keeps a text that is all whitespace or one endless token from costing memory.
_MAX_TEXT_BYTES: Final = 64_000

_HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


class StaticEmbedder(LocalEmbedder):
    """A model2vec model in memory."""

    def __init__(self, model: str, *, dimension: int | None = None) -> None:
        """Load a model from a folder or, if there is no such folder, from the hub or its cache.

        `dimension` keeps only the first that many numbers of each vector, which suits models whose
        vectors are ordered by importance (model2vec's are, by PCA). Raises EmbedderMisconfigured.
        """
        folder = Path(model).expanduser()
        # Absolute, because the name is recorded with the repository and a worker that opens it
        # again has another current folder.
        name = f"static:{abspath(folder) if folder.exists() else model}"
        self._model = _load(model, folder)
        if dimension is not None and not 0 < dimension <= self._model.dim:
            raise EmbedderMisconfigured(
                f"the model of {name} has vectors of {self._model.dim} numbers: "
                f"it can be cut to a dimension from 1 to {self._model.dim}, got {dimension}"
            )
        super().__init__(name=name, dimension=dimension or self._model.dim)
        # StaticModel.encode sets its tokenizer's truncation again for each call, which older versions
        # of tokenizers refuse while another thread encodes ("Already borrowed").
        self._lock = Lock()

    @property
    def batch_size(self) -> int:
        """Enough that the cost of a call no longer counts."""
        return 512

    def embed_block(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts: shape (len(texts), dimension). Raises InvalidEmbedderResponse if the model's file holds NaN."""
        block = [within_bytes(text, _MAX_TEXT_BYTES) for text in texts]
        with self._lock:
            encoded = self._model.encode(block, use_multiprocessing=False)
        return unit_vectors(
            encoded[:, : self._dimension],
            count=len(texts),
            dimension=self._dimension,
            source=self._name,
            zeros_are_wordless=True,  # a text with no token that the model knows
        )

    def close(self) -> None:
        """Nothing to do: the model goes with the object."""


def _load(model: str, folder: Path) -> StaticModel:
    is_folder = folder.exists()
    if not is_folder and not _HUB_NAME.fullmatch(model):
        raise EmbedderMisconfigured(
            f"there is no folder {str(folder)!r}: static: takes a folder that holds a model2vec "
            "model, or a hub name such as minishlab/potion-code-16M"
        )
    # Takes 0.2 s, so only once it is needed; and it is an extra, which with what it needs takes 41 MB.
    try:
        from model2vec import StaticModel
    except ImportError as error:
        raise EmbedderMisconfigured(
            f"static:{model} needs model2vec, which can't be imported here ({error}): install pgdex with the extra, as "
            "in `uv tool install 'pgdex[model2vec]'`, wherever a worker runs"
        ) from error

    source = folder if is_folder else model
    try:
        # Without force_download=False it asks the hub again for what is in its cache.
        return StaticModel.from_pretrained(source, force_download=False)
    # Whatever the files of a folder, or a hub that is not there, make five libraries raise.
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        if is_folder:
            raise EmbedderMisconfigured(
                f"the folder {str(folder)!r} holds no model that model2vec can load: {reason}"
            ) from error
        raise EmbedderMisconfigured(
            f"the model {model!r} is neither a folder here nor in the hub's cache, and could not "
            f"be downloaded. Without internet, copy the model's folder to this machine and use "
            f"static:/path/to/that/folder. ({reason})"
        ) from error
