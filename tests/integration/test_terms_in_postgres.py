"""The binary formats of pgdex.indexer.binary_formats, and BM25 by inner product, as PostgreSQL itself reads them."""

import math
import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgdex.indexer.binary_formats import halfvecs, integer_arrays, sparsevecs
from pgdex.indexer.chunk_terms import AVERAGE_WORDS, K1, B, chunk_terms
from pgdex.indexer.chunking import Chunk
from pgdex.indexer.globs import glob_regex
from pgdex.indexer.lexemes import words
from pgdex.indexer.search.filters import Filters, path_words
from pgdex.indexer.search.paths import TEST_PATH, TEST_WORDS, Role, roles_of
from pgdex.indexer.search.result import SearchRefused
from pgdex.indexer.storage import COPY_HEADER, COPY_TRAILER
from pgdex.indexer.terms import TERM_IDS, stem_of, term_id_of
from pgdex.jobs.database.connection import Connection

IN_ONE_DATABASE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


def copied(connection: Connection, type_name: str, values: Sequence[bytes]) -> list[str]:
    """The text of values that were sent through a binary COPY, as the indexer sends them."""
    connection.execute("drop table if exists pg_temp.sent")
    connection.execute(f"create temporary table sent (number serial, value {type_name})")
    with connection.cursor().copy("copy sent (value) from stdin (format binary)") as copy:
        copy.write(COPY_HEADER)
        for value in values:
            copy.write(b"\0\1" + len(value).to_bytes(4, "big") + value)
        copy.write(COPY_TRAILER)
    return [text for (text,) in connection.execute("select value::text from sent order by number")]


def sparse(text: str) -> dict[int, float]:
    """The elements of a sparsevec, from 0."""
    body, _, dimension = text.partition("/")
    assert dimension == str(TERM_IDS)
    pairs = [pair.split(":") for pair in body.strip("{}").split(",") if pair]
    return {int(term_id) - 1: float(value) for term_id, value in pairs}


def chunk(content: str, *symbols: str) -> Chunk:
    return Chunk(1, 1, "function", symbols[0] if symbols else None, content, symbols, symbols)


@IN_ONE_DATABASE
@given(rows=st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=8), max_size=6))
def test_arrays_are_read_as_they_were_written(connection: Connection, rows: list[list[int]]) -> None:
    numbers = np.array([number for row in rows for number in row], dtype=np.int64)
    ends = np.cumsum([len(row) for row in rows], dtype=np.int64)
    sent = integer_arrays(numbers, ends, [[len(row), 7] if row else [] for row in rows])
    expected = [[*row, len(row), 7] if row else [] for row in rows]
    assert copied(connection, "integer[]", sent) == [f"{{{','.join(map(str, row))}}}" for row in expected]


@IN_ONE_DATABASE
@given(
    rows=st.lists(
        st.dictionaries(st.integers(0, TERM_IDS - 1), st.floats(0.0078125, 100, width=32), max_size=8), max_size=6
    )
)
def test_sparse_vectors_are_read_as_they_were_written(connection: Connection, rows: list[dict[int, float]]) -> None:
    term_ids = np.array([term_id for row in rows for term_id in sorted(row)], dtype=np.int64)
    values = np.array([row[term_id] for row in rows for term_id in sorted(row)], dtype=np.float64)
    ends = np.cumsum([len(row) for row in rows], dtype=np.int64)
    texts = copied(connection, "public.sparsevec", sparsevecs(term_ids, values, ends, dimension=TERM_IDS))
    assert len(texts) == len(rows)
    for row, text in zip(rows, texts, strict=True):
        assert sparse(text) == pytest.approx(row, rel=1e-6)


def test_half_vectors_are_read_as_they_were_written(connection: Connection) -> None:
    rows = np.array([[0.5, -1.0, 0.0], [0.25, 0.125, -0.75]], dtype=np.float32)
    assert copied(connection, "public.halfvec", halfvecs(rows)) == ["[0.5,-1,0]", "[0.25,0.125,-0.75]"]


@pytest.mark.parametrize("dimension", [1, 256, 4000])
def test_half_vectors_of_any_dimension_are_accepted(connection: Connection, dimension: int) -> None:
    (text,) = copied(connection, "public.halfvec", halfvecs(np.full((1, dimension), 0.5, dtype=np.float32)))
    assert text.count(",") == dimension - 1


@pytest.mark.parametrize(
    "content",
    [
        "",
        "x",
        "größe 数据库 漢字 \U0001f600 cafe\u0301",
        " ".join(f"w{number:x}q" for number in range(20_000)),
        "retry " * 70_000,
    ],
    ids=["empty", "one word", "not ASCII", "too many words", "one word very often"],
)
def test_the_terms_of_any_chunk_are_accepted(connection: Connection, content: str) -> None:
    terms = chunk_terms([chunk(content), chunk(content, "Größe.send")], ["a.py", "src/größe.py"])
    arrays = copied(connection, "integer[]", terms.lexemes)
    vectors = copied(connection, "public.sparsevec", terms.weights)
    for array, vector in zip(arrays, vectors, strict=True):
        weights = sparse(vector)
        assert len(weights) <= 16_000
        assert all(0 < weight < K1 + 1 for weight in weights.values())
        assert set(weights) <= set(map(int, array.strip("{}").split(",")))


def test_the_largest_place_there_is_is_a_place_in_postgresql_too(connection: Connection) -> None:
    last = TERM_IDS - 1
    (vector,) = copied(
        connection,
        "public.sparsevec",
        sparsevecs(np.array([0, last]), np.array([1.0, 2.0]), np.array([2]), dimension=TERM_IDS),
    )
    assert vector == f"{{1:1,{TERM_IDS}:2}}/{TERM_IDS}"


TEXTS = [
    "def retry(request): return delay * 2",
    "retries are retried; the retry delay grows",
    "class Session: pass",
    "größe der Sitzung " * 30,
    "unrelated text " * 200,
    "",
]


@pytest.mark.parametrize("query", ["retry delay", "session", "größe", "text of a retry"])
def test_the_inner_product_in_postgresql_is_bm25(connection: Connection, query: str) -> None:
    vectors = copied(
        connection, "public.sparsevec", chunk_terms([chunk(text) for text in TEXTS], ["x"] * len(TEXTS)).weights
    )
    asked = {stem_of(word) for word in words(query)}
    stems = [[stem_of(word) for word in words(text)] + ["x"] for text in TEXTS]
    rarity = {
        term: math.log(1 + (len(TEXTS) - frequency + 0.5) / (frequency + 0.5))
        for term in asked
        if (frequency := sum(term in one for one in stems))
    }
    expected = []
    for one in stems:
        damping = K1 * (1 - B + B * (len(one) - 1) / AVERAGE_WORDS)
        expected.append(sum(rarity[term] * one.count(term) * (K1 + 1) / (one.count(term) + damping) for term in rarity))
    asked_vector = (
        "{" + ",".join(f"{term_id_of(term) + 1}:{value}" for term, value in rarity.items()) + f"}}/{TERM_IDS}"
    )
    scores = [
        -score
        for (score,) in connection.execute(
            "select v::public.sparsevec operator(public.<#>) %s::public.sparsevec"
            " from unnest(%s::text[]) with ordinality as t (v, n) order by n",
            [asked_vector, vectors],
        )
    ]
    assert scores == pytest.approx(expected, rel=1e-5)
    assert max(scores) > 0


# Paths: what Python thinks of them, PostgreSQL must think too.

FOLDERS = [
    *("", "src/", "tests/", "test/", "src/test/java/", "a/testing/", "spec/", "contest/", "latest/", "__tests__/"),
    *("a/e2e/", "androidTest/", "Tests/", "größe/", "mocks/", "fixture/", "testdata/x/", "te sts/", "a\\test/"),
]
NAMES = [
    *("test_a.py", "a_test.go", "a.test.ts", "a.spec.js", "conftest.py", "contest.py", "latest.py", "attestation.go"),
    *(
        "spec_helper.rb",
        "docs_helper.py",
        "CartTest.java",
        "CartTests.cs",
        "Contest.java",
        "CartSpec.scala",
        "a-test.c",
    ),
    *("test_", "test_x", "test", "a_test", "a_test.tar.gz", ".test.js", "größe_test.py", "Größe.java", "MockTest.kt"),
    *("TEST_A.PY", "a_tests.py", "a_mock.go", "StoreMock.swift", "mock.py", "x.Test.py", "test_a.b.c", "a\nb_test.py"),
]


def test_what_a_test_is_means_the_same_in_postgresql(connection: Connection) -> None:
    paths = [folder + name for folder in FOLDERS for name in NAMES]
    rows = connection.execute(
        'select p, p ~ %s, lower(p collate "C") like any (%s) from unnest(%s::text[]) as p',
        [TEST_PATH, list(TEST_WORDS), paths],
    ).fetchall()
    assert len(rows) == len(paths)
    different = [path for path, is_test, _ in rows if is_test != (Role.TEST in roles_of(path))]
    assert different == []
    assert {is_test for _, is_test, _ in rows} == {True, False}
    assert [path for path, is_test, has_word in rows if is_test and not has_word] == []


@IN_ONE_DATABASE
@given(
    path=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
    | st.lists(st.sampled_from([*NAMES, "/", *FOLDERS, "."]), max_size=4).map("".join)
)
def test_any_path_is_a_test_in_both_or_in_none(connection: Connection, path: str) -> None:
    is_test = Role.TEST in roles_of(path)
    row = connection.execute(
        "select %(path)s::text ~ %(regex)s,"
        ' lower(%(path)s::text collate "C") like any (%(words)s) and %(path)s::text ~ %(regex)s',
        {"path": path, "regex": TEST_PATH, "words": list(TEST_WORDS)},
    ).fetchone()
    assert row == (is_test, is_test)


@pytest.mark.parametrize(
    "glob",
    [
        "*.py",
        "tests/",
        "src/**/a.ts",
        "**",
        "[tc]*",
        "[!a-c]*.go",
        "größe/*",
        "a?c*",
        "*.{py,ts}",
        "[tc]",
        "{src,[x]}/**",
        "!*.py",
        "src\\*.py",
    ],
)
def test_a_glob_means_the_same_in_postgresql(connection: Connection, glob: str) -> None:
    regex = Filters.of(path_glob=glob).path_regex
    assert regex is not None
    paths = [folder + name for folder in FOLDERS for name in NAMES if "\n" not in name]
    rows = connection.execute("select p, p ~ %s from unnest(%s::text[]) as p", [regex, paths]).fetchall()
    own = re.compile(glob_regex(glob))
    expected = {path: bool(own.search(path)) for path in paths}
    assert dict(rows) == expected


@IN_ONE_DATABASE
@given(
    glob=st.lists(
        st.sampled_from(["a_b", "100%", "a", "\\", "*", "**", "?", "/", "[c]", "{a,b}", ".py"]), min_size=1
    ).map("".join),
    others=st.lists(st.text(st.sampled_from("ab_1%/.pyc\\"), min_size=1, max_size=12), min_size=3),
)
def test_each_path_that_a_glob_matches_has_one_of_its_words_in_postgresql(
    connection: Connection, glob: str, others: list[str]
) -> None:
    try:
        regex = Filters.of(path_glob=glob).path_regex
    except SearchRefused:
        return
    like = path_words(glob, root="/r")
    paths = [*others, glob, glob.replace("*", "x"), glob.replace("**", "a/b").replace("?", "c")]
    rows = connection.execute(
        "select p, %(like)s::text[] is null or p like any (%(like)s) from unnest(%(paths)s::text[]) as p"
        " where p ~ %(regex)s",
        {"like": like, "paths": paths, "regex": regex},
    ).fetchall()
    assert [path for path, has_word in rows if not has_word] == []


def test_an_underscore_in_a_glob_stands_for_itself(connection: Connection) -> None:
    paths = ["src/a_b/x.py", "src/axb/x.py"]
    rows = connection.execute(
        "select p from unnest(%s::text[]) as p where p like any (%s)", [paths, path_words("src/a_b/*", root="/r")]
    ).fetchall()
    assert rows == [("src/a_b/x.py",)]


@IN_ONE_DATABASE
@given(glob=st.text(st.sampled_from("ab*?[]!-^\\/.{}()|+$:=é,@"), max_size=16))
def test_any_glob_is_refused_or_understood_by_postgresql(connection: Connection, glob: str) -> None:
    try:
        regex = Filters.of(path_glob=glob).path_regex
    except SearchRefused:
        return
    row = connection.execute("select 'src/a.py' ~ %s is null", [regex]).fetchone()
    assert row == (False,)
