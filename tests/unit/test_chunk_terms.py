"""What lexical search keeps of chunks, against BM25 worked out term by term."""

import struct
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.chunk_terms import AVERAGE_WORDS, K1, PATH_WEIGHT, SYMBOL_WEIGHT, B, chunk_terms
from pgdex.indexer.chunking import Chunk, chunk_file
from pgdex.indexer.chunking.model import Kind
from pgdex.indexer.languages import language_of
from pgdex.indexer.lexemes import words
from pgdex.indexer.terms import TERM_IDS, declared_term, definition_terms, stem_of, symbol_term, term_id_of

NAMES = st.sampled_from(["Session.send", "send", "Retry", "parse_args", "operator<<", "Größe", "数据库", "a.b.c"])
CONTENT = st.text(max_size=60) | st.lists(
    st.sampled_from(["retry", "retries", "sessionSend", "def", "größe", "漢字", "(", "\n", "x1"]), max_size=60
).map(" ".join)
PATHS = st.sampled_from(["a.py", "src/session.py", "lib/retries/größe.rb", "x"])
SOME_KINDS: list[Kind] = ["function", "class", "section", "key", "module"]


def chunk(
    content: str,
    *,
    symbols: tuple[str, ...] = (),
    defines: tuple[str, ...] = (),
    declares: tuple[str, ...] = (),
    kind: Kind = "function",
) -> Chunk:
    return Chunk(1, 1, kind, symbols[0] if symbols else None, content, symbols, defines, declares)


@st.composite
def chunks(draw: st.DrawFn) -> Chunk:
    symbols = tuple(dict.fromkeys(draw(st.lists(NAMES, max_size=3))))
    defines = tuple(name for name in symbols if draw(st.booleans()))
    declares = tuple(name for name in symbols if name not in defines)
    return chunk(
        draw(CONTENT), symbols=symbols, defines=defines, declares=declares, kind=draw(st.sampled_from(SOME_KINDS))
    )


def weights_of(sparsevec: bytes) -> dict[int, float]:
    """The elements of a sparsevec in its binary format."""
    dimension, count, unused = struct.unpack_from(">iii", sparsevec)
    assert (dimension, unused) == (TERM_IDS, 0)
    assert len(sparsevec) == 12 + 8 * count
    term_ids = struct.unpack_from(f">{count}i", sparsevec, 12)
    return dict(zip(term_ids, struct.unpack_from(f">{count}f", sparsevec, 12 + 4 * count), strict=True))


def elements_of(array: bytes) -> list[int]:
    """The elements of an integer[] in its binary format."""
    if array[:4] == bytes(4):
        return []
    return [number for (_, number) in struct.iter_unpack(">ii", array[20:])]


def reference(one: Chunk, path: str) -> dict[int, float]:
    """The BM25 weight of each stem of a chunk, straight from the formula."""
    frequencies: Counter[int] = Counter()
    for word in words(one.content):
        frequencies[term_id_of(stem_of(word))] += 1
    for word in set(words(" ".join(one.symbols))):
        frequencies[term_id_of(stem_of(word))] += SYMBOL_WEIGHT
    for word in set(words(path)):
        frequencies[term_id_of(stem_of(word))] += PATH_WEIGHT
    damping = K1 * (1 - B + B * len(words(one.content)) / AVERAGE_WORDS)
    return {term_id: tf * (K1 + 1) / (tf + damping) for term_id, tf in frequencies.items()}


def defined(name: str) -> set[int]:
    """The term_ids of the terms of a definition: as it is spelled, and folded."""
    terms = definition_terms(name)
    assert terms is not None
    return {term_id_of(term) for term in terms}


@given(st.lists(st.tuples(chunks(), PATHS), max_size=8))
def test_the_weights_are_those_of_bm25(some: list[tuple[Chunk, str]]) -> None:
    terms = chunk_terms([one for one, _ in some], [path for _, path in some])

    assert len(terms.weights) == len(terms.lexemes) == len(terms.words.lengths) == len(some)
    for (one, path), weights, lexemes in zip(some, terms.weights, terms.lexemes, strict=True):
        found = weights_of(weights)
        assert found == pytest.approx(reference(one, path), rel=1e-5)
        assert list(found) == sorted(found), "a sparsevec wants its term_ids in order"
        assert set(found) <= set(elements_of(lexemes))


@given(st.lists(st.tuples(chunks(), PATHS), max_size=8))
def test_the_lexemes_are_the_terms_the_symbols_the_definitions_and_the_declarations(
    some: list[tuple[Chunk, str]],
) -> None:
    terms = chunk_terms([one for one, _ in some], [path for _, path in some])
    for (one, path), lexemes in zip(some, terms.lexemes, strict=True):
        names = one.defines if one.kind not in ("section", "key") else ()
        expected = set(reference(one, path))
        expected |= {term_id_of(symbol_term(stem_of(word))) for word in words(" ".join(one.symbols))}
        expected |= {term_id_of(term) for name in names for term in definition_terms(name) or ()}
        passed_on = one.declares if one.kind not in ("section", "key") else ()
        expected |= {term_id_of(term) for term in map(declared_term, passed_on) if term is not None}
        assert set(elements_of(lexemes)) == expected


@given(st.lists(st.tuples(chunks(), PATHS), max_size=8))
def test_the_bags_are_those_of_the_content_with_the_symbols_and_the_path(some: list[tuple[Chunk, str]]) -> None:
    bags = chunk_terms([one for one, _ in some], [path for _, path in some]).words
    counts: list[Counter[str]] = [Counter() for _ in some]
    for text, number, count in zip(bags.texts.tolist(), bags.numbers.tolist(), bags.counts.tolist(), strict=True):
        counts[text][bags.words[number]] += count
    assert counts == [Counter(words(f"{one.content} {' '.join(one.symbols)} {path}")) for one, path in some]


def test_no_chunks_have_no_terms() -> None:
    terms = chunk_terms([], [])
    assert (terms.lexemes, terms.weights, terms.words.lengths.tolist()) == ([], [], [])


@given(st.lists(chunks(), min_size=1, max_size=4))
def test_the_terms_of_a_chunk_do_not_depend_on_its_neighbours(some: list[Chunk]) -> None:
    together = chunk_terms(some, ["a.py"] * len(some))
    for row, one in enumerate(some):
        alone = chunk_terms([one], ["a.py"])
        assert together.weights[row] == alone.weights[0]
        assert together.lexemes[row] == alone.lexemes[0]


def test_a_word_of_a_symbol_weighs_more_than_one_of_the_content() -> None:
    retry = term_id_of(stem_of("retry"))
    in_symbol, in_content = chunk_terms(
        [chunk("x delay", symbols=("retry",)), chunk("x delay retry")], ["a.py", "a.py"]
    ).weights
    assert weights_of(in_symbol)[retry] > weights_of(in_content)[retry]


def test_a_word_weighs_less_in_a_longer_chunk_and_more_the_more_often_it_is_there() -> None:
    retry = term_id_of(stem_of("retry"))
    texts = ["retry", "retry " + "x y z " * 200, "retry retry retry"]
    short, long, often = (weights_of(one)[retry] for one in chunk_terms([*map(chunk, texts)], ["a"] * 3).weights)
    assert long < short < often < K1 + 1


def test_forms_of_a_word_count_as_one_term() -> None:
    one, other = chunk_terms([chunk("retry retries retrying"), chunk("retry retry retry")], ["a", "a"]).weights
    assert weights_of(one) == weights_of(other)


LONG_CLASS = "class Accountant(Base):\n" + "".join(
    f"    def method_{number}(self, value: int) -> int:\n"
    + "".join(f"        value = value * {line} + self.offset_{number}\n" for line in range(12))
    + "        return value\n\n"
    for number in range(12)
)


def test_the_name_of_a_class_in_several_chunks_is_defined_in_the_first_one_only() -> None:
    cut = chunk_file(LONG_CLASS, language_of("accountant.py"))
    assert len(cut) > 5
    assert all(any("Accountant" in name for name in one.symbols) for one in cut)
    lexemes = [set(elements_of(one)) for one in chunk_terms(cut, ["accountant.py"] * len(cut)).lexemes]

    assert [number for number, terms in enumerate(lexemes) if terms & defined("Accountant")] == [0]
    in_symbol = term_id_of(symbol_term(stem_of("accountant")))
    assert all(in_symbol in terms for terms in lexemes)
    for number in range(12):
        (where,) = [one for one, terms in zip(cut, lexemes, strict=True) if terms & defined(f"method_{number}")]
        assert f"def method_{number}(" in where.content


@pytest.mark.parametrize(
    ("path", "source", "name"),
    [
        ("guide.md", "# Installing\n\nRun it.\n", "Installing"),
        ("config.yaml", "service:\n  image: web\n", "service"),
        ("config.json", '{"service": {"image": "web"}}\n', "service"),
        ("notes.txt", "Installing\n", "Installing"),
        ("style.css", ".button { color: red }\n", "button"),
    ],
)
def test_headings_keys_and_rules_define_nothing(path: str, source: str, name: str) -> None:
    cut = chunk_file(source, language_of(path))
    found = {number for one in chunk_terms(cut, [path] * len(cut)).lexemes for number in elements_of(one)}
    assert term_id_of(stem_of(name.lower())) in found
    assert not found & defined(name)


@pytest.mark.parametrize(
    ("path", "source", "name"),
    [
        ("a.py", "def send(request):\n    return 1\n", "send"),
        ("a.go", "package a\n\nfunc (s *Session) Send() {}\n", "Send"),
        ("a.rs", "pub struct Session { id: u8 }\n", "Session"),
        ("a.ts", "export interface Options { a: string }\n", "Options"),
        ("A.java", "class Cart { int total() { return 1; } }\n", "Cart"),
        ("a.rb", "class Cart\n  def empty?\n    true\n  end\nend\n", "empty?"),
        ("a.cpp", "namespace n { class Cart { int total(); }; }\n", "Cart"),
    ],
)
def test_definitions_of_real_sources_are_marked(path: str, source: str, name: str) -> None:
    cut = chunk_file(source, language_of(path))
    found = {number for one in chunk_terms(cut, [path] * len(cut)).lexemes for number in elements_of(one)}
    assert defined(name) <= found


def test_a_chunk_of_any_size_keeps_to_what_postgresql_stores() -> None:
    one = chunk(" ".join(f"w{number:x}q" for number in range(30_000)))
    weights = weights_of(chunk_terms([one], ["a.py"]).weights[0])
    assert len(weights) == 16_000
    assert np.isfinite(list(weights.values())).all()
