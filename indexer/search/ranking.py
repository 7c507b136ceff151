"""From candidates to ranked files: the retrievers fused, then rules about what people look for in code.

The retrievers are fused by a convex combination of their normalised scores, which keeps what reciprocal ranks throw
away: by how much the first is better than the tenth (Bruch, Gai, Ingber 2023). A file's score is that of its best
chunk and, less and less, of the next ones: a file in which five functions are about the question is what the question
is about. docs/search.md has what each rule brings.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pgdex.indexer.lexemes import words
from pgdex.indexer.search.candidates import CONTAINERS, Candidate, Defines, RankedFile
from pgdex.indexer.search.copies import lower_headers, lower_older_versions, without_built_files
from pgdex.indexer.search.names import covered_share, is_named_after, last_part, named_share, roots
from pgdex.indexer.search.paths import Role, roles_of
from pgdex.indexer.search.query import Query, QueryKind
from pgdex.indexer.terms import stem_of


@dataclass(frozen=True, slots=True)
class Weights:
    """What counts how much for a kind of query.

    `vectors`: their share of the fused score, the words have the rest. `next_chunk`: how much each further chunk of a
    file counts, as a share of the one before: a question is about all of a file, a line of code is in one place.
    `best_chunk`: how much the best chunk counts once more, beside what the file's other chunks and its name say.
    `definition` and `file_name`: how much of the bonus for them a file gets.
    """

    vectors: float
    next_chunk: float
    definition: float
    file_name: float
    best_chunk: float = 0.0


WEIGHTS: Final[Mapping[QueryKind, Weights]] = MappingProxyType(
    {
        QueryKind.NAME: Weights(vectors=0.2, next_chunk=0.3, definition=1.0, file_name=1.0),
        QueryKind.PATH: Weights(vectors=0.1, next_chunk=0.3, definition=1.0, file_name=1.0),
        QueryKind.ERROR: Weights(vectors=0.2, next_chunk=0.3, definition=0.3, file_name=0.3),
        QueryKind.CODE: Weights(vectors=0.3, next_chunk=0.1, definition=0.2, file_name=0.3),
        QueryKind.WORDS: Weights(vectors=0.6, next_chunk=0.45, definition=0.4, file_name=1.0, best_chunk=0.75),
    }
)
COUNTED_CHUNKS: Final = 8

# What is added, in units of the best fused score.
DEFINITION: Final[Mapping[Defines, float]] = MappingProxyType(
    {Defines.NOTHING: 0.0, Defines.FOLDED: 0.4, Defines.DECLARED: 0.8, Defines.EXACTLY: 1.6}
)
# Of a name as it is spelled: more than a file can have that is called like it and is full of its uses.
SPELLED_DEFINITION: Final = 3.0
PART_OF_SYMBOL: Final = 0.2
# A class may be opened again, and its methods carry its name: where it begins is its definition.
FIRST_DEFINITION: Final = 0.3
# The same for a name alone: of several clauses or overloads in a file the first is shown.
FIRST_OF_NAME: Final = 1.0
FILE_NAME: Final = 0.8
# As SPELLED_DEFINITION: what is said with its kind is spelled, too.
SOUGHT_KIND: Final = 1.5
# What a bare name is all of: `Var` the type or the function, rather than a method `FlagSet.Var`; and that in a file
# which is called like it, since in many languages each type has its own.
WHOLE_NAME: Final = 1.0
NAMED_AFTER: Final = 1.0
WORD_FOR_WORD: Final = 3.0
LEAST_SAID: Final = 0.5  # of a message's runs of words: values come in between, but most of it is text
QUOTED: Final = 10.0  # what lacks the text is no answer, whatever else speaks for it
ASKED_PATH: Final = 2.0

# Who asks a question in words wants to see what does it, not where a class begins or what is noted about it. Added to a
# piece's score when the piece to show is chosen.
_DOES: Final = 0.2
_IS: Final = -0.1
KIND_PRIORS: Final[Mapping[str, float]] = MappingProxyType(
    {
        **dict.fromkeys(("function", "method", "macro", "test"), _DOES),
        **dict.fromkeys(("class", "interface", "struct", "enum", "namespace", "type", "variable"), _IS),
        **dict.fromkeys(("section", "key", "block", "element", "rule", "resource", "table"), _IS),
    }
)
# How much of what a function gains its file gets: which file it is depends less on kinds.
KIND_OF_FILE: Final = 0.25
# What is added to a piece's score, when the piece to show is chosen, if its own name says all of a question in words.
OWN_NAME: Final = 0.8

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
# A crate's `mod.rs` and `lib.rs` hold implementations as often as they re-export: they rank lower where what they show
# belongs to no definition.
_RUST_ENTRANCE: Final = frozenset({"module", "namespace", "variable"})
# How much of a test's penalty is left where the query speaks of tests, but not first: "tests of the clock" are tests,
# "a fake clock for tests" is what they use.
PENALTY_IN_PASSING: Final = 0.5
RULES: Final = (
    "definitions",
    "file names",
    "several chunks",
    "kinds of pieces",
    "names of pieces",
    "roles",
    "messages",
    "built files",
    "versions",
    "headers",
)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A candidate with its score, what that is made of, and how well its kind and its name suit the query."""

    score: float
    of_kind: float
    of_name: float
    reasons: dict[str, float]
    candidate: Candidate


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
    asked = roots(query.words)
    # Of `class Session` the class is wanted, and not what its constructor does.
    is_question = query.kind is QueryKind.WORDS and not query.sought_kinds
    by_file: defaultdict[tuple[int, int], list[_Piece]] = defaultdict(list)
    for one, lexical, similarity in zip(found, words_of, similarity_of, strict=True):
        reasons = {"words": (1 - share) * lexical, "meaning": share * similarity}
        if "definitions" not in without:
            reasons["definition"] = _definition(query, one, weights)
        if "messages" not in without:
            reasons["word for word"] = _says(query, one)
        if one.path_is_asked_for:
            reasons["path"] = ASKED_PATH
        of_kind = of_name = 0.0
        if is_question and "kinds of pieces" not in without:
            of_kind = KIND_PRIORS.get(one.kind, 0.0)
        if is_question and "names of pieces" not in without and one.symbol:
            of_name = OWN_NAME * covered_share(one.symbol, asked, len(query.terms))
        by_file[one.file].append(_Piece(sum(reasons.values()), of_kind, of_name, reasons, one))
    alone = "definitions" not in without and _only_defined_aside(query, found)
    ranked = [_ranked(query, pieces, weights, without, alone=alone) for pieces in by_file.values()]
    if "versions" not in without:
        lower_older_versions(ranked, frozenset(query.terms))
    if "headers" not in without:
        lower_headers(ranked, always=is_question)
    if "built files" not in without:
        ranked = without_built_files(ranked)
    return sorted(ranked, key=lambda file: (-file.score, file.chunks[0].key))


def _only_defined_aside(query: Query, found: Iterable[Candidate]) -> bool:
    """Whether the name that a query is has its definition in tests, examples and the like alone: there it is looked for
    then. Of a word in small letters a definition in other letter case is one, too."""
    if query.kind is not QueryKind.NAME:
        return False
    found = list(found)
    least = max((one.defines for one in found), default=Defines.NOTHING) if query.is_spelled else Defines.FOLDED
    return not any(one.defines >= least and not roles_of(one.path) for one in found)


def _ranked(
    query: Query, pieces: list[_Piece], weights: Weights, without: frozenset[str], *, alone: bool
) -> RankedFile:
    begins = _beginning([piece.candidate for piece in pieces], frozenset(query.all_names))
    first = FIRST_OF_NAME if _is_bare(query) else FIRST_DEFINITION
    pieces.sort(
        key=lambda piece: (
            -piece.score - piece.of_kind - piece.of_name - weights.definition * first * (piece.candidate is begins),
            piece.candidate.key,
        )
    )
    shown = pieces[0]
    scores = sorted((piece.score for piece in pieces), reverse=True)
    reasons = dict(shown.reasons)
    # The file is worth what its best piece is, also where another one shows better what is asked for.
    fused = max(piece.reasons["words"] + piece.reasons["meaning"] for piece in pieces)
    reasons["best piece"] = scores[0] - shown.score + weights.best_chunk * fused
    reasons["kind"] = KIND_OF_FILE * max(0.0, shown.of_kind)
    if "several chunks" not in without:
        further = enumerate(scores[1:COUNTED_CHUNKS], start=1)
        reasons["further chunks"] = sum(score * weights.next_chunk**number for number, score in further)
    path = shown.candidate.path
    if "file names" not in without:
        name = path.rpartition("/")[2].partition(".")[0]
        reasons["file name"] = weights.file_name * FILE_NAME * named_share(name, query.words, len(query.terms))
    score = sum(reasons.values())
    if "roles" not in without and not (alone and begins is not None):
        for role in roles_of(path):
            factor = _role_factor(role, query, shown.candidate)
            if factor < 1:
                reasons[f"is {role}"] = -score * (1 - factor)
                score *= factor
    return RankedFile(
        score, [piece.candidate for piece in pieces], {name: value for name, value in reasons.items() if value}
    )


def _beginning(candidates: Iterable[Candidate], names: frozenset[str]) -> Candidate | None:
    """Of a file's candidates the one in which what is asked for begins to be defined: rather the one that is called by
    its name than one that has it among others, such as the prototypes at the top of a C file."""
    defining = [one for one in candidates if one.defines >= Defines.DECLARED]
    return min(
        defining,
        key=lambda one: (
            -one.defines,
            _implements(one),
            # Of a container that is called otherwise it is a member, maybe a field.
            0 if last_part(one.symbol or "") in names else 1 + (one.kind in CONTAINERS),
            one.start_line,
            one.key,
        ),
        default=None,
    )


def _implements(one: Candidate) -> bool:
    """Whether a chunk is Rust's `impl X`: what X is stands elsewhere. (Rust has no classes.)"""
    return one.language == "rust" and one.kind == "class"


def _definition(query: Query, one: Candidate, weights: Weights) -> float:
    """The bonus for a candidate that defines, or whose symbol has, what the query names."""
    if query.sought_kinds and one.defines:
        # `class Session`: the one that is a class is asked for, and by its name.
        is_called_so = one.kind in query.sought_kinds and last_part(one.symbol or "") in query.names
        return DEFINITION[one.defines] + (SOUGHT_KIND if is_called_so or one.says_kind else 0.0)
    if query.is_spelled and one.defines is Defines.EXACTLY:
        return SPELLED_DEFINITION + _whole_name(query, one)
    return weights.definition * (DEFINITION[one.defines] or _part_of_symbol(query, one))


def _says(query: Query, one: Candidate) -> float:
    """The bonus for a candidate that has the query word for word, or most of it, as a message with places for values
    has of what is printed. What prose says counts only where the query is in quotes."""
    if query.is_quoted:
        return QUOTED if one.is_word_for_word else 0.0
    said = 1.0 if one.is_word_for_word else one.said
    return WORD_FOR_WORD * said if said >= LEAST_SAID and Role.PROSE not in roles_of(one.path) else 0.0


def _whole_name(query: Query, one: Candidate) -> float:
    """The bonus for a candidate that a name alone is the whole name of."""
    name = last_part(one.symbol or "")
    around = last_part((one.symbol or "").removesuffix(name).rstrip(".:"))
    # A constructor is no method in C++, and called like its class in many languages.
    if one.kind == "method" or name not in query.names or name == around or not _is_bare(query):
        return 0.0
    return WHOLE_NAME + (NAMED_AFTER if is_named_after(one.path, query.names) else 0.0)


def _is_bare(query: Query) -> bool:
    """Whether a query is one name without others before it: of `Session.send` the first `send` of a file may be that of
    another class."""
    return query.kind is QueryKind.NAME and query.text.startswith(tuple(query.names))


def _role_factor(role: Role, query: Query, shown: Candidate) -> float:
    """What a file's score is multiplied with for a role."""
    if role is Role.ENTRANCE and shown.language == "rust" and shown.kind not in _RUST_ENTRANCE:
        return 1.0
    penalty = 1 - ROLE_FACTORS[role]
    asking = _ASKS_FOR[role].intersection(query.terms)
    if role is Role.TEST and asking:
        return 1 - penalty * (0.0 if query.terms[0] in asking else PENALTY_IN_PASSING)
    return 1.0 if asking else 1 - penalty


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
