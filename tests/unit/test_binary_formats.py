"""The binary formats of arrays and vectors, byte for byte; that PostgreSQL reads them is an integration test's."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.binary_formats import MOST_SPARSE_ELEMENTS, halfvecs, integer_arrays, sparsevecs

ROWS = st.lists(st.dictionaries(st.integers(0, 999), st.floats(0.0078125, 100, width=32), max_size=20), max_size=6)


def columns(rows: list[dict[int, float]]) -> tuple["np.ndarray[tuple[int], np.dtype[np.int64]]", ...]:
    indices = [index for row in rows for index in sorted(row)]
    return np.array(indices, dtype=np.int64), np.cumsum([len(row) for row in rows], dtype=np.int64)


@given(ROWS)
def test_a_sparsevec_has_its_head_then_its_places_then_its_values(rows: list[dict[int, float]]) -> None:
    indices, ends = columns(rows)
    values = np.array([row[index] for row in rows for index in sorted(row)], dtype=np.float64)
    result = sparsevecs(indices, values, ends, dimension=1_000)
    assert len(result) == len(rows)
    for row, binary in zip(rows, result, strict=True):
        expected = struct.pack(">iii", 1_000, len(row), 0) + struct.pack(f">{len(row)}i", *sorted(row))
        assert binary == expected + struct.pack(f">{len(row)}f", *(row[index] for index in sorted(row)))


@given(st.lists(st.tuples(st.lists(st.integers(0, 2**31 - 1), max_size=6), st.lists(st.integers(0, 9), max_size=3))))
def test_an_array_has_its_numbers_and_then_the_others(rows: list[tuple[list[int], list[int]]]) -> None:
    numbers = np.array([number for row, _ in rows for number in row], dtype=np.int64)
    ends = np.cumsum([len(row) for row, _ in rows], dtype=np.int64)
    result = integer_arrays(numbers, ends, [more for _, more in rows])
    for (row, more), binary in zip(rows, result, strict=True):
        elements = row + more
        if not elements:
            assert binary == struct.pack(">iii", 0, 0, 23)
            continue
        assert binary[:20] == struct.pack(">iiiii", 1, 0, 23, len(elements), 1)
        assert binary[20:] == b"".join(struct.pack(">ii", 4, element) for element in elements)


def test_a_halfvec_has_its_dimension_and_half_floats() -> None:
    rows = np.array([[0.5, -1.0, 0.0], [2.0, 0.25, 1.0]], dtype=np.float32)
    assert halfvecs(rows) == [
        struct.pack(">hh3e", 3, 0, 0.5, -1.0, 0.0),
        struct.pack(">hh3e", 3, 0, 2.0, 0.25, 1.0),
    ]


@pytest.mark.parametrize("shape", [(0, 0), (0, 4)])
def test_no_rows_are_no_halfvecs(shape: tuple[int, int]) -> None:
    assert halfvecs(np.empty(shape, dtype=np.float32)) == []


@pytest.mark.parametrize("more", [0, 1, 500])
def test_of_too_many_elements_the_largest_stay_in_the_order_of_their_places(more: int) -> None:
    count = MOST_SPARSE_ELEMENTS + more
    indices = np.arange(count, dtype=np.int64) * 3
    values = np.random.default_rng(1).permutation(count).astype(np.float64) + 1
    before, binary, after = sparsevecs(
        np.concatenate([[7], indices, [9]]),
        np.concatenate([[1.0], values, [2.0]]),
        np.array([1, count + 1, count + 2]),
        dimension=10**9,
    )
    assert before == struct.pack(">iiiif", 10**9, 1, 0, 7, 1.0)
    assert after == struct.pack(">iiiif", 10**9, 1, 0, 9, 2.0)
    assert struct.unpack_from(">iii", binary) == (10**9, MOST_SPARSE_ELEMENTS, 0)
    found = struct.unpack_from(f">{MOST_SPARSE_ELEMENTS}i", binary, 12)
    assert list(found) == indices[values > more].tolist()
    kept = struct.unpack_from(f">{MOST_SPARSE_ELEMENTS}f", binary, 12 + 4 * MOST_SPARSE_ELEMENTS)
    assert list(kept) == values[values > more].tolist()


def test_every_row_of_an_array_needs_its_others() -> None:
    with pytest.raises(ValueError, match="zip"):
        integer_arrays(np.array([1, 2]), np.array([1, 2]), [[]])
