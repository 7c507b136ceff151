"""From candidates to ranked files: the retrievers fused, then rules about what people look for in code.

The retrievers are fused by a convex combination of their normalised scores, which keeps what reciprocal ranks throw
away: by how much the first is better than the tenth (Bruch, Gai, Ingber 2023). A file's score is that of its best
chunk and, less and less, of the next ones: a file in which five functions are about the question is what the question
is about. docs/search.md has what each rule brings.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pgdex.indexer.lexemes import split_token, tokens, words
from pgdex.indexer.search.candidates import Candidate, Defines
from pgdex.indexer.search.paths import Role, roles_of
from pgdex.indexer.search.query import Query, QueryKind
from pgdex.indexer.terms import stem_of


@dataclass(frozen=True, slots=True)
class Weights:
    """What counts how much for a kind of query.

    `vectors`: their share of the fused score, the words have the rest. `next_chunk`: how much each further chunk of a
    file counts, as a share of the one before: a question is about all of a file, a line of code is in one place.
    `definition` and `file_name`: how much of the bonus for them a file gets.
    """

    vectors: float
    next_chunk: float
    definition: float
    file_name: float


WEIGHTS: Final[Mapping[QueryKind, Weights]] = MappingProxyType(
    {
        QueryKind.NAME: Weights(vectors=0.2, next_chunk=0.3, definition=1.0, file_name=1.0),
        QueryKind.PATH: Weights(vectors=0.1, next_chunk=0.3, definition=1.0, file_name=1.0),
        QueryKind.ERROR: Weights(vectors=0.2, next_chunk=0.3, definition=0.3, file_name=0.3),
        QueryKind.CODE: Weights(vectors=0.3, next_chunk=0.1, definition=0.2, file_name=0.3),
        QueryKind.WORDS: Weights(vectors=0.5, next_chunk=0.45, definition=0.5, file_name=1.0),
    }
)
COUNTED_CHUNKS: Final = 8

# What is added, in units of the best fused score.
DEFINITION: Final[Mapping[Defines, float]] = MappingProxyType(
    {Defines.NOTHING: 0.0, Defines.FOLDED: 0.4, Defines.EXACTLY: 1.2}
)
PART_OF_SYMBOL: Final = 0.2
# A class may be opened again, and its methods carry its name: where it begins is its definition.
FIRST_DEFINITION: Final = 0.1
FILE_NAME: Final = 0.8
FOLDER_NAME: Final = 0.1
ASKED_PATH: Final = 2.0

# What a file's score is multiplied with.
ROLE_FACTORS: Final[Mapping[Role, float]] = MappingProxyType(
    {
        Role.TEST: 0.4,
        Role.EXAMPLE: 0.5,
        Role.VENDORED: 0.5,
        Role.GENERATED: 0.5,
        Role.PROSE: 0.4,
        Role.DATA: 0.6,
        Role.STUB: 0.7,
        Role.ENTRANCE: 0.8,
    }
)
# Words with which a query asks for such files.
_ASKS_FOR: Final[Mapping[Role, frozenset[str]]] = MappingProxyType(
    {
        Role.TEST: frozenset(map(stem_of, ("test", "tests", "testing", "spec", "mock", "fixture", "fixtures"))),
        Role.EXAMPLE: frozenset(map(stem_of, ("example", "sample", "demo", "tutorial", "benchmark"))),
        Role.VENDORED: frozenset(map(stem_of, ("vendor", "vendored", "bundled"))),
        Role.GENERATED: frozenset(map(stem_of, ("generated", "protobuf"))),
        Role.PROSE: frozenset(map(stem_of, ("readme", "documentation", "docs", "changelog", "guide", "license"))),
        Role.DATA: frozenset(map(stem_of, ("json", "yaml", "toml", "xml", "csv", "manifest", "workflow"))),
        Role.STUB: frozenset(map(stem_of, ("stub", "declaration", "typings"))),
        Role.ENTRANCE: frozenset(map(stem_of, ("export", "exports", "init", "entry"))),
    }
)
RULES: Final = ("definitions", "file names", "folder names", "several chunks", "roles")


@dataclass(slots=True)
class RankedFile:
    """A file with the chunks of it that were found, best first, and what its score is made of."""

    score: float
    chunks: list[Candidate]
    reasons: dict[str, float] = field(default_factory=dict)


def rank(query: Query, candidates: Iterable[Candidate], *, without: frozenset[str] = frozenset()) -> list[RankedFile]:
    """The files of the candidates, best first. `without` names rules of RULES to leave out, to see what they bring."""
    found = list(candidates)
    words_of, similarity_of = _normalised([one.lexical for one in found]), _normalised_similarity(found)
    weights = WEIGHTS[query.kind]
    share = weights.vectors
    if not any(words_of):
        share = 1.0
    elif not any(similarity_of):
        share = 0.0
    by_file: defaultdict[tuple[int, int], list[tuple[float, dict[str, float], Candidate]]] = defaultdict(list)
    for one, lexical, similarity in zip(found, words_of, similarity_of, strict=True):
        reasons = {"words": (1 - share) * lexical, "meaning": share * similarity}
        if "definitions" not in without:
            reasons["definition"] = weights.definition * (DEFINITION[one.defines] or _part_of_symbol(query, one))
        if one.path_is_asked_for:
            reasons["path"] = ASKED_PATH
        by_file[one.file].append((sum(reasons.values()), reasons, one))
    asked = frozenset(query.terms)
    ranked = [_ranked(chunks, asked, weights, without) for chunks in by_file.values()]
    return sorted(ranked, key=lambda file: (-file.score, file.chunks[0].key))


def _ranked(
    chunks: list[tuple[float, dict[str, float], Candidate]],
    asked: frozenset[str],
    weights: Weights,
    without: frozenset[str],
) -> RankedFile:
    defining = [chunk for chunk in chunks if chunk[2].defines is Defines.EXACTLY]
    first = min((chunk[2].start_line for chunk in defining), default=0)
    chunks.sort(key=lambda chunk: (-chunk[0] - FIRST_DEFINITION * (chunk[2].start_line == first), chunk[2].key))
    _, of_best, candidate = chunks[0]
    reasons = dict(of_best)
    if "several chunks" not in without:
        further = enumerate((score for score, _, _ in chunks[1:COUNTED_CHUNKS]), start=1)
        reasons["further chunks"] = sum(score * weights.next_chunk**number for number, score in further)
    if "file names" not in without:
        name = candidate.path.rpartition("/")[2].partition(".")[0]
        reasons["file name"] = weights.file_name * FILE_NAME * _named_share(name, asked)
    if "folder names" not in without:
        folders = words(candidate.path.rpartition("/")[0])
        reasons["folder"] = FOLDER_NAME if any(stem_of(word) in asked for word in folders) else 0.0
    score = sum(reasons.values())
    if "roles" not in without:
        for role in roles_of(candidate.path):
            if not asked & _ASKS_FOR[role]:
                reasons[f"is {role}"] = -score * (1 - ROLE_FACTORS[role])
                score *= ROLE_FACTORS[role]
    return RankedFile(
        score, [chunk for _, _, chunk in chunks], {name: value for name, value in reasons.items() if value}
    )


def _named_share(name: str, asked: frozenset[str]) -> float:
    """How much of a file's name, without its suffixes, is asked for, and how much of what is asked for it says.

    The second by its root: one word of four that is all of a name is still a good reason.
    """
    parts = [part for token in tokens(name) for part in split_token(token)[1:] or split_token(token)]
    named = sum(stem_of(part) in asked for part in parts)
    return named / len(parts) * math.sqrt(min(1.0, named / len(asked))) if named else 0.0


def _part_of_symbol(query: Query, candidate: Candidate) -> float:
    """The bonus for a symbol of which a half-remembered name is a part."""
    if query.kind is not QueryKind.NAME or not candidate.symbol:
        return 0.0
    in_symbol = set(map(stem_of, words(candidate.symbol)))
    return PART_OF_SYMBOL if in_symbol.issuperset(query.terms) else 0.0


def _normalised(scores: Sequence[float]) -> list[float]:
    best = max(scores, default=0.0)
    return [score / best if best > 0 else 0.0 for score in scores]


def _normalised_similarity(candidates: Sequence[Candidate]) -> list[float]:
    """Between the least near and the nearest of those that the retriever found: a cosine of 0.5 may be much or
    little."""
    found = [one.similarity for one in candidates if one.similarity]
    if not found:
        return [0.0] * len(candidates)
    high = max(found)
    # The last one found is still nearer than all that were not.
    low = min(found) - 0.1 * (high - min(found))
    spread = high - low
    return [((one.similarity - low) / spread if spread else 1.0) if one.similarity else 0.0 for one in candidates]
