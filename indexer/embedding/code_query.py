"""The bundled model without numpy, for one short text: a query.

A command that searches once would import numpy for some ten rows of the model's table, which takes 0.1 s; reading them
from the file takes 1 ms. `code_model` says what the model is, and embeds everything else.
"""

from __future__ import annotations

import math
import mmap
import struct
from ast import literal_eval
from collections import Counter
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pgdex.indexer.lexemes import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VERSION: Final = 1
DATA: Final = Path(__file__).with_name("code_model_data")

# Each takes 0.1 ms to be found; with more of them numpy is the faster way.
MOST_WORDS: Final = 100


def bucket_of(word: str, buckets: int) -> int:
    """The bucket of a word that has no row of its own. The same on every machine, unlike `hash()`."""
    digest = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") % buckets


class TooManyWords(ValueError):
    """The text has more than MOST_WORDS different words."""


def model_dimension(*, folder: Path = DATA) -> int:
    """The length of the model's vectors. Raises OSError or ValueError where its data are not there or not whole."""
    with (folder / "rows.npy").open("rb") as file:
        (_, dimension), _ = _layout(file.read(256))
    return dimension


def query_vector(text: str, *, weights: Mapping[str, float] | None = None, folder: Path = DATA) -> list[float]:
    """The vector that CodeEmbedder gives for `text`, with the same weights, but for rounding: each number within 1e-6.

    Raises TooManyWords, and OSError or ValueError where the model's data are not there or not whole.
    """
    occurrences = Counter(words(text))
    if len(occurrences) > MOST_WORDS:
        raise TooManyWords(f"{len(occurrences)} words")
    with (folder / "rows.npy").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as table:
        (count, dimension), first = _layout(table)
        if len(table) < first + count * dimension:
            raise ValueError("the tables of the bundled model do not fit together")
        row_weights = weights_of_rows(occurrences, _rows_of(occurrences, count, folder), weights or {})
        scales = _scales_of(row_weights, count, folder)
        sums = [0.0] * dimension
        for row, row_weight in row_weights.items():
            weight = row_weight * scales[row]
            numbers = struct.unpack_from(f"{dimension}b", table, first + row * dimension)
            sums = [total + weight * number for total, number in zip(sums, numbers, strict=True)]
    length = math.sqrt(math.fsum(total * total for total in sums))
    return [total / length for total in sums] if length else [1 / math.sqrt(dimension)] * dimension


def weights_of_rows(
    occurrences: Mapping[str, int], row_of: Mapping[str, int], weights: Mapping[str, float]
) -> dict[int, float]:
    """How much each row counts: 1 + ln(times that its words occur), times the largest of their weights (of 1)."""
    times: Counter[int] = Counter()
    largest: dict[int, float] = {}
    for word, occurring in occurrences.items():
        row = row_of[word]
        times[row] += occurring
        largest[row] = max(largest.get(row, 0.0), weights.get(word, 1.0))
    return {row: (1 + math.log(occurring)) * largest[row] for row, occurring in times.items()}


def _scales_of(rows: Iterable[int], count: int, folder: Path) -> dict[int, float]:
    """What the numbers of each of these rows, of `count`, are multiplied with. Raises ValueError."""
    (scale_count,), first = _layout(scales := (folder / "scales.npy").read_bytes())
    if scale_count != count:
        raise ValueError("the tables of the bundled model do not fit together")
    return {row: struct.unpack_from("<e", scales, first + 2 * row)[0] for row in rows}


def _rows_of(found: Iterable[str], count: int, folder: Path) -> dict[str, int]:
    """The row of each word, of `count` rows: its line in the vocabulary, or behind that its bucket."""
    vocabulary = b"\n" + (folder / "words.txt").read_bytes() + b"\n"
    size = vocabulary.count(b"\n") - 1
    rows = {}
    for word in found:
        at = vocabulary.find(b"\n" + word.encode("utf-8", "surrogatepass") + b"\n")
        rows[word] = size + bucket_of(word, count - size) if at < 0 else vocabulary.count(b"\n", 0, at)
    return rows


def _layout(array: bytes | mmap.mmap) -> tuple[tuple[int, ...], int]:
    """The shape of an array in numpy's file format 1.0, and where its numbers begin. Raises ValueError."""
    if array[:8] != b"\x93NUMPY\x01\x00":
        raise ValueError("not an array in numpy's file format 1.0")
    (size,) = struct.unpack_from("<H", array, 8)
    header = literal_eval(array[10 : 10 + size].decode("latin-1"))
    if header["descr"] not in ("|i1", "<f2") or header["fortran_order"]:
        raise ValueError(f"an array of {header['descr']} where small numbers in rows belong")
    return header["shape"], 10 + size
