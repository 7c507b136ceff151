from __future__ import annotations

import math
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.embedding import EmbeddingAborted, open_embedder
from pgdex.indexer.embedding.hashing import HashingEmbedder
from pgdex.indexer.embedding.validation import wordless_vector

hashing = HashingEmbedder()


def bucket_and_sign(word: str) -> tuple[int, float]:
    (vector,) = hashing.embed([word])
    (bucket,) = np.flatnonzero(vector)
    return int(bucket), float(vector[bucket])


@pytest.mark.parametrize(("word", "bucket", "sign"), [("alpha", 71, -1.0), ("parse", 178, 1.0), ("request", 90, -1.0)])
def test_a_word_keeps_its_place_and_sign_because_stored_vectors_depend_on_them(
    word: str, bucket: int, sign: float
) -> None:
    assert bucket_and_sign(word) == (bucket, sign)


def test_another_process_with_another_hash_seed_gives_the_same_vectors() -> None:
    code = (
        "from pgdex.indexer.embedding import open_embedder; import sys;"
        "v = open_embedder('hashing').embed(['def parseRequest(self): return http_error']);"
        "sys.stdout.write(v.tobytes().hex())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("0", "1")
    }
    here = hashing.embed(["def parseRequest(self): return http_error"]).tobytes().hex()
    assert outputs == {here}


@given(st.lists(st.text(max_size=60), max_size=20))
def test_any_texts_give_finite_vectors_of_length_one(texts: list[str]) -> None:
    vectors = hashing.embed(texts)
    assert vectors.shape == (len(texts), 256)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(texts)), abs=1e-5)


@given(st.lists(st.text("abcXY_ 12\n", max_size=60), min_size=1, max_size=20))
def test_a_texts_vector_does_not_depend_on_its_neighbours(texts: list[str]) -> None:
    together = hashing.embed(texts)
    for row, text in enumerate(texts):
        assert together[row].tobytes() == hashing.embed([text])[0].tobytes()


def test_more_texts_than_one_block_keep_their_order() -> None:
    texts = [f"name{number} value{number}" for number in range(1000)]
    together = hashing.embed(texts)
    for row in (0, 255, 256, 511, 999):
        assert together[row].tobytes() == hashing.embed([texts[row]])[0].tobytes()


def test_a_words_weight_grows_with_the_logarithm_of_its_occurrences() -> None:
    once, often = "alpha", "beta"
    (vector,) = hashing.embed([f"{once} {' '.join([often] * 5)}"])
    (place_once, sign_once), (place_often, sign_often) = map(bucket_and_sign, (once, often))
    assert place_once != place_often
    ratio = (vector[place_often] * sign_often) / (vector[place_once] * sign_once)
    assert ratio == pytest.approx(1 + math.log(5), rel=1e-5)


def test_about_half_of_the_words_count_negative_and_they_spread_over_all_places() -> None:
    found = [bucket_and_sign(word) for word in pseudo_words(1500)]
    negative = sum(sign < 0 for _, sign in found)
    assert 600 < negative < 900
    assert len({bucket for bucket, _ in found}) > 240


def pseudo_words(count: int) -> list[str]:
    """Made of letters only, so that no rule splits them."""
    letters = "bcdfghjklm"
    return ["".join(letters[int(digit)] for digit in f"{n:05d}") for n in range(count)]


@pytest.mark.parametrize("text", ["", "   \n", "{}();", "\x00"])
def test_a_text_without_words_gets_the_fixed_vector(text: str) -> None:
    assert hashing.embed([text])[0] == pytest.approx(wordless_vector(256))


def test_words_that_cancel_each_other_out_do_not_leave_a_vector_of_zeros() -> None:
    by_place: dict[int, dict[float, str]] = {}
    for word in pseudo_words(1500):
        bucket, sign = bucket_and_sign(word)
        by_place.setdefault(bucket, {})[sign] = word
    plus, minus = next((d[1.0], d[-1.0]) for d in by_place.values() if len(d) == 2)
    assert hashing.embed([f"{plus} {minus}"])[0] == pytest.approx(wordless_vector(256))


def test_code_is_closer_to_a_query_that_shares_its_words() -> None:
    query = hashing.embed_query("parse http request header")
    fitting, other = hashing.embed(
        [
            "def parse_header(request: HttpRequest) -> Header: ...",
            "class BinaryTree:\n    def rotate_left(self, node): ...",
        ]
    )
    assert query.shape == (256,)
    assert query @ fitting > 0.3 > query @ other


@pytest.mark.parametrize("dimension", [16, 100, 512, 4000])
def test_any_dimension_can_be_chosen(dimension: int) -> None:
    embedder = open_embedder(f"hashing:{dimension}")
    embedder.probe()
    assert embedder.dimension == dimension
    assert embedder.embed(["some words", ""]).shape == (2, dimension)


def test_the_cache_of_words_is_bounded_and_does_not_change_vectors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pgdex.indexer.embedding.hashing._CACHED_WORDS", 50)
    small = HashingEmbedder()
    texts = [f"{a} {b}" for a, b in pairwise(pseudo_words(300))]
    assert small.embed(texts).tobytes() == hashing.embed(texts).tobytes()
    assert len(small._codes) <= 50


def test_an_abort_is_seen_between_blocks() -> None:
    asked = 0

    def aborted() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    with pytest.raises(EmbeddingAborted):
        hashing.embed(["a few words"] * 10_000, aborted=aborted)
    assert asked == 3
