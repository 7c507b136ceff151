"""The words of code: what lexical search, hashing and the bundled model all build on.

Made here and not by to_tsvector, which knows prose, not identifiers, and took 23 s for 100,000
chunks: more than all other work on them together.
"""

import re
from collections.abc import Iterator
from itertools import chain
from unicodedata import normalize

_TOKEN = re.compile(r"\w+")
# Every ASCII character that is no part of a word, as a space: in ASCII, translating and splitting finds the same tokens
# as the expression, in a quarter of its time. By bytes, since bytes.translate is a loop over a table: 4.9 ns a
# character with the splitting, 8.6 by str.translate.
_SPACED = bytes(code if _TOKEN.fullmatch(chr(code)) else ord(" ") for code in range(128)) + bytes(128)
# HTTPServer2 → HTTP, Server, 2; URLs stays one word.
_PART = re.compile(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# Scripts that put no spaces between words: Han, Kana, Hangul.
_DENSE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+")
_LONGEST_WORD = 100
_LONGEST_DENSE_WORD = 8
_MOST_PARTS = 32


class _Splits(dict[str, tuple[str, ...]]):
    """The words of each identifier met so far; a lookup of a known one costs no Python call.

    Emptied when it is full (some 15 MB): what is frequent is back at once.
    """

    CAPACITY = 65_536

    def __missing__(self, token: str) -> tuple[str, ...]:
        if len(self) >= self.CAPACITY:
            self.clear()
        split = self[token] = split_new_token(token)
        return split


_SPLITS = _Splits()


def words(text: str) -> list[str]:
    """The words of code or prose, lower-cased and in order.

    An identifier is itself a word, followed by its parts at underscores, digits and changes of
    case: "parseURLs2" gives parseurls2, parse, urls, 2. Runs of Han, Kana and Hangul give their
    overlapping pairs of characters. What is longer than 100 characters gives its parts only.
    """
    return list(chain.from_iterable(map(split_token, tokens(text))))


def tokens(text: str) -> list[str]:
    """The identifiers, numbers and words of a text as they are spelled: what `split_token` splits."""
    if text.isascii():
        return text.encode("ascii").translate(_SPACED).decode("ascii").split()
    return _TOKEN.findall(normalize("NFC", text))


def split_token(token: str) -> tuple[str, ...]:
    """The words of one token: see `words`."""
    return _SPLITS[token]


def split_new_token(token: str) -> tuple[str, ...]:
    """As `split_token`, which remembers what it has split."""
    if not token.isascii():
        return tuple(_split_unicode(token))
    whole = token.lower()
    if len(token) > _LONGEST_WORD:
        # Long names are made of words; keys and encoded data are not.
        parts = [part for part in whole.split("_") if 0 < len(part) <= _LONGEST_WORD // 2]
        return tuple(parts[:_MOST_PARTS])
    if whole == token and token.replace("_", "").isalpha():  # as most are, without an expression
        parts = [part for part in token.split("_") if part]
        return (token, *parts) if "_" in token else (token,)
    parts = _PART.findall(token)
    if len(parts) == 1 and len(parts[0]) == len(token):
        return (whole,)
    return (whole, *[part.lower() for part in parts])


def _split_unicode(token: str) -> Iterator[str]:
    end = 0
    for run in _DENSE.finditer(token):
        yield from _split_cased(token[end : run.start()])
        yield from _pairs(run[0])
        end = run.end()
    yield from _split_cased(token[end:])


def _pairs(run: str) -> Iterator[str]:
    if len(run) <= _LONGEST_DENSE_WORD:
        yield run
    if len(run) > 2:
        for index in range(len(run) - 1):
            yield run[index : index + 2]


def _split_cased(token: str) -> Iterator[str]:
    """The words of a part of a token in which not all letters are ASCII."""
    if not token:
        return
    whole = token[:_LONGEST_WORD].lower()
    yield whole
    parts: list[str] = [""]
    before = "_"
    for character in token[:_LONGEST_WORD]:
        if character == "_" or ((before.islower() and character.isupper()) or before.isdigit() != character.isdigit()):
            parts.append("")
        if character != "_":
            parts[-1] += character
        before = character
    for part in parts:
        if part and part.lower() != whole:
            yield part.lower()
