from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st

from pgdex.indexer.embedding import InvalidEmbedderResponse
from pgdex.indexer.embedding.texts import byte_length, within_bytes
from pgdex.indexer.embedding.validation import unit_vectors, wordless_vector

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(np_st.arrays(np.float64, np_st.array_shapes(min_dims=2, max_dims=2), elements=finite))
def test_every_finite_vector_comes_out_with_length_one(values: Any) -> None:
    vectors = unit_vectors(values.tolist(), count=len(values), dimension=None, source="it", zeros_are_wordless=True)
    assert vectors.shape == values.shape
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors.astype(np.float64), axis=1) == pytest.approx(1, abs=1e-5)


@given(np_st.arrays(np.float64, (1, 5), elements=st.floats(-1e3, 1e3).filter(lambda x: x != 0)))
def test_normalising_keeps_the_direction(values: Any) -> None:
    (vector,) = unit_vectors(values, count=1, dimension=5, source="it")
    assert vector * np.linalg.norm(values) == pytest.approx(values[0], rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1.0, 2.0]], "it answered with 1 vector for 2 texts"),
        ([[1.0]] * 3, "it answered with 3 vectors for 2 texts"),
        ([[1.0], [1.0]], "it answered with vectors of 1 number where 2 belong"),
        ([[1.0, 2.0], [1.0]], "did not answer with one list of numbers"),
        ([1.0, 2.0], "did not answer with one list of numbers"),
        ([[], []], "did not answer with one list of numbers"),
        ([[[1.0, 2.0]], [[1.0, 2.0]]], "did not answer with one list of numbers"),
        ([["a", "b"], ["c", "d"]], "did not answer with one list of numbers"),
        ([{"a": 1}, {"a": 1}], "did not answer with one list of numbers"),
        ([[10**400, 1], [1, 1]], "did not answer with one list of numbers"),
        ([[1.0, float("nan")], [1.0, 2.0]], "holds NaN, infinity"),
        ([[1.0, float("-inf")], [1.0, 2.0]], "holds NaN, infinity"),
        ([[1.0, None], [1.0, 2.0]], "holds NaN, infinity"),
        ([[0.0, 0.0], [1.0, 2.0]], "a vector of zeros"),
        (None, "nothing instead of a list of vectors"),
        ({"a": 1}, "an object instead of a list of vectors"),
        ("abc", "a text instead of a list of vectors"),
        (3, "a number instead of a list of vectors"),
    ],
)
def test_what_is_no_list_of_vectors_is_named(values: object, message: str) -> None:
    with pytest.raises(InvalidEmbedderResponse) as raised:
        unit_vectors(values, count=2, dimension=2, source="it")
    assert message in str(raised.value)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=20,
)


@given(json_like)
def test_any_json_is_either_sound_vectors_or_an_invalid_response(values: object) -> None:
    try:
        vectors = unit_vectors(values, count=2, dimension=2, source="it")
    except InvalidEmbedderResponse:
        return
    assert vectors.shape == (2, 2)
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_no_texts_give_no_vectors_of_the_right_width() -> None:
    assert unit_vectors([], count=0, dimension=7, source="it").shape == (0, 7)


def test_a_vector_of_zeros_becomes_the_wordless_vector_where_that_is_allowed() -> None:
    (vector,) = unit_vectors(np.zeros((1, 9)), count=1, dimension=9, source="it", zeros_are_wordless=True)
    assert vector == pytest.approx(wordless_vector(9))
    assert np.linalg.norm(wordless_vector(9)) == pytest.approx(1)


@given(st.text(st.characters()), st.integers(0, 40))
def test_a_cut_text_fits_is_valid_and_is_the_start_of_the_text(text: str, limit: int) -> None:
    cut = within_bytes(text, limit)
    assert len(cut.encode("utf-8")) <= limit
    assert text.encode("utf-8", "replace").decode().startswith(cut)
    assert byte_length(cut) == len(cut.encode("utf-8"))
    assert len(text.encode("utf-8", "replace")) > limit or len(cut) == len(text)
