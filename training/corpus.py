"""Pairs as numbers: a vocabulary over all packages, and each text as its distinct words with their counts."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pgdex.indexer.embedding.code_query import bucket_of
from pgdex.indexer.lexemes import words

# Questions as people put them begin with words that no comment has.
_FRAMES = (
    "how does {}", "how is {}", "how are {} handled", "how {} works", "where is {}", "where is {} implemented",
    "where does it {}",
    "how {}", "{} implementation", "{} handling", "{} logic", "code that {}", "function to {}",
    "class for {}", "what happens when {}",
    "which code {}", "find {}",
)  # fmt: skip
_FRAMED = 0.25
_DATA = re.compile(r"\d{4}|^\d{3}|\n")


@dataclass(frozen=True, slots=True)
class Bags:
    """Texts as bags of words: text n has the words[offsets[n]:offsets[n + 1]], each so many times."""

    words: NDArray[np.int32]
    counts: NDArray[np.float32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, chosen: NDArray[np.intp]) -> Bags:
        """Some of the texts, in the order given."""
        lengths = (self.offsets[1:] - self.offsets[:-1])[chosen]
        offsets = np.zeros(len(chosen) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[chosen] - offsets[:-1], lengths)
        return Bags(self.words[places], self.counts[places], offsets)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Pairs of all packages: query n belongs to text n."""

    queries: Bags
    texts: Bags
    kinds: NDArray[np.str_]
    languages: NDArray[np.str_]
    packages: NDArray[np.int32]
    names: list[str]


def frame(query: str) -> str:
    """The query as it is, or, one time in four, put as a question; always the same way."""
    mark = blake2b(query.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    share = int.from_bytes(mark[:2], "little") / 65_536
    if share >= _FRAMED:
        return query
    return _FRAMES[int.from_bytes(mark[2:], "little") % len(_FRAMES)].format(query[:1].lower() + query[1:].rstrip("."))


@dataclass(frozen=True, slots=True)
class Package:
    """The pairs of one package; its words are numbered for itself."""

    words: list[str]
    queries: Bags
    texts: Bags
    kinds: NDArray[np.str_]
    languages: NDArray[np.str_]


def encode(files: Sequence[Path], into: Path, *, processes: int = 2) -> None:
    """Tokenise the packages that are not yet in the folder: the slow part, done once for each."""
    into.mkdir(exist_ok=True)
    missing = [file for file in files if not (into / f"{file.stem}.npz").exists()]
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(_encode, missing, [into] * len(missing), chunksize=8))


def read_package(path: Path) -> Package:
    """What `encode` wrote."""
    with np.load(path) as kept:
        queries, texts = (
            Bags(*(kept[f"{side}_{part}"] for part in ("words", "counts", "offsets"))) for side in ("q", "t")
        )
        words_ = bytes(kept["vocabulary"]).decode("utf-8", "surrogatepass").split("\n")
        return Package(words_, queries, texts, kept["kinds"], kept["languages"])


def vocabulary_of(packages: Iterable[Package], *, size: int, packages_at_least: int) -> list[str]:
    """The words of the most packages; ties by how many texts have them, then by name."""
    in_packages: Counter[str] = Counter()
    in_texts: Counter[str] = Counter()
    for package in packages:
        in_packages.update(package.words)
        frequencies = np.bincount(package.texts.words, minlength=len(package.words))
        for word, count in zip(package.words, np.minimum(frequencies, 50).tolist(), strict=True):
            in_texts[word] += count
    # Numbers and encoded data have no meaning that could be learnt.
    chosen = [
        word
        for word, count in in_packages.items()
        if count >= packages_at_least and len(word) <= 40 and not _DATA.search(word) and word.isprintable()
    ]
    chosen.sort(key=lambda word: (-in_packages[word], -in_texts[word], word))
    return chosen[:size]


def merge(packages: Iterable[tuple[str, Package]], vocabulary: Sequence[str], *, buckets: int) -> Corpus:
    """All packages as one, their words numbered by the vocabulary and the buckets behind it."""
    numbers = {word: number for number, word in enumerate(vocabulary)}
    names, queries, texts, kinds, languages = [], [], [], [], []
    for name, package in packages:
        rows = np.array(numbers_of(package.words, numbers, buckets), dtype=np.int32)
        names.append(name)
        queries.append(Bags(rows[package.queries.words], package.queries.counts, package.queries.offsets))
        texts.append(Bags(rows[package.texts.words], package.texts.counts, package.texts.offsets))
        kinds.append(package.kinds)
        languages.append(package.languages)
    owners = np.repeat(np.arange(len(names), dtype=np.int32), [len(one) for one in kinds])
    return Corpus(_joined(queries), _joined(texts), np.concatenate(kinds), np.concatenate(languages), owners, names)


def bags_of(texts: Sequence[Sequence[int]]) -> Bags:
    """Texts whose words are numbers, as bags."""
    lengths = [len(text) for text in texts]
    keys = np.fromiter(chain.from_iterable(texts), dtype=np.int64, count=sum(lengths))
    keys |= np.repeat(np.arange(len(texts), dtype=np.int64) << 24, lengths)
    distinct, counts = np.unique(keys, return_counts=True)
    offsets = np.searchsorted(distinct, np.arange(len(texts) + 1, dtype=np.int64) << 24)
    return Bags((distinct & 0xFFFFFF).astype(np.int32), counts.astype(np.float32), offsets)


def pairs_of(file: Path) -> Iterator[tuple[str, str, str, str]]:
    """Kind, language, query and text of each pair of a package."""
    with file.open() as lines:
        for line in lines:
            kind, language, query, text = json.loads(line)
            yield kind, language, query, text


def numbers_of(text: Iterable[str], numbers: dict[str, int], buckets: int) -> list[int]:
    """The rows of a text's words: the vocabulary's, then the buckets'."""
    known, result = len(numbers), []
    for word in text:
        number = numbers.get(word)
        result.append(known + bucket_of(word, buckets) if number is None else number)
    return result


class _Numbers(dict[str, int]):
    """Words in the order in which they are met."""

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        return number


def _encode(file: Path, into: Path) -> None:
    numbers = _Numbers()
    pairs = list(pairs_of(file))
    if not pairs:
        return
    queries = bags_of([[numbers[word] for word in words(frame(query))] for _, _, query, _ in pairs])
    texts = bags_of([[numbers[word] for word in words(text)] for _, _, _, text in pairs])
    unfinished = into / f"{file.stem}.part.npz"
    np.savez(
        unfinished,
        vocabulary=np.frombuffer("\n".join(numbers).encode("utf-8", "surrogatepass"), dtype=np.uint8),
        q_words=queries.words,
        q_counts=queries.counts,
        q_offsets=queries.offsets,
        t_words=texts.words,
        t_counts=texts.counts,
        t_offsets=texts.offsets,
        kinds=np.array([pair[0] for pair in pairs], dtype="U9"),
        languages=np.array([pair[1] for pair in pairs], dtype="U12"),
    )
    unfinished.rename(into / f"{file.stem}.npz")


def _joined(bags: Iterable[Bags]) -> Bags:
    kept = list(bags)
    lengths = np.concatenate([np.diff(bag.offsets) for bag in kept])
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return Bags(np.concatenate([bag.words for bag in kept]), np.concatenate([bag.counts for bag in kept]), offsets)
