"""Searches of a repository that several views share: each finds what its view holds."""

import pytest

from pgdex.indexer.embedding import open_embedder
from pgdex.indexer.search import SearchHit, SearchRequest, search
from pgdex.indexer.storage import write_files
from pgdex.jobs.database.connection import Connection
from tests.support.job_checks import value
from tests.support.synthetic_chunks import SyntheticRepository, chunk, indexed_files, new_repository


class Family:
    """A repository with a main view of so many files and a worktree that has some of them, and others of its own."""

    def __init__(self, connection: Connection, *, shared: int, only_main: int, only_worktree: int) -> None:
        self.connection = connection
        self.repository: SyntheticRepository = new_repository(connection, "/r/main", own_table=False)
        self.worktree = int(
            value(
                connection,
                "insert into pgdex.views (repository_id, project_id, root, name, kind, is_main)"
                " values (%s, 'default', '/r/worktree', 'worktree', 'worktree', false) returning id",
                self.repository.id,
            )
        )
        common = [f"alpha common {number}" for number in range(shared)]
        self.write(self.repository.view_id, [*common, *(f"alpha stays {n}" for n in range(only_main))])
        self.write(self.worktree, [*common, *(f"alpha edited {n}" for n in range(only_worktree))])
        self.count()

    def write(self, view_id: int, texts: list[str]) -> None:
        """The files f0, f1, … of a view with these contents."""
        files = indexed_files(
            [chunk(text) for text in texts], path_of="f{}.py".format, hash_of=lambda number: texts[number].encode()
        )
        with self.connection.transaction():
            write_files(
                self.connection,
                repository_id=self.repository.id,
                view_id=view_id,
                model_id=self.repository.model_id,
                indexed=files,
            )

    def count(self) -> None:
        """As the end of a job does."""
        self.connection.execute(
            "update pgdex.repositories set chunks = (select sum(chunks) from pgdex.versions);"
            " update pgdex.views w set chunks = (select coalesce(sum(v.chunks), 0) from pgdex.view_files e"
            " join pgdex.versions v on v.id = e.version_id where e.view_id = w.id)"
        )

    def found(self, query: str, view: str | None = None, **narrowed: str) -> list[SearchHit]:
        request = SearchRequest(query, project_id="default", view=view, limit=1000, **narrowed)
        return search(self.connection, request, open_embedder=open_embedder).hits

    def scope(self, view_id: int) -> tuple[bool, bool]:
        """Whether a search keeps to the versions inside the view, or away from those outside."""
        row = self.connection.execute(
            "select inside is not null, cardinality(outside) > 0 from pgdex.view_scope(array[%s::bigint])", [view_id]
        ).fetchone()
        assert row is not None
        return bool(row[0]), bool(row[1])


@pytest.mark.parametrize(
    ("sizes", "worktree_is_read_alone"),
    [
        pytest.param({"shared": 90, "only_main": 10, "only_worktree": 10}, False, id="most is shared"),
        pytest.param({"shared": 5, "only_main": 95, "only_worktree": 5}, True, id="the worktree is small"),
    ],
)
def test_a_search_finds_what_its_view_holds_and_nothing_else(
    connection: Connection, sizes: dict[str, int], worktree_is_read_alone: bool
) -> None:
    family = Family(connection, **sizes)
    assert family.scope(family.worktree) == (worktree_is_read_alone, not worktree_is_read_alone)
    assert family.scope(family.repository.view_id) == (False, True)

    for narrowed in ({}, {"path_glob": "f*"}, {"language": "python"}):
        for view_name, own, others in ((None, "stays", "edited"), ("worktree", "edited", "stays")):
            hits = family.found("alpha", view_name, **narrowed)
            contents = [hit.content for hit in hits]
            only_own = sizes["only_main" if own == "stays" else "only_worktree"]
            assert sum(own in content for content in contents) == only_own
            assert not any(others in content for content in contents)
            assert len({hit.path for hit in hits}) == len(hits) == sizes["shared"] + only_own
            assert {hit.repo_path for hit in hits} == {"/r/worktree" if view_name else "/r/main"}


def test_no_search_finds_an_old_version_of_an_edited_file(connection: Connection) -> None:
    family = Family(connection, shared=20, only_main=0, only_worktree=0)
    for view_id in (family.repository.view_id, family.worktree):
        family.write(view_id, [f"alpha renewed {number}" for number in range(20)])
    for counted in (False, True):
        if counted:
            family.count()
        assert {hit.content for hit in family.found("alpha common")} == {f"alpha renewed {n}" for n in range(20)}


def test_a_project_is_searched_in_the_default_view_of_each_repository(connection: Connection) -> None:
    family = Family(connection, shared=3, only_main=1, only_worktree=1)
    assert {hit.repo_path for hit in family.found("alpha")} == {"/r/main"}
    connection.execute(
        "update pgdex.views set is_default = false; update pgdex.views set is_default = kind = 'worktree'"
    )
    assert {hit.repo_path for hit in family.found("alpha")} == {"/r/worktree"}
