"""Near misses: for each pair, the pairs of the same package whose texts a model takes for the answer to its question.

What a search shows wrongly is seldom code of another kind: it is another piece of the same project. So training puts
these pairs into one batch with the pair (hard negatives: Xiong et al. 2021 and many others), found once by the model
that training starts from.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# Pairs of a package that are compared with one another: a large one, of 15,000, is cut into such blocks.
_BLOCK = 2_000
# Texts as alike as this are the same piece with another comment taken out: it answers the question as well.
_SAME = 0.9

Vectors = tuple[NDArray[np.float32], NDArray[np.float32]]


def near_misses(
    packages: NDArray[np.int32], vectors_of: Callable[[NDArray[np.intp]], Vectors], *, most: int = 8
) -> NDArray[np.int32]:
    """Shape (pairs, most): the numbers of the pairs nearest to each question, nearest first, -1 where there are fewer.

    `packages` is the package of each pair, those of one package in succession. `vectors_of` gives of some pairs the
    vectors of their questions and of their texts, each of shape (pairs, dimension) and at length 1.
    """
    found = np.full((len(packages), most), -1, dtype=np.int32)
    edges = [0, *(np.flatnonzero(np.diff(packages)) + 1).tolist(), len(packages)]
    for start, stop in pairwise(edges):
        for first in range(start, stop, _BLOCK):
            numbers = np.arange(first, min(first + _BLOCK, stop))
            if len(numbers) > 1:
                nearest = _nearest(*vectors_of(numbers), most)
                found[numbers, : nearest.shape[1]] = np.where(nearest < 0, -1, nearest + first)
    return found


def _nearest(queries: NDArray[np.float32], texts: NDArray[np.float32], most: int) -> NDArray[np.intp]:
    alike = queries @ texts.T
    np.fill_diagonal(alike, -np.inf)
    # Twice as many, because some are twins of the answer.
    count = min(2 * most, len(texts) - 1)
    among = np.argpartition(-alike, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(alike, among, axis=1), axis=1, kind="stable")
    among = np.take_along_axis(among, order, axis=1)
    twins = np.einsum("ijk,ik->ij", texts[among], texts) >= _SAME
    kept = np.where(twins, -1, among)
    # Those that are left move to the front.
    return np.take_along_axis(kept, np.argsort(twins, axis=1, kind="stable"), axis=1)[:, :most]
