"""Which words texts have and how often, for many texts at once: one pass that all users of words share.

A list of words for each text costs 41 microseconds for a chunk of 930 characters, and every user of it (the lexemes,
the bundled model) another 25 to 50 in loops over words. Here each distinct identifier of a block is split once, and the
rest is sorting of integers in numpy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pgdex.indexer.lexemes import split_token, tokens

Integers = NDArray[np.int64]

# An entry in one integer: the text, the word, how often. A word counts 65,535 times at most.
MOST_TEXTS: Final = 1 << 20
_NUMBER_BITS: Final = 27
_COUNT_BITS: Final = 16
_MOST_TIMES: Final = (1 << _COUNT_BITS) - 1


@dataclass(frozen=True, slots=True)
class WordBags:
    """The bags of words of some texts; entry i says that text `texts[i]` has the word `words[numbers[i]]`
    `counts[i]` times.

    Entries are in the order of their texts, and no word occurs twice in one. `lengths` has one number for each text:
    how many words it has, each time counted.
    """

    words: list[str]
    texts: Integers
    numbers: Integers
    counts: Integers
    lengths: Integers

    def regrouped(self, groups: Integers, count: int) -> "WordBags":
        """The bags of `count` larger texts; `groups` says for each entry which of them it belongs to."""
        texts, numbers, counts = counted(groups, self.numbers, self.counts)
        return WordBags(self.words, texts, numbers, counts, _lengths(texts, counts, count))


class _Numbers(dict[str, int]):
    """Numbers strings in the order in which they are asked for."""

    def __missing__(self, string: str) -> int:
        number = self[string] = len(self)
        return number


def word_bags(texts: Sequence[str]) -> WordBags:
    """The words of each of up to a million texts, as `pgdex.indexer.lexemes.words` gives them."""
    if len(texts) > MOST_TEXTS:
        raise ValueError(f"at most {MOST_TEXTS:,} texts at once, got {len(texts):,}")
    numbers = _Numbers()
    found = [tokens(text) for text in texts]
    token_of, text_of = _flat(found, numbers)
    # What a token splits into, as rows of one array after another.
    word_numbers = _Numbers()
    splits = list(map(split_token, numbers))
    word_of = np.fromiter(map(word_numbers.__getitem__, chain.from_iterable(splits)), dtype=np.int64)
    sizes = np.fromiter(map(len, splits), dtype=np.int64, count=len(splits))
    starts = np.cumsum(sizes) - sizes

    text_of, token_of, times = counted(text_of, token_of, 1)
    size_of = sizes[token_of]
    # 0, 1, 2, … within each token's row.
    within = np.arange(size_of.sum(), dtype=np.int64) - np.repeat(np.cumsum(size_of) - size_of, size_of)
    texts_found, numbers_found, counts = counted(
        np.repeat(text_of, size_of),
        word_of[np.repeat(starts[token_of], size_of) + within],
        np.repeat(times, size_of),
    )
    return WordBags(list(word_numbers), texts_found, numbers_found, counts, _lengths(texts_found, counts, len(texts)))


def _flat(found: Sequence[list[str]], numbers: _Numbers) -> tuple[Integers, Integers]:
    """The numbers of all tokens, and the number of the text that each is in."""
    lengths = list(map(len, found))
    token_of = np.fromiter(map(numbers.__getitem__, chain.from_iterable(found)), dtype=np.int64, count=sum(lengths))
    return token_of, np.repeat(np.arange(len(found), dtype=np.int64), lengths)


def _lengths(texts: Integers, counts: Integers, count: int) -> Integers:
    return np.bincount(texts, weights=counts, minlength=count).astype(np.int64)


def counted(texts: Integers, numbers: Integers, times: Integers | int) -> tuple[Integers, Integers, Integers]:
    """Each pair of text (below 2^20) and number (below 2^27) once, in order, and how many times it was there in all.

    Everything in one integer, because numpy sorts integers five times as fast as it finds the order that would sort
    them.
    """
    keys = texts << (_NUMBER_BITS + _COUNT_BITS)
    keys |= numbers << _COUNT_BITS
    keys |= np.minimum(times, _MOST_TIMES)
    keys.sort()
    counts = keys & _MOST_TIMES
    keys >>= _COUNT_BITS
    firsts = np.flatnonzero(np.diff(keys, prepend=-1))
    counts = np.add.reduceat(counts, firsts) if len(firsts) else counts
    keys = keys[firsts]
    return keys >> _NUMBER_BITS, keys & ((1 << _NUMBER_BITS) - 1), counts
