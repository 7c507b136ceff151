"""What lexical search keeps of a chunk: its terms, and how much each of them counts there.

How much it counts is Okapi BM25's weight of a term in a document (Robertson, Zaragoza 2009), with the fields of BM25F:
a word of a symbol counts three times. Only the rarity of a term depends on the other chunks; it comes in at the query,
and the score is then the inner product of two sparse vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pgdex.indexer.binary_formats import integer_arrays, sparsevecs
from pgdex.indexer.chunking import Chunk
from pgdex.indexer.terms import SYMBOL_TERM_IDS, TERM_IDS, WORD_TERM_IDS, declared_term, definition_terms, term_id_of
from pgdex.indexer.word_bags import WordBags, counted, word_bags

# On the development questions 1.8 gains 0.013 over the customary 1.2; b from 0.3 to 0.9 differs by 0.002.
K1: Final = 1.8
B: Final = 0.75
# Of the chunks of seven repositories, 109 to 130. Fixed, since a repository's own mean is not known before its last
# file is read, and would change all weights with each job.
AVERAGE_WORDS: Final = 120.0
SYMBOL_WEIGHT: Final = 3
PATH_WEIGHT: Final = 1

_UNNAMED_KINDS = frozenset({"section", "key", "block", "element", "rule"})


@dataclass(frozen=True, slots=True)
class ChunkTerms:
    """The terms of some chunks in PostgreSQL's binary formats, and the words of each with its path and its symbols."""

    lexemes: list[bytes]  # integer[]: the term_ids of all terms, and of the definitions and declarations
    weights: list[bytes]  # sparsevec
    words: WordBags


def chunk_terms(chunks: Sequence[Chunk], paths: Sequence[str]) -> ChunkTerms:
    """The terms of chunks, each in the file at the path beside it."""
    count = len(chunks)
    symbols = [" ".join(chunk.symbols) for chunk in chunks]
    fields = word_bags([*(chunk.content for chunk in chunks), *symbols, *paths])
    # The entries of the contents, those of the symbols, those of the paths.
    of_symbols, of_paths = np.searchsorted(fields.texts, [count, 2 * count]).tolist()
    chunk_of = fields.texts.copy()
    chunk_of[of_symbols:of_paths] -= count
    chunk_of[of_paths:] -= 2 * count

    # The words by the term_ids of their stems, numbered in the order of those, as a sparsevec wants its elements.
    term_ids = np.fromiter(map(WORD_TERM_IDS.__getitem__, fields.words), dtype=np.int64, count=len(fields.words))
    sorted_places, number_of_word = np.unique(term_ids, return_inverse=True)
    # A word of a path or of the symbols counts once, however many definitions have it.
    times = fields.counts.copy()
    times[of_symbols:of_paths] = SYMBOL_WEIGHT
    times[of_paths:] = PATH_WEIGHT
    owners, numbers, frequencies = counted(chunk_of, number_of_word[fields.numbers], times)
    damping = K1 * (1 - B + B * fields.lengths[:count] / AVERAGE_WORDS)
    weights = frequencies * (K1 + 1) / (frequencies + damping[owners])
    ends = np.searchsorted(owners, np.arange(count), side="right")
    marks = [_definitions(chunk) for chunk in chunks]
    owners_of_symbols = chunk_of[of_symbols:of_paths].tolist()
    words_of_symbols = map(fields.words.__getitem__, fields.numbers[of_symbols:of_paths].tolist())
    for owner, mark in zip(owners_of_symbols, map(SYMBOL_TERM_IDS.__getitem__, words_of_symbols), strict=True):
        marks[owner].append(mark)
    return ChunkTerms(
        # In their own order, not in that of the block's words: the same file gives the same row in any company.
        lexemes=integer_arrays(sorted_places[numbers], ends, [sorted(set(of_chunk)) for of_chunk in marks]),
        weights=sparsevecs(sorted_places[numbers], weights, ends, dimension=TERM_IDS),
        words=fields.regrouped(chunk_of, count),
    )


def _definitions(chunk: Chunk) -> list[int]:
    if chunk.kind in _UNNAMED_KINDS:
        return []
    declared = [term for term in map(declared_term, chunk.declares) if term is not None]
    defined = [term for name in chunk.defines for term in definition_terms(name) or ()]
    return list(map(term_id_of, declared + defined))
