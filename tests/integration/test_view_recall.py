"""A search of one view of a large repository finds with the vector index what it finds without, however much of the
repository's chunks the view holds."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from pgdex.indexer.search import SearchRequest
from pgdex.indexer.search.filters import Filters, Scope
from pgdex.indexer.search.views import searched_views
from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import new_database, settings_for, url_of
from tests.support.job_checks import value
from tests.support.second_views import new_view
from tests.support.synthetic_chunks import DIMENSION, SyntheticRepository, chunk, new_repository, write_chunks

CHUNKS = 12_000
TOPICS = 120
QUERIES = 40
NEAREST = 10
SHARES = (1, 30, 50, 99)
SEARCH = (
    "select version_id, ordinal, score from pgdex.search_vectors(array[%(repository)s::bigint], %(model)s::smallint,"
    " %(dimension)s, %(vector)s, %(versions)s::bigint[], %(chunks)s, %(outside)s::bigint[], null, %(limit)s,"
    " p_exact_chunks => %(exact)s)"
)
Vectors = NDArray[np.float32]


class Scene:
    """A repository with a vector index, and views that hold some percent of it: spread over it, or whole topics."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.repository: SyntheticRepository = new_repository(connection, "/whole")
        self._generator = np.random.default_rng(5)
        self._topics = self._generator.normal(size=(TOPICS, DIMENSION))
        topic_of = np.arange(CHUNKS) % TOPICS
        write_chunks(
            connection,
            self.repository,
            [chunk(f"value{number}") for number in range(CHUNKS)],
            path_of=self.path_of,
            vectors=self._around(topic_of),
        )
        for kept in ("spread", "topics"):
            for percent in SHARES:
                self._add_view(f"/{kept}_{percent}", self._kept(kept, percent, topic_of))
        self._count()
        connection.execute("select pgdex.build_indexes(%s::bigint)", [self.repository.id])
        assert value(connection, "select pgdex.build_vector_index(%s::bigint, 1000)", self.repository.id) is True
        connection.execute(
            f"vacuum analyze pgdex.versions, pgdex.view_files, pgdex.views, pgdex.chunks_r{self.repository.id}"
        )

    @staticmethod
    def path_of(number: int) -> str:
        return f"part_{number % 10}/module_{number}.py"

    def queries(self) -> list[str]:
        """Places near chunks, as a text."""
        vectors = self._around(self._generator.integers(TOPICS, size=QUERIES))
        return [f"[{','.join(map(str, vector.tolist()))}]" for vector in vectors]

    def scope(self, root: str) -> Scope:
        """What a search of one view keeps to."""
        views = searched_views(self.connection, SearchRequest("x", project_id="default", repo=root))
        assert [view.root for view in views] == [root]
        return Filters().within(self.connection, views)

    def nearest(self, vector: str, scope: Scope, *, exact: bool) -> list[tuple[int, int]]:
        """The first ten; where not `exact`, by the index wherever there is a choice."""
        with self.connection.transaction():
            if exact:
                self.connection.execute("set local enable_indexscan = off")
            else:
                self.connection.execute("set local enable_seqscan = off")
            rows = self.connection.execute(
                SEARCH,
                {
                    "repository": self.repository.id,
                    "model": self.repository.model_id,
                    "dimension": DIMENSION,
                    "vector": vector,
                    "versions": scope.versions,
                    "chunks": scope.chunks,
                    "outside": scope.outside,
                    "limit": 100,
                    # With as few chunks as here, what a view holds would be compared one by one from 50 % down.
                    "exact": 1_000_000 if exact else 1_000,
                },
            ).fetchall()
        return [row[:2] for row in rows[:NEAREST]]

    def _around(self, topics: NDArray[np.int64]) -> Vectors:
        raw = self._topics[topics] + self._generator.normal(scale=0.6, size=(len(topics), DIMENSION))
        vectors: Vectors = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
        return vectors

    def _kept(self, kept: str, percent: int, topic_of: NDArray[np.int64]) -> NDArray[np.int64]:
        if kept == "spread":
            return self._generator.permutation(CHUNKS)[: CHUNKS * percent // 100]
        return np.flatnonzero(topic_of < max(1, TOPICS * percent // 100))

    def _add_view(self, root: str, numbers: NDArray[np.int64]) -> None:
        new_view(self.connection, of="/whole", root=root, paths=[self.path_of(number) for number in numbers.tolist()])

    def _count(self) -> None:
        """As complete_job leaves it."""
        self.connection.execute(
            "update pgdex.views v set chunks = (select count(*) from pgdex.view_files e where e.view_id = v.id)"
        )
        self.connection.execute("update pgdex.repositories set chunks = %s", [CHUNKS])


@pytest.fixture(scope="module")
def scene(server_url: str, template: str) -> Iterator[Scene]:
    with (
        new_database(server_url, template=template) as name,
        connect(settings_for(url_of(server_url, name))) as connection,
    ):
        yield Scene(connection)


@pytest.mark.parametrize("percent", SHARES)
@pytest.mark.parametrize("kept", ["spread", "topics"])
def test_of_a_view_the_vector_index_finds_the_ten_nearest(scene: Scene, kept: str, percent: int) -> None:
    scope = scene.scope(f"/{kept}_{percent}")
    assert (scope.versions is None) == (percent >= 50)
    found = total = 0
    for vector in scene.queries():
        exact = scene.nearest(vector, scope, exact=True)
        assert len(exact) == NEAREST
        found += len(set(exact) & set(scene.nearest(vector, scope, exact=False)))
        total += NEAREST
    assert found / total >= 0.98


def test_these_searches_use_the_vector_index(scene: Scene) -> None:
    """Else the test above compares an exact answer with itself."""
    index = value(
        scene.connection,
        "select pgdex.vector_index_name(id, model_id) from pgdex.repositories where id = %s",
        scene.repository.id,
    )
    scans = "select coalesce(sum(idx_scan), 0) from pg_stat_user_indexes where indexrelname = %s"
    for percent in (30, 50, 99):
        scene.connection.execute("select pg_stat_force_next_flush()")
        before = value(scene.connection, scans, index)
        scene.nearest(scene.queries()[0], scene.scope(f"/spread_{percent}"), exact=False)
        scene.connection.execute("select pg_stat_force_next_flush()")
        assert value(scene.connection, scans, index) > before, percent
