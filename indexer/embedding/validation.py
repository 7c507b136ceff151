"""The one place that decides whether vectors are fit to be stored, and normalises them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pgdex.indexer.embedding.errors import InvalidEmbedderResponse

if TYPE_CHECKING:
    from numpy.typing import NDArray


def wordless_vector(dimension: int) -> NDArray[np.float32]:
    """The vector of a text with nothing in it to embed: all numbers equal, of length 1.

    Not a unit vector along one axis: that would be a hashed word's own vector.
    """
    return np.full(dimension, 1 / math.sqrt(dimension), dtype=np.float32)


def unit_vectors(
    values: object,
    *,
    count: int,
    dimension: int | None,
    source: str,
    zeros_are_wordless: bool = False,
) -> NDArray[np.float32]:
    """Check what a provider returned for `count` texts, and scale each vector to length 1.

    `values` is a list of lists of numbers, or an array. Returns shape (count, dimension), float32;
    the dimension is the one found if `dimension` is None. A vector of zeros is refused, or replaced
    by the wordless vector. `source` names the provider in messages. Raises InvalidEmbedderResponse.
    """
    if not isinstance(values, (list, np.ndarray)):
        raise InvalidEmbedderResponse(f"{source} answered with {_kind(values)} instead of a list of vectors")
    if len(values) != count:
        raise InvalidEmbedderResponse(
            f"{source} answered with {_counted(len(values), 'vector')} for {_counted(count, 'text')}"
        )
    try:
        vectors = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidEmbedderResponse(_not_vectors(source)) from None
    if count == 0 and dimension is not None:
        return np.empty((0, dimension), dtype=np.float32)
    if len(vectors.shape[1:]) != 1 or vectors.shape[1] == 0:
        raise InvalidEmbedderResponse(_not_vectors(source))
    if dimension is not None and vectors.shape[1] != dimension:
        raise InvalidEmbedderResponse(
            f"{source} answered with vectors of {_counted(vectors.shape[1], 'number')} where "
            f"{dimension} belong: check that it still serves the same model"
        )
    if not np.isfinite(vectors).all():
        raise InvalidEmbedderResponse(f"{source} answered with a vector that holds NaN, infinity or no number at all")
    return _normalised(vectors, source=source, zeros_are_wordless=zeros_are_wordless)


def _normalised(vectors: NDArray[np.float64], *, source: str, zeros_are_wordless: bool) -> NDArray[np.float32]:
    # First by the largest number, so that neither 1e300 nor 1e-300 is lost when squared.
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0.0)
    zeros = largest[:, 0] == 0.0
    if zeros.any() and not zeros_are_wordless:
        raise InvalidEmbedderResponse(f"{source} answered with a vector of zeros, which matches nothing")
    largest[zeros] = 1.0
    scaled = vectors / largest
    scaled[zeros] = 1.0  # becomes the wordless vector
    scaled /= np.sqrt(np.einsum("ij,ij->i", scaled, scaled))[:, np.newaxis]
    unit: NDArray[np.float32] = scaled.astype(np.float32)
    return unit


def _not_vectors(source: str) -> str:
    return f"{source} did not answer with one list of numbers for each text, all of the same length"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _kind(value: object) -> str:
    names = {dict: "an object", str: "a text", bool: "a truth value", type(None): "nothing"}
    return names.get(type(value), "a number")
