"""Which words texts have and how often, for many texts at once: one pass that all users of words share.

A list of words for each text costs 41 microseconds for a chunk of 930 characters, and every user of it (the lexemes,
the bundled model) another 25 to 50 in loops over words. Here each distinct identifier is split once and remembered by
number, and the rest is sorting of integers in numpy.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pgdex.indexer.ascii_tokens import TEXT_BITS, ascii_tokens
from pgdex.indexer.lexemes import split_new_token, tokens

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

    Those of `word_bags` are in the order of their texts, and no word occurs twice in one. `lengths` has one number for
    each text: how many words it has, each time counted.
    """

    words: list[str]
    texts: Integers
    numbers: Integers
    counts: Integers
    lengths: Integers

    def regrouped(self, groups: Integers, count: int) -> "WordBags":
        """The bags of `count` larger texts; `groups` says for each entry which of them it belongs to. The entries stay
        as they are: in no order, and a word may have several in one text, which count together."""
        return WordBags(self.words, groups, self.numbers, self.counts, _lengths(groups, self.counts, count))


class _Words(dict[str, int]):
    """Numbers words in the order in which they are met; `known` has them in that order."""

    def __init__(self) -> None:
        super().__init__()
        self.known: list[str] = []

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        self.known.append(word)
        return number


class _Identifiers(dict[str, int]):
    """Numbers the identifiers met so far, and the words that they split into. Threads may share it: what has a number
    is complete."""

    # Some 30 MB. Then another one takes its place: what is frequent is back at once.
    CAPACITY = 131_072

    def __init__(self) -> None:
        super().__init__()
        self.words = _Words()
        # The numbers of all identifiers' words, one identifier after the other, and where each one's end.
        self._splits = array("i")
        self._ends = array("i", [0])
        self._lock = Lock()

    def numbers_of(self, identifiers: Sequence[str]) -> Integers:
        """The number of each identifier; those that have none yet get one."""
        numbers = list(map(self.get, identifiers))
        new = [place for place, number in enumerate(numbers) if number is None]
        if new:
            with self._lock:
                self._add([identifiers[place] for place in new])
            for place in new:
                numbers[place] = self[identifiers[place]]
        return np.array(numbers, dtype=np.int64)

    def _add(self, identifiers: Iterable[str]) -> None:
        number_of = self.words.__getitem__
        for identifier in identifiers:
            if identifier not in self:  # it is there twice, or another thread was quicker
                self._splits.extend(map(number_of, split_new_token(identifier)))
                self._ends.append(len(self._splits))
                self[identifier] = len(self)

    def splits(self) -> tuple[Integers, Integers]:
        """The numbers of the words of all identifiers, and where those of each begin; one more for the end."""
        with self._lock:
            return np.array(self._splits, dtype=np.int64), np.array(self._ends, dtype=np.int64)


_identifiers = _Identifiers()


def word_bags(texts: Sequence[str]) -> WordBags:
    """The words of each of up to a million texts, as `pgdex.indexer.lexemes.words` gives them."""
    if len(texts) > MOST_TEXTS:
        raise ValueError(f"at most {MOST_TEXTS:,} texts at once, got {len(texts):,}")
    identifiers = _remembered()
    text_of, number_of, times = _found(texts, identifiers)
    splits, starts = identifiers.splits()

    start_of = starts[number_of]
    size_of = starts[number_of + 1] - start_of
    ends = np.cumsum(size_of)
    # Where each word of each identifier stands in `splits`.
    places = np.arange(ends[-1] if len(ends) else 0, dtype=np.int64) + np.repeat(start_of - ends + size_of, size_of)
    texts_found, words_found, counts = counted(np.repeat(text_of, size_of), splits[places], np.repeat(times, size_of))
    words, numbers = _of_this_block(identifiers.words.known, words_found)
    return WordBags(words, texts_found, numbers, counts, _lengths(texts_found, counts, len(texts)))


def _remembered() -> _Identifiers:
    global _identifiers  # noqa: PLW0603  # another one takes its place when it is full
    if len(_identifiers) >= _Identifiers.CAPACITY:
        _identifiers = _Identifiers()
    return _identifiers


def _found(texts: Sequence[str], identifiers: _Identifiers) -> tuple[Integers, Integers, Integers]:
    """Which identifiers the texts have: the number of the text, that of the identifier, how often; perhaps in several
    entries."""
    parts: list[tuple[Integers, Integers, Integers]] = []
    for first in range(0, len(texts), 1 << TEXT_BITS):
        block = texts[first : first + (1 << TEXT_BITS)]
        # What is no ASCII, as if it were empty.
        found = ascii_tokens([text if text.isascii() else "" for text in block])
        parts.append((found.texts + first, identifiers.numbers_of(found.strings)[found.numbers], found.times))
        others = [(text, token) for text, token in found.long]
        others += [(number, token) for number, text in enumerate(block) if not text.isascii() for token in tokens(text)]
        if others:
            owners = np.array([owner for owner, _ in others], dtype=np.int64)
            numbers = identifiers.numbers_of([token for _, token in others])
            parts.append((owners + first, numbers, np.ones(len(others), dtype=np.int64)))
    if not parts:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, nothing
    texts_found, numbers_found, times = (np.concatenate(column) for column in zip(*parts, strict=True))
    return texts_found, numbers_found, times


def _of_this_block(known: list[str], numbers: Integers) -> tuple[list[str], Integers]:
    """The words that occur of all that are known, and the numbers of these in place of theirs."""
    occurs = np.zeros(len(known), dtype=bool)
    occurs[numbers] = True
    words = list(map(known.__getitem__, np.flatnonzero(occurs).tolist()))
    return words, (np.cumsum(occurs) - 1)[numbers]


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
