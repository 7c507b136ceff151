"""Searches for definitions and paths by their names, and in a repository that has nothing."""

import pytest

from pgdex.indexer.terms import definition_terms, term_id_of
from pgdex.jobs.database.connection import Connection
from tests.support.synthetic_chunks import SyntheticRepository, chunk, new_repository, write_chunks

# A repository that has nothing

CALLS = {
    "search_lexical": "(array[%s::bigint], '{1}', '{2}', null, null, null, null, 10)",
    "search_definitions": "(array[%s::bigint], '{1}', '{2}', null, null, null, 10)",
    "search_vectors": "(array[%s::bigint], 1::smallint, 3, '[1,2,3]', null, null, null, null, 10)",
    "search_paths": "(array[%s::bigint], 'a', null, 10)",
    "matching_versions": "(array[%s::bigint], null, null, null)",
}
OF_VIEWS = ("search_paths", "matching_versions")


@pytest.mark.parametrize("function", list(CALLS))
def test_a_repository_without_a_partition_has_nothing_to_find(connection: Connection, function: str) -> None:
    assert connection.execute(f"select * from pgdex.{function}{CALLS[function]}", [4711]).fetchall() == []


@pytest.mark.parametrize("function", list(CALLS))
def test_an_empty_partition_has_nothing_to_find(connection: Connection, function: str) -> None:
    repository = new_repository(connection)
    number = repository.view_id if function in OF_VIEWS else repository.id
    assert connection.execute(f"select * from pgdex.{function}{CALLS[function]}", [number]).fetchall() == []


# Definitions and paths


@pytest.fixture
def small(connection: Connection) -> SyntheticRepository:
    repository = new_repository(connection)
    chunks = [
        chunk("a", "Session"),
        chunk("b", "session"),
        chunk("c", "SESSION"),
        chunk("d session"),
        chunk("e", "x.Session"),
    ]
    write_chunks(connection, repository, chunks, path_of="src/f{}.py".format)
    return repository


@pytest.mark.parametrize(
    ("name", "exact", "folded"),
    [
        ("Session", {"src/f0.py", "src/f4.py"}, {"src/f1.py", "src/f2.py"}),
        ("session", {"src/f1.py"}, {"src/f0.py", "src/f2.py", "src/f4.py"}),
        ("SeSsIoN", set(), {"src/f0.py", "src/f1.py", "src/f2.py", "src/f4.py"}),
        ("sessions", set(), set()),
    ],
)
def test_definitions_are_exact_only_where_they_are_spelled_alike(
    connection: Connection, small: SyntheticRepository, name: str, exact: set[str], folded: set[str]
) -> None:
    terms = definition_terms(name)
    assert terms is not None
    rows = connection.execute(
        "select f.path, d.is_exact from pgdex.search_definitions(array[%s::bigint], %s, %s, null, null, null, 10) d"
        " join pgdex.versions f on f.id = d.version_id",
        [small.id, [term_id_of(terms[0])], [term_id_of(terms[1])]],
    ).fetchall()
    assert {path for path, is_exact in rows if is_exact} == exact
    assert {path for path, is_exact in rows if not is_exact} == folded
    assert [is_exact for _, is_exact in rows] == sorted((is_exact for _, is_exact in rows), reverse=True)


def test_a_path_is_found_by_its_end_first_and_in_any_letter_case(connection: Connection) -> None:
    repository = new_repository(connection)
    paths = ["lib/app.py.txt", "src/deep/app.py", "app.py", "src/App.py", "src/other.go"]
    write_chunks(connection, repository, [chunk("a")] * len(paths), path_of=paths.__getitem__)
    rows = connection.execute(
        "select f.path, p.ends_with from pgdex.search_paths(array[%s::bigint], 'APP.py', null, 10) p"
        " join pgdex.versions f on f.id = p.version_id",
        [repository.view_id],
    ).fetchall()
    assert {path for path, _ in rows[:3]} == {"app.py", "src/App.py", "src/deep/app.py"}
    assert (rows[0], rows[3]) == (("app.py", True), ("lib/app.py.txt", False))


@pytest.mark.parametrize("text", ["%", "_", "\\", "'", "[a", "(", "*"])
def test_a_path_is_no_pattern(connection: Connection, text: str) -> None:
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk("a")] * 2, path_of=["src/a.py", f"src/{text}.py"].__getitem__)
    rows = connection.execute(
        "select f.path from pgdex.search_paths(array[%s::bigint], %s, null, 10) p"
        " join pgdex.versions f on f.id = p.version_id",
        [repository.view_id, text],
    ).fetchall()
    assert rows == [(f"src/{text}.py",)]
