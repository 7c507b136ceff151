"""Hard negatives for training: which pairs of a package are put into a batch together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.near_misses import Vectors, near_misses


def _finder(queries: list[list[float]], texts: list[list[float]]) -> NDArray[np.int32]:
    """The near misses where the first four pairs are one package and the others another."""

    def unit(rows: list[list[float]]) -> NDArray[np.float32]:
        array = np.array(rows, dtype=np.float32)
        lengths: NDArray[np.float32] = np.linalg.norm(array, axis=1, keepdims=True)
        return array / lengths

    def vectors_of(chosen: NDArray[np.intp]) -> Vectors:
        return unit(queries)[chosen], unit(texts)[chosen]

    packages = np.array([0] * 4 + [1] * (len(queries) - 4), dtype=np.int32)
    return near_misses(packages, vectors_of, most=2)


AXES = np.eye(4).tolist()


def test_near_misses_are_the_most_similar_wrong_texts_of_the_same_package_nearest_first() -> None:
    # To the first question the third text is nearest, then the second; the fifth, the same as the third, is elsewhere.
    found = _finder([[0.5, 0.6, 0.9, 0.1], *AXES[1:], AXES[0]], [*AXES, AXES[2]])
    assert found[0].tolist() == [2, 1]


def test_a_pair_is_never_its_own_near_miss() -> None:
    found = _finder([*AXES], [*AXES])
    assert all(number not in misses for number, misses in enumerate(found.tolist()))


def test_the_same_piece_with_another_comment_taken_out_is_no_miss_because_it_answers_too() -> None:
    # The second text is the first one but for a little.
    found = _finder([AXES[0], *AXES[1:]], [AXES[0], [1, 0.1, 0, 0], *AXES[2:]])
    assert 1 not in found[0]
    assert sorted(found[0].tolist()) == [2, 3]


def test_a_package_with_too_few_pairs_has_minus_one_in_the_places_that_are_left() -> None:
    found = _finder([*AXES, AXES[0], AXES[1]], [*AXES, AXES[0], AXES[1]])
    assert found[4].tolist() == [5, -1]
    assert found[5].tolist() == [4, -1]
    alone = _finder([*AXES, AXES[0]], [*AXES, AXES[0]])
    assert alone[4].tolist() == [-1, -1]


def test_a_large_package_is_compared_in_blocks_and_the_numbers_are_those_of_the_whole() -> None:
    dice = np.random.default_rng(3)
    vectors = dice.standard_normal((4_100, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = near_misses(np.zeros(4_100, dtype=np.int32), lambda chosen: (vectors[chosen], vectors[chosen]), most=2)
    assert ((found[:2_000] >= 0) & (found[:2_000] < 2_000)).all()
    assert (found[4_000:] >= 4_000).all()
    expected = vectors[2_000:4_000] @ vectors[2_500]
    expected[500] = -1
    assert found[2_500, 0] == 2_000 + int(expected.argmax())
