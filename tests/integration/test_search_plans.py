"""Searches of a repository of 50,000 chunks: none reads the whole table, and the vector index loses nothing.

PostgreSQL's own counters say what the functions read, so nothing here repeats a statement of `sql/`.
"""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from pgdex.indexer.globs import glob_regex
from pgdex.indexer.search import SearchRequest
from pgdex.indexer.search.filters import Filters, Scope
from pgdex.indexer.search.views import searched_views
from pgdex.indexer.terms import definition_terms, stem_of, symbol_term, term_id_of
from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import new_database, settings_for, url_of
from tests.support.job_checks import value
from tests.support.synthetic_chunks import DIMENSION, SyntheticRepository, chunk, new_repository, write_chunks

CHUNKS = 50_000
QUERIES = 20
NEAREST = 10
# Of words that are common, some of the chunks that have them are looked at, wherever they are in the table.
BOUNDED = CHUNKS // 5
CALL = (
    "(array[%(repository)s::bigint], %(model)s::smallint, %(dimension)s, %(vector)s, %(versions)s::bigint[],"
    " %(chunks)s, %(outside)s::bigint[], null, %(limit)s)"
)
Vectors = NDArray[np.float32]


class Scene:
    """A repository with all its indexes, and what is in it."""

    def __init__(self, url: str, connection: Connection) -> None:
        self.url = url
        self.connection = connection
        self.repository: SyntheticRepository = new_repository(connection)
        self.generator = np.random.default_rng(11)
        # As vectors of code are: around topics, some of them large.
        self.topics = self.generator.normal(size=(300, DIMENSION))
        self.vectors = self.some_vectors(CHUNKS)
        chunks = [
            chunk(
                f"self value{number % 2} name{number // 25}x"
                + (" common" if number % 3 else "")
                + " filler" * (number % 7),
                f"Class{number // 10}.method_{number}",
            )
            for number in range(CHUNKS)
        ]
        write_chunks(
            connection,
            self.repository,
            chunks,
            path_of=self.path_of,
            language_of=lambda number: "go" if number % 100 == 0 else "python",
            vectors=self.vectors,
        )
        connection.execute("set statement_timeout = 0")  # as a worker's: on a busy machine HNSW takes half a minute
        connection.execute("select pgdex.build_indexes(%s::bigint)", [self.repository.id])
        connection.execute("set statement_timeout = 0")  # a worker, which builds the index, has no limit either
        assert value(connection, "select pgdex.build_vector_index(%s::bigint, 1000)", self.repository.id) is True
        for table in ("repositories", "views"):  # as the end of a job counts
            connection.execute(f"update pgdex.{table} set chunks = {CHUNKS}")
        connection.execute("vacuum analyze pgdex.versions, pgdex.view_files")
        connection.execute(f"vacuum analyze pgdex.{self.table}")

    @staticmethod
    def path_of(number: int) -> str:
        """A tenth of the files is in one folder."""
        return f"package_{number % 10}/module_{number}.py"

    @property
    def table(self) -> str:
        return f"chunks_r{self.repository.id}"

    def some_vectors(self, count: int) -> Vectors:
        """Vectors around the topics."""
        topics = self.topics[self.generator.zipf(1.3, size=count) % len(self.topics)]
        raw = topics + self.generator.normal(scale=0.6, size=(count, DIMENSION))
        vectors: Vectors = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
        return vectors


@pytest.fixture(scope="module")
def scene(server_url: str, template: str) -> Iterator[Scene]:
    with new_database(server_url, template=template) as name:
        url = url_of(server_url, name)
        with connect(settings_for(url)) as connection:
            yield Scene(url, connection)


@pytest.fixture(params=["auto", "force_generic_plan"])
def rolled_back(scene: Scene, request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A transaction of a new connection, whose counters are 0; plans are made for the present values, or for any."""
    with connect(settings_for(scene.url)) as connection, connection.transaction(force_rollback=True):
        connection.execute(f"set local plan_cache_mode = {request.param}")
        yield connection


def whole_scans(connection: Connection, table: str) -> int:
    """How many rows of a table this transaction has read by scanning it from its start."""
    rows = value(
        connection,
        "select seq_tup_read from pg_stat_xact_user_tables where schemaname = 'pgdex' and relname = %s",
        table,
    )
    assert isinstance(rows, int)
    return rows


def index_scans(connection: Connection, index: str) -> int:
    """How often this transaction has looked into an index of a repository's chunks."""
    # There is no view of the present transaction's index scans: the function behind the views of tables has them.
    number = value(connection, "select pg_stat_get_xact_numscans(%s::regclass)", f"pgdex.{index}")
    assert isinstance(number, int)
    return number


def scope_of(connection: Connection, scene: Scene, **filters: str) -> Scope:
    """What a filter by view, path or language leaves."""
    narrowed = Filters(path_regex=filters.get("regex"), language=filters.get("language"))
    request = SearchRequest("x", project_id="default", view=filters.get("view"))
    return narrowed.within(connection, searched_views(connection, request))


def lexical(connection: Connection, scene: Scene, query: str, **filters: str) -> list[tuple[int, float]]:
    """What search_lexical answers."""
    stems = list(dict.fromkeys(map(stem_of, query.split())))
    scope = scope_of(connection, scene, **filters)
    rows = connection.execute(
        "select version_id, score from pgdex.search_lexical("
        " array[%(id)s::bigint], %(terms)s::int[], %(symbols)s::int[], %(versions)s::bigint[], %(chunks)s,"
        " %(outside)s::bigint[], null, 100)",
        {
            "id": scene.repository.id,
            "terms": [term_id_of(stem) for stem in stems],
            "symbols": [term_id_of(symbol_term(stem)) for stem in stems],
            "versions": scope.versions,
            "chunks": scope.chunks,
            "outside": scope.outside,
        },
    )
    return [(version_id, score) for version_id, score in rows]


# Words and definitions


def test_the_counters_would_notice_a_scan(rolled_back: Connection, scene: Scene) -> None:
    rolled_back.execute("set local enable_indexscan = off; set local enable_bitmapscan = off")
    lexical(rolled_back, scene, "name77x")
    assert whole_scans(rolled_back, scene.table) >= CHUNKS


@pytest.mark.parametrize(
    ("query", "most_rows"),
    [
        *(("name77x", 0), ("name77x name78x", 0), ("method_4711", 0), ("zzyzx", 0)),
        *(("name77x name78x common", BOUNDED), ("value0 name1500x self", BOUNDED), ("class77 method", BOUNDED)),
        *(("self", BOUNDED), ("self common", BOUNDED)),
    ],
)
def test_words_are_looked_up_in_the_index(rolled_back: Connection, scene: Scene, query: str, most_rows: int) -> None:
    found = lexical(rolled_back, scene, query)
    assert bool(found) == (query != "zzyzx")
    assert whole_scans(rolled_back, scene.table) <= most_rows
    assert index_scans(rolled_back, f"{scene.table}_lexemes") > 0


@pytest.mark.parametrize("filters", [{"language": "go"}, {"regex": "^package_7/"}], ids=str)
def test_words_are_looked_up_in_the_index_with_a_filter_too(
    rolled_back: Connection, scene: Scene, filters: dict[str, str]
) -> None:
    lexical(rolled_back, scene, "name77x name80x", **filters)
    assert whole_scans(rolled_back, scene.table) == 0


def test_of_many_files_some_that_have_a_common_word_are_looked_at_wherever_they_are(
    rolled_back: Connection, scene: Scene
) -> None:
    half = CHUNKS // 2
    versions = [row[0] for row in rolled_back.execute("select id from pgdex.versions order by id offset %s", [half])]
    terms = [[term_id_of(stem_of("self"))], [term_id_of(symbol_term(stem_of("self")))]]
    found = rolled_back.execute(
        "select version_id from pgdex.search_lexical(array[%s::bigint], %s::int[], %s::int[], %s::bigint[], %s, '{}',"
        " null, 100, 500)",
        [scene.repository.id, *terms, versions, half],
    ).fetchall()
    assert len(found) == 100
    assert {row[0] for row in found} <= set(versions)
    assert whole_scans(rolled_back, scene.table) == 0


@pytest.mark.parametrize("filters", [{}, {"language": "go"}, {"regex": "^package_0/"}], ids=str)
def test_definitions_are_looked_up_in_the_index(rolled_back: Connection, scene: Scene, filters: dict[str, str]) -> None:
    terms = definition_terms("method_4700")
    assert terms is not None
    scope = scope_of(rolled_back, scene, **filters)
    rows = rolled_back.execute(
        "select v.path, d.is_exact from"
        " pgdex.search_definitions(array[%s::bigint], %s, %s, %s::bigint[], %s::bigint[], null, 100) d"
        " join pgdex.versions v on v.id = d.version_id",
        [scene.repository.id, *([term_id_of(term)] for term in terms), scope.versions, scope.outside],
    ).fetchall()
    assert rows == [(scene.path_of(4_700), True)]
    assert whole_scans(rolled_back, scene.table) == 0
    assert index_scans(rolled_back, f"{scene.table}_lexemes") > 0


# Vectors


def nearest(connection: Connection, scene: Scene, vector: Vectors, **filters: str) -> list[int]:
    """The versions that search_vectors answers."""
    scope = scope_of(connection, scene, **filters)
    rows = connection.execute(
        f"select version_id from pgdex.search_vectors{CALL}",
        {
            "repository": scene.repository.id,
            "model": scene.repository.model_id,
            "dimension": DIMENSION,
            "vector": str(vector.tolist()),
            "versions": scope.versions,
            "chunks": scope.chunks,
            "outside": scope.outside,
            "limit": NEAREST,
        },
    )
    return [version_id for (version_id,) in rows]


def exactly_nearest(connection: Connection, scene: Scene, vectors: Vectors, **filters: str) -> list[list[int]]:
    """The same for each of several, by comparing with every vector. Not in SQL, where that took half of this module."""
    rows = connection.execute(
        "select f.version_id, f.path from pgdex.files f join pgdex.views w on w.id = f.view_id and w.name = %(view)s"
        " where (%(regex)s::text is null or f.path ~ %(regex)s)"
        " and (%(language)s::text is null or f.language = %(language)s)",
        {
            "view": filters.get("view", "synthetic"),
            "regex": filters.get("regex"),
            "language": filters.get("language"),
        },
    ).fetchall()
    versions = np.array([version_id for version_id, _ in rows])
    numbers = [int(path.rpartition("_")[2].removesuffix(".py")) for _, path in rows]
    assert len(numbers) >= NEAREST
    similar = as_stored(vectors) @ as_stored(scene.vectors[numbers]).T
    return [versions[np.lexsort((versions, -row))[:NEAREST]].tolist() for row in similar]


def as_stored(vectors: Vectors) -> Vectors:
    """Rounded to half precision, as the index has them, and of length 1 again."""
    rounded = vectors.astype(np.float16).astype(np.float32)
    unit: Vectors = rounded / np.linalg.norm(rounded, axis=1, keepdims=True)
    return unit


FILTERS = [
    pytest.param({}, id="none"),
    pytest.param({"language": "go"}, id="1 % of the files by language"),
    pytest.param({"regex": glob_regex("package_3/*")}, id="10 % of the files by path"),
    pytest.param({"language": "python"}, id="99 % of the files by language"),
    pytest.param({"regex": glob_regex("package_0/*"), "language": "go"}, id="path and language"),
]


@pytest.mark.parametrize("filters", FILTERS)
def test_hardly_any_of_the_nearest_are_lost(scene: Scene, filters: dict[str, str]) -> None:
    assert recall(scene, **filters) >= 0.99


@pytest.mark.parametrize("percent", [1, 50, 99])
@pytest.mark.parametrize("filters", [{}, {"language": "python"}], ids=["none", "99 % of the files by language"])
def test_hardly_any_of_the_nearest_that_a_view_holds_are_lost(
    scene: Scene, percent: int, filters: dict[str, str]
) -> None:
    with scene.connection.transaction(force_rollback=True):
        add_view(scene, percent)
        scope = scope_of(scene.connection, scene, view="part")
        assert (scope.versions is None) is (percent >= 50), "of small ones it says what is in them"
        assert recall(scene, view="part", **filters) >= 0.99


def test_hardly_any_of_the_nearest_are_lost_beside_old_versions(scene: Scene) -> None:
    """Half of the files were edited or deleted, and what they were is still there."""
    connection = scene.connection
    with connection.transaction(force_rollback=True):
        connection.execute(
            "select pgdex.remove_view_files(%s, array(select path from pgdex.view_files where version_id %% 2 = 0))",
            [scene.repository.view_id],
        )
        assert len((scope_of(connection, scene).outside or "").split(",")) == CHUNKS // 2
        assert recall(scene) >= 0.99


def add_view(scene: Scene, percent: int) -> None:
    """A second view, `part`, which holds so many of the repository's versions, and counts as after a job."""
    connection = scene.connection
    view_id = value(
        connection,
        "insert into pgdex.views (repository_id, project_id, root, name, kind, is_main)"
        " values (%s, 'default', '/part', 'part', 'worktree', false) returning id",
        scene.repository.id,
    )
    connection.execute(
        "insert into pgdex.view_files (view_id, version_id, path, size)"
        " select %s, id, path, size from pgdex.versions where hashint8(id) %% 1000 + 999 < %s",
        [view_id, percent * 20],
    )
    connection.execute(
        "update pgdex.views w set chunks = (select count(*) from pgdex.view_files e where e.view_id = w.id)"
    )


def recall(scene: Scene, **filters: str) -> float:
    """The share of the nearest that is found."""
    connection = scene.connection
    found = 0
    vectors = scene.some_vectors(QUERIES)
    for vector, exact in zip(vectors, exactly_nearest(connection, scene, vectors, **filters), strict=True):
        answer = nearest(connection, scene, vector, **filters)
        assert len(exact) == len(answer) == NEAREST
        found += len(set(exact) & set(answer))
    return found / (QUERIES * NEAREST)


def test_the_nearest_are_looked_up_in_the_vector_index(rolled_back: Connection, scene: Scene) -> None:
    index = value(
        rolled_back,
        "select pgdex.vector_index_name(%s::bigint, %s::smallint)",
        scene.repository.id,
        scene.repository.model_id,
    )
    before = index_scans(rolled_back, index)
    assert nearest(rolled_back, scene, scene.some_vectors(1)[0])
    assert index_scans(rolled_back, index) == before + 1
    assert whole_scans(rolled_back, scene.table) == 0


def test_of_few_files_the_vectors_are_compared_without_reading_the_others(
    rolled_back: Connection, scene: Scene
) -> None:
    assert nearest(rolled_back, scene, scene.some_vectors(1)[0], language="go")
    assert whole_scans(rolled_back, scene.table) == 0


def test_nothing_is_found_where_the_filters_leave_nothing(scene: Scene) -> None:
    assert nearest(scene.connection, scene, scene.some_vectors(1)[0], language="cobol") == []
