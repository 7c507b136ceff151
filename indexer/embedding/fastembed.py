"""ONNX models in this process, by fastembed (https://qdrant.github.io/fastembed): known by name, or from a folder.

No service and no deep-learning framework: onnxruntime computes on the processor. A transformer costs a thousand times
what the bundled model does. fastembed is an extra, which with what it needs takes 130 MB.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from difflib import get_close_matches
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pgdex.indexer.embedding.errors import EmbedderMisconfigured, EmbeddingAborted
from pgdex.indexer.embedding.onnx_folder import read_onnx_folder
from pgdex.indexer.embedding.prefixes import Prefixes, prefixes_for
from pgdex.indexer.embedding.texts import within_bytes
from pgdex.indexer.embedding.validation import unit_vectors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastembed import TextEmbedding
    from numpy.typing import NDArray

    from pgdex.indexer.embedding.protocol import AbortFlag

# One for each process: pgdex runs a worker on each core, and threads beyond the cores wait for each other. With two, on
# two busy cores, a text took 1.8 times the processor time that it takes with one (110 and 63 ms), and no less time.
_THREADS: Final = 1

# A chunk has 1,800 characters unless one line is longer. Some models read 8,192 tokens, at a cost in time and memory
# that grows with their square: with twelve heads, the attention of 8,000 tokens is 3 GB, of 4,000 a quarter of that.
_MAX_TEXT_BYTES: Final = 4_000

_ABORT_POLL_SECONDS: Final = 0.05
_MODELS_PAGE: Final = "https://qdrant.github.io/fastembed/examples/Supported_Models/"
# Of a model's repository: the network that fastembed uses comes by its name, and what else it reads is small.
_SMALL_FILES: Final = ("*.json", "*.txt", "*.model")

# fastembed takes each name once in a process.
_numbers = count(1)


class FastembedEmbedder:
    """An ONNX model in memory.

    Texts are embedded one by one. On one core more at a time gain nothing: with MiniLM of six layers 1,200 characters
    take 63 ms of processor time alone, 80 among 8 and 100 among 48, which are padded to the longest. And of a network
    that is quantised while it runs, a text's vector would depend on its neighbours.
    """

    def __init__(self, model: str, *, dimension: int | None = None) -> None:
        """Load a model from a folder or, if there is no such folder, one that fastembed knows by name: from Hugging
        Face's cache, else from the hub.

        `dimension` keeps only the first that many numbers of each vector, which suits models that were trained for it
        ("Matryoshka"). Raises EmbedderMisconfigured.
        """
        # These two raise nothing, whatever the text is: "~nobody", a NUL, a name of 10,000 letters.
        folder = os.path.expanduser(model)
        is_folder = os.path.exists(folder)
        if not is_folder and model.startswith(("/", "~", ".")):
            raise EmbedderMisconfigured(
                f"there is no folder {folder!r}: fastembed: takes a folder that holds an ONNX model, or the name "
                "of a model that fastembed knows, such as BAAI/bge-small-en-v1.5"
            )
        try:
            # Takes 0.4 s.
            import fastembed as _needed  # noqa: F401 - whether it is there
        except ImportError as error:
            raise EmbedderMisconfigured(
                f"fastembed:{model} needs fastembed, which can't be imported here ({error}): install pgdex with the "
                "extra, as in `uv tool install 'pgdex[fastembed]'`, wherever a worker runs"
            ) from error
        if is_folder:
            # Absolute, because the name is recorded with the repository and a worker that opens it again has another
            # current folder.
            name, self._prefixes, self._model = _from_folder(Path(os.path.abspath(folder)))
        else:
            name, self._prefixes, self._model = _by_name(model)
        self._name = f"fastembed:{name}"
        # Threads, because a network can't be interrupted: whoever is told to stop leaves it to finish its one text.
        self._pool = ThreadPoolExecutor(thread_name_prefix="embedding fastembed")
        whole = len(self._computed("def add(a, b): return a + b", is_query=False))
        if dimension is not None and not 0 < dimension <= whole:
            raise EmbedderMisconfigured(
                f"the model of {self._name} has vectors of {whole} numbers: "
                f"it can be cut to a dimension from 1 to {whole}, got {dimension}"
            )
        self._dimension = dimension or whole

    @property
    def name(self) -> str:
        """The full spec, as recorded with the repository."""
        return self._name

    @property
    def dimension(self) -> int:
        """The length of the vectors."""
        return self._dimension

    @property
    def is_remote(self) -> bool:
        """The model is in this process."""
        return False

    @property
    def batch_size(self) -> int:
        """So few that progress is seen every few seconds, where one text takes half of one."""
        return 8

    def embed(self, texts: Sequence[str], *, aborted: AbortFlag | None = None) -> NDArray[np.float32]:
        """Embed texts: shape (len(texts), dimension).

        Raises EmbeddingAborted within 0.1 s, with what is done of the call lost, and EmbedderError where the model
        fails.
        """
        vectors = np.empty((len(texts), self._dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self._vector(text, aborted, is_query=False)
        return vectors

    def embed_query(self, text: str, *, aborted: AbortFlag | None = None) -> NDArray[np.float32]:
        """Embed what someone searches for: shape (dimension,). Raises as `embed` does."""
        return self._vector(text, aborted, is_query=True)

    def probe(self, *, aborted: AbortFlag | None = None) -> None:
        """Embed one text. Raises as `embed` does."""
        self.embed(["def add(a, b): return a + b"], aborted=aborted)

    def close(self) -> None:
        """End the threads, each after its text. The model goes with the object."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _vector(self, text: str, aborted: AbortFlag | None, *, is_query: bool) -> NDArray[np.float32]:
        if aborted is not None and aborted():
            raise EmbeddingAborted(f"{self._name} was asked to stop")
        try:
            future = self._pool.submit(self._computed, text, is_query=is_query)
        except RuntimeError as error:
            raise EmbeddingAborted(f"{self._name} was closed") from error
        while not wait([future], timeout=_ABORT_POLL_SECONDS).done:
            if aborted is not None and aborted():
                future.cancel()
                raise EmbeddingAborted(f"{self._name} was asked to stop")
        if future.cancelled():
            raise EmbeddingAborted(f"{self._name} was closed")
        vector: NDArray[np.float32] = unit_vectors(
            [future.result()[: self._dimension]],
            count=1,
            dimension=self._dimension,
            source=self._name,
            zeros_are_wordless=True,  # a text without a token
        )[0]
        return vector

    def _computed(self, text: str, *, is_query: bool) -> NDArray[Any]:
        """The model's own vector: shape (its dimension,)."""
        prefix = self._prefixes.query if is_query else self._prefixes.document
        fitting = within_bytes(prefix + text, _MAX_TEXT_BYTES)
        # These two differ for models that are told which of the two a text is.
        embed = self._model.query_embed if is_query else self._model.passage_embed
        try:
            (vector,) = embed([fitting])
        except Exception as error:  # onnxruntime's and tokenizers' errors have only Exception in common
            raise EmbedderMisconfigured(f"the model of {self._name} fails: {_reason(error)}") from error
        if np.ndim(vector) != 1:
            raise EmbedderMisconfigured(
                f"the model of {self._name} gives {np.ndim(vector)} dimensions for one text: it is no embedding model"
            )
        return np.asarray(vector)


def hub_repository(model: str) -> str | None:
    """The repository on Hugging Face's hub that a model which fastembed knows comes from; None for others, and where
    fastembed is not installed."""
    try:
        from fastembed import TextEmbedding
    except ImportError:
        return None
    known = (one for one in TextEmbedding.list_supported_models() if one["model"].lower() == model.lower())
    return next((one["sources"]["hf"] for one in known), None)


def _from_folder(path: Path) -> tuple[str, Prefixes, TextEmbedding]:
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    if not path.is_dir():
        raise EmbedderMisconfigured(f"{str(path)!r} is a file: fastembed: takes the folder of a model")
    folder = read_onnx_folder(path)
    # The folder may have changed since it was opened last, so a name of its own each time.
    known_as = f"pgdex {next(_numbers)} {path}"
    TextEmbedding.add_custom_model(
        known_as,
        pooling=PoolingType[folder.pooling],
        normalization=False,  # unit_vectors does it
        sources=ModelSource(hf=known_as),  # demanded, and not used with specific_model_path
        dim=folder.dimension or 1,  # demanded, and not used by what we call
        model_file=folder.network,
        output_name=folder.output,
    )
    return str(path), folder.prefixes, _loaded(known_as, path, what=f"the folder {str(path)!r}")


def _by_name(model: str) -> tuple[str, Prefixes, TextEmbedding]:
    from fastembed import TextEmbedding

    asked = model.lower()
    known = {one["model"].lower(): one for one in TextEmbedding.list_supported_models()}
    description = known.get(asked)
    if description is None:
        close = [name for name in known if asked in name][:5] or get_close_matches(asked, known)
        has = ", ".join(known[name]["model"] for name in close) or f"{len(known)}, listed at {_MODELS_PAGE}"
        raise EmbedderMisconfigured(
            f"fastembed knows no model {model!r}: it has {has}. "
            "Any other ONNX model can be used from a folder: fastembed:/path/to/the/folder"
        )
    name: str = description["model"]
    return name, prefixes_for(name), _loaded(name, _fetched(name, description), what=f"the model {name!r}")


def _loaded(name: str, path: Path, *, what: str) -> TextEmbedding:
    from fastembed import TextEmbedding

    try:
        return TextEmbedding(name, threads=_THREADS, specific_model_path=str(path))
    # Whatever broken files make onnxruntime, tokenizers and json raise.
    except Exception as error:
        raise EmbedderMisconfigured(f"{what} can't be loaded by fastembed: {_reason(error)}") from error


def _fetched(name: str, description: Mapping[str, Any]) -> Path:
    """The folder of a model in Hugging Face's cache, downloaded if it isn't there. Raises EmbedderMisconfigured.

    Not fastembed's own download: that one takes half a minute to give up, keeps models in the system's folder for
    temporary files, where anybody may have put them, and where there is no hub it asks elsewhere.
    """
    from huggingface_hub import snapshot_download

    wanted = [description["model_file"], *description["additional_files"], "tokenizer.json"]
    snapshot = partial(
        snapshot_download,
        description["sources"]["hf"],
        allow_patterns=[*wanted, *_SMALL_FILES],
        # fastembed's own variable, for who has models there.
        cache_dir=os.environ.get("FASTEMBED_CACHE_PATH") or None,
    )
    # Whatever is wrong with the cache, a download is the next thing to try.
    with suppress(Exception):
        cached = Path(snapshot(local_files_only=True))
        if all((cached / file).is_file() for file in wanted):
            return cached
    try:
        return Path(snapshot())
    # Whatever a hub that is not there makes its client and that one's HTTP library raise.
    except Exception as error:
        raise EmbedderMisconfigured(
            f"the model {name!r} is not in Hugging Face's cache on this machine, and could not be downloaded. Without "
            "internet, copy the folder of a machine that has it (~/.cache/huggingface/hub) to this one, or a model's "
            f"own folder, and use fastembed:/path/to/that/folder. ({_reason(error)})"
        ) from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
