"""The terms that lexical search looks for: stems of words, and marks for definitions and symbols.

A term is the stem of a word (Snowball's English stemmer, Porter 2), so that a question about retries finds `retry`. It
is stored as a number, its term_id in a vector of terms: an array of those costs the worker a thirtieth of a tsvector
(1 microsecond a chunk, not 32) and PostgreSQL half of its size.
"""

import re
from collections.abc import Callable
from typing import Final
from zlib import crc32

import Stemmer

# The largest dimension of a sparsevec. Of 200,000 terms, one in 5,000 shares its term_id with another: what such a pair
# costs is a little rank, and only where both are asked for or in one chunk.
TERM_IDS: Final = 1_000_000_000

# Terms beside those that BM25 weighs, which choose chunks: "=" and the last part of a name where it is defined, "~" and
# the same in small letters, "?" and the last part where it is only declared or passed on, "@" and a stem where it is in
# a symbol.
_DEFINITION_MARK: Final = "="
_FOLDED_MARK: Final = "~"
_DECLARED_MARK: Final = "?"
_SYMBOL_MARK: Final = "@"
_LAST_PART = re.compile(r"[\w$?!~-]+\Z")


class _Stems(dict[str, str]):
    """The stem of each word met so far; emptied when it is full (some 12 MB)."""

    CAPACITY = 131_072

    def __init__(self) -> None:
        # Without its own cache, which costs more than the stemming: 1.5 microseconds a word, 0.45 without.
        self._stem = Stemmer.Stemmer("english", 0).stemWord

    def __missing__(self, word: str) -> str:
        if len(self) >= self.CAPACITY:
            self.clear()
        stem = self[word] = self._stem(word) or word
        return stem


class _TermIds(dict[str, int]):
    """The term_id of the term that `term_of` makes of each word's stem; the same on every machine."""

    CAPACITY = 131_072

    def __init__(self, term_of: Callable[[str], str]) -> None:
        self._term_of = term_of

    def __missing__(self, word: str) -> int:
        if len(self) >= self.CAPACITY:
            self.clear()
        term_id = self[word] = term_id_of(self._term_of(_STEMS[word]))
        return term_id


def symbol_term(stem: str) -> str:
    """The term of a chunk that has a word with this stem in its symbols."""
    return _SYMBOL_MARK + stem


_STEMS = _Stems()
WORD_TERM_IDS = _TermIds(str)
SYMBOL_TERM_IDS = _TermIds(symbol_term)


def stem_of(word: str) -> str:
    """The term that a word is looked for by."""
    return _STEMS[word]


def term_id_of(term: str) -> int:
    """Where a term stands in a vector of terms, from 0."""
    return crc32(term.encode("utf-8", "surrogatepass")) % TERM_IDS


def definition_terms(name: str) -> tuple[str, str] | None:
    """The terms of a definition of `name`: as it is spelled, and in small letters.

    None for what is no name. Of a qualified name the last part counts.
    """
    found = _LAST_PART.search(name)
    return None if found is None else (_DEFINITION_MARK + found[0], _FOLDED_MARK + found[0].lower())


def declared_term(name: str) -> str | None:
    """The term of a chunk that only declares `name` or passes it on, as it is spelled; None for what is no name."""
    found = _LAST_PART.search(name)
    return None if found is None else _DECLARED_MARK + found[0]
