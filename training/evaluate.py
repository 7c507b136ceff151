"""What the model is worth beside others, printed as the tables of docs/model.md.

Run: python -m training.evaluate DIR [TRAINED...] [--annotations DIR --sources DIR]

DIR is where training.collect and training.pairs have worked; the packages held out from training are in it too.
TRAINED are folders with a table.npz (of training.train or training.distil) to compare with. Annotations and
sources are those of benchmarks.search_quality; they are looked at and never learnt from.
"""

import argparse
from collections import defaultdict
from pathlib import Path
from statistics import mean

import numpy as np

from pgdex.indexer.embedding.code_model import CodeEmbedder
from pgdex.indexer.embedding.hashing import HashingEmbedder
from training.development import repositories, scores
from training.export import quantised
from training.retrieval import Embed, HeldOut

_KINDS = ("doc", "comment", "message", "name")


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("trained", type=Path, nargs="*")
    options.add_argument("--annotations", type=Path)
    options.add_argument("--sources", type=Path)
    given = options.parse_args()
    embedders: dict[str, Embed] = {"hashing": HashingEmbedder().embed}
    for folder in given.trained:
        table = np.load(folder / "table.npz")
        embedders[folder.name] = CodeEmbedder(table=quantised(table["words"].tolist(), table["rows"])).embed
    embedders["code"] = CodeEmbedder().embed
    if given.annotations and given.sources:
        _development(embedders, given.annotations, given.sources)
    sets = {kind: HeldOut(given.folder, kind) for kind in _KINDS}
    found = {name: {kind: sets[kind].scores(embed) for kind in _KINDS} for name, embed in embedders.items()}
    print("\nHeld-out packages, NDCG@10 (MRR@10)")
    _table(["", *_KINDS], [[name, *(_both(values[kind]["all"]) for kind in _KINDS)] for name, values in found.items()])
    print("\nHeld-out packages, documentation comment to definition, NDCG@10")
    languages = sets["doc"].languages()
    _table(
        ["language", "packages", "queries", *embedders],
        [
            [language, str(packages), str(queries), *(f"{found[name]['doc'][language][1]:.3f}" for name in embedders)]
            for language, (packages, queries) in languages.items()
        ],
    )


def _development(embedders: dict[str, Embed], annotations: Path, sources: Path) -> None:
    known = list(repositories(annotations, sources))
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for name, embed in embedders.items():
        for repository in known:
            for question, score in scores(repository, embed):
                for row in (repository.name, question.category, "all"):
                    values[name, row].append(score)
    rows = [*(repository.name for repository in known), "architecture", "semantic", "symbol", "all"]
    print("\nDevelopment set, vectors alone, chunk mode, NDCG@10")
    first = next(iter(embedders))
    _table(
        ["", "queries", *embedders],
        [
            [row, str(len(values[first, row])), *(f"{mean(values[name, row]):.3f}" for name in embedders)]
            for row in rows
        ],
    )


def _both(value: tuple[float, float]) -> str:
    return f"{value[1]:.3f} ({value[0]:.3f})"


def _table(head: list[str], rows: list[list[str]]) -> None:
    print("\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]))


if __name__ == "__main__":
    main()
