"""The view of repositories: what it shows, which of them a text names, and that looking one of 10,000 up reads little.

PostgreSQL's own counters say what is read, so nothing here repeats a statement of the code.
"""

from collections.abc import Iterator

import pytest

from pgdex.indexer.search import RelatedRequest, SearchRequest
from pgdex.indexer.search.views import searched_models, searched_views, view_at
from pgdex.jobs.client.views import indexed_views, innermost_view, named_views
from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import new_database, settings_for, url_of
from tests.support.job_checks import value
from tests.support.sql_worker import SqlWorker, enqueue, tree

REPOSITORIES = 10_000
FILES_OF_EACH = 5
MANY = f"""
    insert into pgdex.repositories (project_id, name, embedding_model, chunks)
    select case when n % 2 = 0 then 'even' else 'odd' end, 'repo' || n, 'code', 7
    from generate_series(1, {REPOSITORIES}) n;
    insert into pgdex.views (repository_id, project_id, root, name, is_default, chunks)
    select r.id, r.project_id, '/src/' || r.name, r.name, true, 7 from pgdex.repositories r order by r.id;
    insert into pgdex.versions (repository_id, path, size, content_hash)
    select r.id, 'f' || n, 100, '' from pgdex.repositories r, generate_series(1, {FILES_OF_EACH}) n;
    insert into pgdex.view_files (view_id, version_id, path, size)
    select w.id, v.id, v.path, v.size from pgdex.versions v join pgdex.views w using (repository_id);
    alter table pgdex.indexing_jobs disable trigger user;
    insert into pgdex.indexing_jobs (view_id, project_id, repo_path, status)
    select w.id, w.project_id, w.root, 'cancelled' from pgdex.views w, generate_series(1, 3) n;
    alter table pgdex.indexing_jobs enable trigger user;
"""


@pytest.fixture(scope="module")
def many_url(server_url: str, template: str) -> Iterator[str]:
    """A database with 10,000 repositories in two projects, each with five files and three jobs that have ended."""
    with new_database(server_url, template=template) as name:
        url = url_of(server_url, name)
        with connect(settings_for(url)) as connection:
            connection.execute(MANY)
            connection.execute(
                "vacuum analyze pgdex.repositories, pgdex.views, pgdex.view_files, pgdex.versions, pgdex.indexing_jobs"
            )
        yield url


@pytest.fixture(params=["auto", "force_generic_plan"])
def many(many_url: str, request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A transaction of a new connection, whose counters are 0."""
    with connect(settings_for(many_url)) as connection, connection.transaction(force_rollback=True):
        connection.execute(f"set local plan_cache_mode = {request.param}")
        yield connection


def rows_read(connection: Connection, table: str) -> int:
    """How many rows of a table this transaction has read, in whole scans and through indexes."""
    return int(
        value(
            connection,
            "select seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables"
            " where schemaname = 'pgdex' and relname = %s",
            table,
        )
    )


def rows_read_of_files(connection: Connection) -> int:
    """The rows that say which files there are."""
    return rows_read(connection, "view_files") + rows_read(connection, "versions")


# How much is read


def test_the_repository_of_a_place_is_looked_up_by_project_and_root(many: Connection) -> None:
    found = view_at(many, RelatedRequest(project_id="odd", root="/src/repo77", path="f1", line=1))
    assert found is not None
    assert found.root == "/src/repo77"
    assert rows_read(many, "views") == 1
    assert rows_read(many, "repositories") == 1
    assert rows_read_of_files(many) == 0
    assert rows_read(many, "indexing_jobs") == 0


def test_a_search_of_one_of_many_repositories_reads_no_file_to_choose_it(many: Connection) -> None:
    request = SearchRequest("x", project_id="odd", repo="/src/repo77")
    assert [one.root for one in searched_views(many, request)] == ["/src/repo77"]
    assert searched_models(many, request) == ["code"]
    assert rows_read_of_files(many) == 0
    assert rows_read(many, "indexing_jobs") == 0
    assert rows_read(many, "views") <= 2 * REPOSITORIES
    assert rows_read(many, "repositories") <= 2 * REPOSITORIES


def test_lists_of_repositories_read_no_file_either(many: Connection) -> None:
    assert len(indexed_views(many, project="even")) == REPOSITORIES // 2
    assert len(named_views(many, "/src", project=None)) == REPOSITORIES
    assert rows_read_of_files(many) == 0
    assert rows_read(many, "indexing_jobs") == 0


def test_the_repository_around_a_path_is_looked_up_by_its_folders(many: Connection) -> None:
    around = innermost_view(many, ["/src/repo77/a/b", "/src/repo77/a", "/src/repo77", "/src", "/"], project="odd")
    assert around is not None
    assert around.root == "/src/repo77"
    assert rows_read(many, "views") == 1
    assert rows_read(many, "repositories") == 1


def test_everything_about_one_repository_reads_its_own_files_only(many: Connection) -> None:
    query = "select files, chunks, bytes from pgdex.views_status where project_id = %s and root = %s"
    assert many.execute(query, ["odd", "/src/repo77"]).fetchone() == (FILES_OF_EACH, 7, FILES_OF_EACH * 100)
    assert rows_read(many, "views") == 1
    assert rows_read(many, "repositories") == 1
    assert 0 < rows_read_of_files(many) <= 3 * FILES_OF_EACH


def test_what_a_text_names_is_one_expression_of_the_statement_that_asks(many: Connection) -> None:
    """A call for each row would cost more than all the comparisons."""
    plan = many.execute(
        "explain verbose select id from pgdex.views_status where pgdex.names_repository(%s, root, name)", ["x"]
    ).fetchall()
    assert "names_repository" not in str(plan)
    assert "strpos" in str(plan)


# What is shown


def test_a_repository_is_shown_with_its_live_job_and_with_what_can_be_found_in_it(connection: Connection) -> None:
    worker = SqlWorker(connection)
    enqueue(connection, "/r/done", project="web")
    worker.work_all(tree(3))
    job = enqueue(connection, "/r/live", project="web")
    enqueue(connection, "/r/other", project="api")
    connection.execute(
        "with skipped as (update pgdex.versions set skip_reason = 'binary', chunks = 0"
        " where id = (select max(id) from pgdex.versions) returning id)"
        " update pgdex.view_files set skip_reason = 'binary' where version_id = (select id from skipped)"
    )
    connection.execute("update pgdex.view_files set size = 50")
    query = (
        "select name, root, live_job_id, live_job_status, files, files_skipped, bytes, last_indexed_at is not null"
        " from pgdex.views_status where project_id = 'web' order by root"
    )
    assert connection.execute(query).fetchall() == [
        ("done", "/r/done", None, None, 2, 1, 100, True),
        ("live", "/r/live", job, "pending", 0, 0, 0, False),
    ]
    of_repositories = (
        "select name, root, views, live_jobs, versions, versions_unused, chunks, last_indexed_at is not null"
        " from pgdex.repositories_status where project_id = 'web' order by root"
    )
    assert connection.execute(of_repositories).fetchall() == [
        ("done", "/r/done", 1, 0, 3, 0, 3, True),
        ("live", "/r/live", 1, 1, 0, 0, 0, False),
    ]
    model, chunks, kept, of_view = connection.execute(
        "select s.embedding_model, s.chunks, r.chunks, w.chunks from pgdex.views_status s"
        " join pgdex.repositories r on r.id = s.repository_id join pgdex.views w on w.id = s.id"
        " where s.root = '/r/done'"
    ).fetchone() or (None, None, None, None)
    assert model is not None
    assert chunks == kept == of_view == 3

    connection.execute("select pgdex.remove_repository(id) from pgdex.repositories where name = 'done'")
    assert [row[1] for row in connection.execute(query)] == ["/r/live"]
    assert [row[1] for row in connection.execute(of_repositories)] == ["/r/live"]


@pytest.mark.parametrize(
    ("text", "named", "whole"),
    [
        ("/r/web", ["/r/web", "/r/web/inner"], ["/r/web"]),
        ("/r/web/", ["/r/web/inner"], []),
        ("/r", ["/r/Website", "/r/api", "/r/web", "/r/web/inner"], []),
        ("/", ["/r/Website", "/r/api", "/r/web", "/r/web/inner"], []),
        ("/r/we", [], []),
        ("web", ["/r/Website", "/r/web"], ["/r/web"]),
        ("WEB", ["/r/Website", "/r/web"], []),
        ("Website", ["/r/Website"], ["/r/Website"]),
        ("%", [], []),
        ("w_b", [], []),
        ("secret", [], []),
    ],
)
def test_a_text_names_repositories_by_path_folder_or_part_of_a_name_and_whole_ones_by_path_or_name(
    connection: Connection, text: str, named: list[str], whole: list[str]
) -> None:
    for root in ("/r/web", "/r/web/inner", "/r/Website", "/r/api"):
        enqueue(connection, root, project="p")
    enqueue(connection, "/r/web", project="q", name="secret")
    for is_whole, expected in ((False, named), (True, whole)):
        found = [one.root for one in named_views(connection, text, project="p", whole=is_whole)]
        assert sorted(found) == expected
    request = SearchRequest("x", project_id="p", repo=text)
    # What is below a view that is named by its whole path is a part of it.
    searched = [text] if text in named else named
    assert sorted(one.root for one in searched_views(connection, request)) == searched
