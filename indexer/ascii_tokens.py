"""The identifiers of many ASCII texts at once, without a string for each: a chunk has 90, and most of them are in other
chunks of its block too.

As strings that are looked up one by one they cost 200 nanoseconds each, half of what all work on words costs. Here
each becomes a number of 53 bits, made of its bytes by eights. Sorted, the numbers say which identifiers are alike, and
one string is made for those.
"""

import re
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Unsigned = NDArray[np.uint64]

TEXT_BITS: Final = 11
"""A text's number has so many, which leaves 53 to tell identifiers apart. That two of the 7,000 of a block are taken
for one has a probability of 3 in a billion."""
LONGEST: Final = 32
"""Longer identifiers are given as strings, one by one: there are few."""

_WORD_BYTES: Final = 8
_SPACE: Final = ord(" ")
# Every character that is no part of a word, as a space.
_SPACED: Final = bytes(code if re.match(r"\w", chr(code)) else _SPACE for code in range(128)) + bytes(128)
# Keeps so many bytes of eight, of which the first one read is the lowest.
_MASKS: Final = np.array([(1 << 8 * count) - 1 for count in range(_WORD_BYTES + 1)], dtype=np.uint64)
_TEXT_MASK: Final = np.uint64((1 << TEXT_BITS) - 1)
# Odd numbers without a pattern: those of splitmix64 (Steele, Lea, Flood 2014).
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_HALF: Final = np.uint64(32)


class Tokens(NamedTuple):
    """The distinct identifiers of some texts, and in which of them each is how often: entry i says that text
    `texts[i]` has `strings[numbers[i]]` `times[i]` times. Those that are longer than LONGEST stand in `long`, each
    time with its text."""

    strings: list[str]
    texts: Integers
    numbers: Integers
    times: Integers
    long: list[tuple[int, str]]


def ascii_tokens(texts: list[str]) -> Tokens:
    """The identifiers of up to 2,048 texts that are all ASCII, as `pgdex.indexer.lexemes.tokens` finds them."""
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    # A space before each text; behind the last one as much as is read at once.
    joined = " " + " ".join(texts) + " " * (LONGEST + _WORD_BYTES)
    spaced = joined.encode("ascii").translate(_SPACED)
    is_word = np.frombuffer(spaced, dtype=np.uint8) != _SPACE
    edges = np.flatnonzero(is_word[1:] != is_word[:-1]) + 1
    starts, sizes = edges[::2], edges[1::2] - edges[::2]
    text_ends = np.cumsum(lengths + 1)
    text_of = np.repeat(np.arange(len(texts)), np.diff(np.searchsorted(starts, text_ends), prepend=0))

    long = np.flatnonzero(sizes > LONGEST)
    long_tokens = [(int(text_of[one]), joined[starts[one] : starts[one] + sizes[one]]) for one in long.tolist()]
    if long_tokens:
        kept = sizes <= LONGEST
        starts, sizes, text_of = starts[kept], sizes[kept], text_of[kept]
    keys = (_hashes(spaced, starts, sizes) & ~_TEXT_MASK) | text_of.astype(np.uint64)
    order = np.argsort(keys)
    keys = keys[order]
    firsts = _firsts(keys)
    hashes = keys[firsts] & ~_TEXT_MASK
    first_of_string = _firsts(hashes)
    samples = order[firsts[first_of_string]]
    ends = (starts + sizes)[samples].tolist()
    strings = [joined[start:end] for start, end in zip(starts[samples].tolist(), ends, strict=True)]
    return Tokens(
        strings,
        (keys[firsts] & _TEXT_MASK).astype(np.int64),
        np.repeat(np.arange(len(strings)), np.diff(first_of_string, append=len(hashes))),
        np.diff(firsts, append=len(keys)),
        long_tokens,
    )


def _hashes(spaced: bytes, starts: Integers, sizes: Integers) -> Unsigned:
    """A number for each identifier, which only those with the same bytes share, as good as always."""
    # Eight bytes from each place on.
    eights: Unsigned = np.ndarray((len(spaced) - _WORD_BYTES + 1,), dtype="<u8", buffer=spaced, strides=(1,))
    hashes = _mixed(eights[starts] & _MASKS[np.minimum(sizes, _WORD_BYTES)])
    for begin in range(_WORD_BYTES, LONGEST, _WORD_BYTES):
        longer = np.flatnonzero(sizes > begin)
        if not len(longer):
            break
        more = eights[starts[longer] + begin] & _MASKS[np.minimum(sizes[longer] - begin, _WORD_BYTES)]
        hashes[longer] = _mixed(hashes[longer] ^ (more + _SECOND))
    return hashes


def _mixed(numbers: Unsigned) -> Unsigned:
    """Other numbers, one for each, in which all bits depend on all."""
    numbers = (numbers ^ (numbers >> _HALF)) * _FIRST
    numbers = (numbers ^ (numbers >> _HALF)) * _SECOND
    return numbers ^ (numbers >> _HALF)


def _firsts(keys: Unsigned) -> Integers:
    """Where sorted keys begin to be other ones."""
    is_first = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    return np.flatnonzero(is_first)
