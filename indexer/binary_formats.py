"""Rows of vectors and arrays in the binary formats of PostgreSQL and pgvector, as a binary COPY takes them.

- halfvec (halfvec_recv): the dimension and an unused field, then half floats.
- sparsevec (sparsevec_recv): the dimension, the number of elements, an unused field, the indices in ascending order,
  then the values.
- integer[] (array_recv): one dimension, no nulls, the element's type, the length, the lower bound, then each element
  with its length.
"""

import struct
from collections.abc import Sequence
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

_HALFVEC_HEAD = struct.Struct(">hh")
_SPARSEVEC_HEAD = struct.Struct(">iii")
_ARRAY_HEAD = struct.Struct(">iiiii")
_INTEGER_OID: Final = 23
_EMPTY_ARRAY: Final = struct.pack(">iii", 0, 0, _INTEGER_OID)
MOST_SPARSE_ELEMENTS: Final = 16_000


def halfvecs(rows: NDArray[np.float32]) -> list[bytes]:
    """Each row of an array of shape (count, dimension)."""
    head = _HALFVEC_HEAD.pack(rows.shape[1], 0) if rows.ndim == 2 else b""
    return [head + row.tobytes() for row in rows.astype(">f2")]


def halfvec_numbers(binary: bytes) -> NDArray[np.float32]:
    """The numbers of a halfvec that the server sent (halfvec_send)."""
    return np.frombuffer(binary, dtype=">f2", offset=_HALFVEC_HEAD.size).astype(np.float32)


def sparsevecs(
    indices: NDArray[np.int64], values: NDArray[np.float64], ends: NDArray[np.int64], *, dimension: int
) -> list[bytes]:
    """A sparsevec for each row; row i has the elements from `ends[i - 1]` to `ends[i]`.

    The indices of a row, from 0, must be in ascending order without repetition, the values positive. Of more elements
    than the 16,000 that pgvector stores the largest stay.
    """
    result = []
    start = 0
    big_indices, big_values = indices.astype(">i4"), values.astype(">f4")
    for end in ends.tolist():
        row_indices, row_values = big_indices[start:end], big_values[start:end]
        if end - start > MOST_SPARSE_ELEMENTS:
            kept = np.sort(np.argsort(-values[start:end], kind="stable")[:MOST_SPARSE_ELEMENTS])
            row_indices, row_values = row_indices[kept], row_values[kept]
        head = _SPARSEVEC_HEAD.pack(dimension, len(row_indices), 0)
        result.append(head + row_indices.tobytes() + row_values.tobytes())
        start = end
    return result


def integer_arrays(numbers: NDArray[np.int64], ends: NDArray[np.int64], more: Sequence[Sequence[int]]) -> list[bytes]:
    """An integer[] for each row: the numbers from `ends[i - 1]` to `ends[i]`, then those of `more[i]`."""
    elements = _elements(numbers)
    others = _elements(np.fromiter(chain.from_iterable(more), dtype=np.int64))
    result = []
    start = other_start = 0
    for end, size in zip(ends.tolist(), map(len, more), strict=True):
        other_end = other_start + size
        count = end - start + size
        if count:
            head = _ARRAY_HEAD.pack(1, 0, _INTEGER_OID, count, 1)
            result.append(head + elements[start:end].tobytes() + others[other_start:other_end].tobytes())
        else:
            result.append(_EMPTY_ARRAY)
        start, other_start = end, other_end
    return result


def _elements(numbers: NDArray[np.int64]) -> NDArray[np.int32]:
    """Integers as they stand in an array: each with its length before it."""
    elements = np.empty((len(numbers), 2), dtype=">i4")
    elements[:, 0] = 4
    elements[:, 1] = numbers
    return elements
