"""A folder with an ONNX model of text embeddings, as the Hugging Face hub and sentence-transformers lay one out.

The network is in one file, the tokenizer in others, and how the vectors of tokens become one in `1_Pooling/config.json`
(https://sbert.net/docs/package_reference/sentence_transformer/models.html). fastembed wants to be told all of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pgdex.indexer.embedding.errors import EmbedderMisconfigured
from pgdex.indexer.embedding.prefixes import Prefixes, prefixes_for

if TYPE_CHECKING:
    from collections.abc import Mapping

# Where exporters put the network, the full one before those that were optimised or quantised for some processor.
_NETWORKS: Final = ("onnx/model.onnx", "model.onnx", "onnx/model_optimized.onnx", "model_optimized.onnx")
# Without these fastembed refuses a folder, and names them one after the other.
_TOKENIZER: Final = ("tokenizer.json", "tokenizer_config.json")
_POOLING: Final = "1_Pooling/config.json"
# The names of sentence-transformers, old and new, for what fastembed can do.
_POOLINGS: Final = {
    "pooling_mode_cls_token": "CLS",
    "pooling_mode_mean_tokens": "MEAN",
    "pooling_mode_lasttoken": "LAST_TOKEN",
    "cls": "CLS",
    "mean": "MEAN",
    "lasttoken": "LAST_TOKEN",
}


@dataclass(frozen=True, slots=True)
class OnnxFolder:
    """What a folder holds. `pooling` is the name of a member of fastembed's PoolingType."""

    path: Path
    network: str
    """The network's file, relative to `path`."""
    output: str
    """The output of the network that is used."""
    pooling: str
    dimension: int | None
    """The length of the vectors; None where the network does not say."""
    prefixes: Prefixes


def read_onnx_folder(path: Path) -> OnnxFolder:
    """Look at the files of a folder, and load the network once to see its outputs.

    Raises EmbedderMisconfigured; ImportError without onnxruntime.
    """
    network = _network(path)
    missing = [name for name in _TOKENIZER if not (path / name).is_file()]
    if missing:
        raise EmbedderMisconfigured(
            f"the folder {str(path)!r} has no {' and no '.join(missing)}, which the model's tokenizer needs: "
            "copy all small files of the model as well"
        )
    output, rank, dimension = _output(path / network)
    return OnnxFolder(
        path=path,
        network=network,
        output=output,
        # A network that ends with one vector for each text has pooled already.
        pooling="DISABLED" if rank == 2 else _pooling(path),
        dimension=dimension,
        prefixes=_prefixes(path),
    )


def _network(path: Path) -> str:
    for name in _NETWORKS:
        if (path / name).is_file():
            return name
    others = sorted(str(one.relative_to(path)) for folder in ("", "onnx") for one in (path / folder).glob("*.onnx"))
    if len(others) == 1:
        return others[0]
    found = f"several ONNX files ({', '.join(others[:5])})" if others else "no ONNX file"
    raise EmbedderMisconfigured(
        f"the folder {str(path)!r} holds {found}: fastembed: takes a folder with one named {' or '.join(_NETWORKS[:2])}"
    )


def _output(network: Path) -> tuple[str, int, int | None]:
    """The name, the rank and the last dimension of the output to use: one vector for each text, or else for each
    token."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Only to look: optimising a network of 100 MB takes a second, and fastembed does it again.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(network), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have only Exception in common
        raise EmbedderMisconfigured(
            f"{str(network)!r} is no ONNX model that onnxruntime can load: {' '.join(str(error).split())[:300]}"
        ) from error
    outputs = {one.name: one.shape for one in session.get_outputs()}
    # By the names that the exporters of sentence-transformers and optimum give, else the first.
    name = next((name for name in ("sentence_embedding", "last_hidden_state") if name in outputs), next(iter(outputs)))
    shape = outputs[name]
    if len(shape) not in (2, 3):
        raise EmbedderMisconfigured(
            f"the output {name!r} of {str(network)!r} has {len(shape)} dimensions, where an embedding model has 2 "
            "(a vector for each text) or 3 (one for each token)"
        )
    return name, len(shape), shape[-1] if isinstance(shape[-1], int) and shape[-1] > 0 else None


def _pooling(path: Path) -> str:
    said = _json(path / _POOLING)
    if said is None:
        raise EmbedderMisconfigured(
            f"the folder {str(path)!r} does not say how the vectors of tokens become one: it lacks {_POOLING}. Copy "
            'that file too or, for a model without one, write {"pooling_mode": "mean"} or {"pooling_mode": "cls"} into '
            "it, as the model's page says"
        )
    wanted = [name for name, used in said.items() if name.startswith("pooling_mode_") and used is True]
    if isinstance(said.get("pooling_mode"), str):
        wanted = [str(said["pooling_mode"])]
    if len(wanted) != 1 or wanted[0] not in _POOLINGS:
        raise EmbedderMisconfigured(
            f"{str(path / _POOLING)!r} asks for the pooling {' and '.join(wanted) or 'none'}: fastembed can do "
            "mean, cls or lasttoken, one of them"
        )
    return _POOLINGS[wanted[0]]


def _prefixes(path: Path) -> Prefixes:
    """What the model wants before texts: as sentence-transformers writes it, else by the folder's name."""
    said = _json(path / "config_sentence_transformers.json") or {}
    prompts = said.get("prompts")
    if not isinstance(prompts, dict) or not any(isinstance(one, str) and one for one in prompts.values()):
        return prefixes_for(path.resolve().name)
    named = {str(name).lower(): text for name, text in prompts.items() if isinstance(text, str)}
    document = next((named[name] for name in ("document", "passage") if name in named), "")
    return Prefixes(document=document, query=named.get("query", ""))


def _json(file: Path) -> Mapping[str, object] | None:
    """The object in a file; None if there is no such file. Raises EmbedderMisconfigured."""
    try:
        said = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise EmbedderMisconfigured(f"{str(file)!r} can't be read as JSON: {error}") from error
    if not isinstance(said, dict):
        raise EmbedderMisconfigured(f"{str(file)!r} holds no JSON object")
    return said
