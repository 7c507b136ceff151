"""Identifiers found by their bytes in many texts at once, against those that are found one by one."""

from collections import Counter

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from pgdex.indexer import ascii_tokens as module
from pgdex.indexer.ascii_tokens import LONGEST, TEXT_BITS, ascii_tokens
from pgdex.indexer.lexemes import tokens

CHARACTERS = st.characters(min_codepoint=0, max_codepoint=127)
# Names that differ in one byte, at each place of the eights that they are read by.
NAMES = st.builds(lambda size, last: "a" * size + last, st.integers(0, 2 * LONGEST), st.sampled_from("ab_0"))
TEXTS = st.lists(st.text(CHARACTERS, max_size=60) | st.lists(NAMES, max_size=8).map(" ".join), max_size=10)


def counters(texts: list[str]) -> list[Counter[str]]:
    """What is found in each text."""
    found = ascii_tokens(texts)
    assert len(set(found.strings)) == len(found.strings)
    result: list[Counter[str]] = [Counter() for _ in texts]
    for text, number, times in zip(found.texts.tolist(), found.numbers.tolist(), found.times.tolist(), strict=True):
        assert found.strings[number] not in result[text], "one entry for each identifier of a text"
        result[text][found.strings[number]] = times
    for text, token in found.long:
        assert len(token) > LONGEST
        result[text][token] += 1
    return result


@given(TEXTS)
@example([])
@example([""])
@example(["", "a", "", "a" * LONGEST + " " + "a" * (LONGEST + 1), "\0a\0a"])
def test_the_identifiers_are_those_that_are_found_one_by_one(texts: list[str]) -> None:
    assert counters(texts) == [Counter(tokens(text)) for text in texts]


def test_as_many_texts_as_fit_are_kept_apart() -> None:
    texts = [f"own_{number} shared shared" for number in range(1 << TEXT_BITS)]
    assert counters(texts) == [Counter(tokens(text)) for text in texts]


def test_numbers_of_identifiers_that_differ_in_little_differ() -> None:
    """Names that are alike up to a digit, as generated code has them, of all sizes; 53 bits tell a million apart."""
    names = [f"{'n' * (number % 24)}{number:06}" for number in range(100_000)]
    spaced = (" " + " ".join(names) + " " * 40).encode()
    sizes = np.array([len(name) for name in names])
    starts = 1 + np.cumsum(sizes + 1) - sizes - 1
    hashes = module._hashes(spaced, starts, sizes) >> np.uint64(TEXT_BITS)
    assert len(np.unique(hashes)) == len(names)
