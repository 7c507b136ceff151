"""The words of code, and the tsvector that PostgreSQL keeps of them.

Made here and not by to_tsvector, which knows prose, not identifiers, and took 23 s for 100,000
chunks: more than all other work on them together.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from struct import Struct
from unicodedata import normalize

_TOKEN = re.compile(r"\w+")
# HTTPServer2 → HTTP, Server, 2; URLs stays one word.
_PART = re.compile(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# Scripts that put no spaces between words: Han, Kana, Hangul.
_DENSE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+")
_LONGEST_WORD = 100
_LONGEST_DENSE_WORD = 8
_MOST_PARTS = 32
_MOST_QUERY_WORDS = 64


class _Splits(dict[str, tuple[str, ...]]):
    """The words of each identifier met so far; a lookup of a known one costs no Python call.

    Emptied when it is full (some 15 MB): what is frequent is back at once.
    """

    CAPACITY = 65_536

    def __missing__(self, token: str) -> tuple[str, ...]:
        if len(self) >= self.CAPACITY:
            self.clear()
        split = self[token] = _split(token)
        return split


_SPLITS = _Splits()


def words(text: str) -> list[str]:
    """The words of code or prose, lower-cased and in order.

    An identifier is itself a word, followed by its parts at underscores, digits and changes of
    case: "parseURLs2" gives parseurls2, parse, urls, 2. Runs of Han, Kana and Hangul give their
    overlapping pairs of characters. What is longer than 100 characters gives its parts only.
    """
    if not text.isascii():
        text = normalize("NFC", text)
    return list(chain.from_iterable(map(_SPLITS.__getitem__, _TOKEN.findall(text))))


def query_words(query: str) -> list[str]:
    """The words to look for: those of the query, each once, in order, 64 at most."""
    return list(dict.fromkeys(words(query)))[:_MOST_QUERY_WORDS]


def _split(token: str) -> tuple[str, ...]:
    if not token.isascii():
        return tuple(_split_unicode(token))
    whole = token.lower()
    if len(token) > _LONGEST_WORD:
        # Long names are made of words; keys and encoded data are not.
        parts = [part for part in whole.split("_") if 0 < len(part) <= _LONGEST_WORD // 2]
        return tuple(parts[:_MOST_PARTS])
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


# -- PostgreSQL's tsvector, as tsvectorrecv reads it: a count, then for each lexeme its text, a
# NUL, the number of its positions, and each position with the weight in the two highest bits.

# Of symbols, path and content: A, B and D.
_WEIGHTS = (3 << 14, 2 << 14, 0)
_LAST_POSITION = (1 << 14) - 1
_MOST_POSITIONS = 255
_LONGEST_LEXEME_BYTES = (1 << 11) - 2
_LARGEST_VECTOR_BYTES = (1 << 20) - 1
_COUNT = Struct(">i")
_POSITIONS = [Struct(f">{count + 1}H") for count in range(_MOST_POSITIONS + 1)]


class _Texts(dict[str, bytes]):
    """Words as PostgreSQL reads them, with their NUL; empty where it would refuse them."""

    CAPACITY = 65_536

    def __missing__(self, word: str) -> bytes:
        if len(self) >= self.CAPACITY:
            self.clear()
        text = word.encode()
        fits = 0 < len(text) <= _LONGEST_LEXEME_BYTES and b"\0" not in text
        encoded = self[word] = text + b"\0" if fits else b""
        return encoded


class _Once(dict[int, bytes]):
    """A single position with its weight as PostgreSQL reads it; there are at most 65,536."""

    def __missing__(self, place: int) -> bytes:
        packed = self[place] = _POSITIONS[1].pack(1, place)
        return packed


_TEXTS = _Texts()
_ONCE = _Once()


def tsvector_binary(symbol_words: Sequence[str], path_words: Sequence[str], content_words: Sequence[str]) -> bytes:
    """A tsvector in PostgreSQL's binary format, for a binary COPY or a parameter.

    Symbols have the weight A, the path B, the content D. Positions count on through the fields,
    up to PostgreSQL's limit of 16,383; a lexeme keeps its first 255. Words that PostgreSQL
    refuses (empty, with NUL, over 2,046 bytes) are left out, and so are the last ones of a text
    with more distinct words than the 1 MiB of a tsvector holds.
    """
    places: dict[str, int | list[int]] = {}
    find = places.get
    before = 0
    for weight, field in zip(_WEIGHTS, (symbol_words, path_words, content_words), strict=True):
        if before + len(field) > _LAST_POSITION:
            _place_clamped(places, weight, before, field)
        else:
            for place, word in enumerate(field, weight + before + 1):
                known = find(word)
                if known is None:
                    places[word] = place
                elif isinstance(known, int):
                    places[word] = [known, place]
                elif len(known) < _MOST_POSITIONS:
                    known.append(place)
        before += len(field)
    return _encode(places)


def _place_clamped(places: dict[str, int | list[int]], weight: int, before: int, field: Sequence[str]) -> None:
    """As above, where positions reach PostgreSQL's last one: a lexeme has that only once."""
    for number, word in enumerate(field, before + 1):
        place = min(number, _LAST_POSITION)
        known = places.setdefault(word, [])
        if isinstance(known, int):
            known = places[word] = [known]
        if not known or (len(known) < _MOST_POSITIONS and known[-1] & _LAST_POSITION < place):
            known.append(weight + place)


def _encode(places: dict[str, int | list[int]]) -> bytes:
    fields = [b""]
    add = fields.append
    # Code points sort as their UTF-8 does, and PostgreSQL sorts by that: it need not sort again.
    for word in sorted(places):
        text = _TEXTS[word]
        if text:
            add(text)
            known = places[word]
            if isinstance(known, int):
                add(_ONCE[known])
            else:
                add(_POSITIONS[len(known)].pack(len(known), *known))
    fields[0] = _COUNT.pack(len(fields) // 2)
    vector = b"".join(fields)
    return vector if len(vector) <= _LARGEST_VECTOR_BYTES else _encode(_first_that_fit(places))


def _first_that_fit(places: dict[str, int | list[int]]) -> dict[str, int | list[int]]:
    """The lexemes that were met first, as many as a tsvector holds."""
    left = _LARGEST_VECTOR_BYTES - _COUNT.size
    result: dict[str, int | list[int]] = {}
    for word, known in places.items():
        left -= len(_TEXTS[word]) + _POSITIONS[1 if isinstance(known, int) else len(known)].size
        if left < 0:
            break
        result[word] = known
    return result
