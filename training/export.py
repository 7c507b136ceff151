"""Writes a trained table as the bundled model's data: int8 rows with a float16 scale each, and the words.

Run: python -m training.export TRAINED [--into indexer/embedding/code_model_data]
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pgdex.indexer.embedding.code_model import Table
from pgdex.indexer.embedding.code_query import DATA

MOST_BYTES = 16_000_000


def main() -> None:
    """Quantise and write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("trained", type=Path)
    options.add_argument("--into", type=Path, default=DATA)
    given = options.parse_args()
    trained = np.load(given.trained / "table.npz")
    print(f"{write(quantised(trained['words'].tolist(), trained['rows']), given.into)} bytes in {given.into}")


def quantised(words: list[str], rows: NDArray[np.float32]) -> Table:
    """The table in bytes. A row's largest number becomes 127."""
    scales = (np.abs(rows).max(axis=1) / 127).astype(np.float16)
    safe = np.where(scales == 0, 1, scales).astype(np.float32)
    return Table(words, np.clip(np.rint(rows / safe[:, None]), -127, 127).astype(np.int8), scales)


def write(table: Table, folder: Path) -> int:
    """Write the files; the number of their bytes. Raises ValueError if they are too large."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "words.txt").write_text("\n".join(table.words), encoding="utf-8")
    np.save(folder / "rows.npy", table.rows)
    np.save(folder / "scales.npy", table.scales)
    size = sum(file.stat().st_size for file in folder.iterdir())
    if size > MOST_BYTES:
        raise ValueError(f"the model takes {size} bytes, more than {MOST_BYTES}")
    return size


if __name__ == "__main__":
    main()
