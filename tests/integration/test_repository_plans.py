"""A page of ten thousand repositories: what is read belongs to the page, whatever plan PostgreSQL chooses."""

from collections.abc import Iterator

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.removal_choice import removal_effect
from pgdex.jobs.client.repositories import last_failed_jobs, repository_page
from pgdex.jobs.client.views import indexed_views
from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import new_database, settings_for, url_of

REPOSITORIES = 10_000
FILES = 8
MANY_VIEWS = 300
READ = ("versions", "view_files", "indexing_jobs")
MADE = f"""
    insert into pgdex.repositories (project_id, name, chunks, chunk_table)
    select 'default', 'repo' || lpad(n::text, 5, '0'), {FILES}, 'chunks_s01' from generate_series(1, {REPOSITORIES}) n;
    insert into pgdex.views (repository_id, project_id, root, name, is_default, last_indexed_at, chunks)
    select id, project_id, '/no/such/place/' || name, name, true, now(), chunks from pgdex.repositories;
    insert into pgdex.versions (repository_id, size, chunks, path, content_hash)
    select r.id, 100, 1, 'f' || n, '\\x00' from pgdex.repositories r, generate_series(1, {FILES}) n;
    insert into pgdex.view_files (view_id, version_id, size, path)
    select v.id, w.id, w.size, w.path from pgdex.views v join pgdex.versions w using (repository_id);
    -- One with many worktrees.
    insert into pgdex.views (repository_id, project_id, root, name, last_indexed_at, chunks)
    select 1, 'default', '/no/such/place/tree' || n, 'tree' || n, now(), {FILES}
    from generate_series(1, {MANY_VIEWS}) n;
    insert into pgdex.view_files (view_id, version_id, size, path)
    select v.id, w.id, w.size, w.path from pgdex.views v join pgdex.versions w using (repository_id)
    where v.repository_id = 1 and not v.is_default;
    alter table pgdex.indexing_jobs disable trigger user;
    insert into pgdex.indexing_jobs (
        view_id, project_id, repo_path, status, created_at, started_at, completed_at, error_message, error_type
    )
    select v.id, 'default', v.root, 'failed', now() - n * interval '1 hour', now(), now(), 'no good', 'SomeError'
    from pgdex.views v, generate_series(1, 5) n where v.is_default;
    alter table pgdex.indexing_jobs enable trigger user;
    analyze pgdex.repositories, pgdex.views, pgdex.versions, pgdex.view_files, pgdex.indexing_jobs;
"""


@pytest.fixture(scope="module")
def many(server_url: str, template: str) -> Iterator[str]:
    """A database of ten thousand repositories, one of them with 301 views."""
    with new_database(server_url, template=template) as name:
        with connect(settings_for(url_of(server_url, name))) as connection:
            connection.execute(MADE)
            connection.execute("vacuum pgdex.view_files, pgdex.views")
        yield url_of(server_url, name)


@pytest.fixture(params=["auto", "force_generic_plan"])
def asking(many: str, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client whose transaction is rolled back."""
    with connect(settings_for(many)) as connection, connection.transaction(force_rollback=True):
        connection.execute(f"set local plan_cache_mode = {request.param}")
        yield Client(settings_for(many), connection)


def rows_read(connection: Connection) -> dict[str, int]:
    """Rows that this transaction has read of each table that grows, in whole scans and through indexes."""
    rows = connection.execute(
        "select relname, seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables"
        " where schemaname = 'pgdex' and relname = any(%s)",
        [list(READ)],
    )
    return dict(rows.fetchall())


@pytest.mark.parametrize("offset", [0, 5_000])
def test_a_page_reads_what_is_on_it(asking: Client, offset: int) -> None:
    page = repository_page(asking, project="default", limit=20, offset=offset)

    assert (len(page.repositories), page.total_count, page.has_more) == (20, REPOSITORIES, True)
    assert all(one.views[0].files == FILES for one in page.repositories)
    read = rows_read(asking.connection)
    assert read["versions"] <= 4 * 20 * FILES
    # The views that are shown, and two rows of each version of the one that has many.
    assert read["view_files"] <= 4 * (20 + 20) * FILES
    assert read["indexing_jobs"] <= 400


def test_one_repository_with_many_views_is_shown_with_all_of_them(asking: Client) -> None:
    page = repository_page(asking, project="default", repo="repo00001")

    assert (len(page.repositories), page.has_more) == (1, False)
    assert len(page.repositories[0].views) == MANY_VIEWS + 1
    assert page.repositories[0].versions_shared == FILES
    assert rows_read(asking.connection)["view_files"] <= 4 * (MANY_VIEWS + 1) * FILES


def test_what_a_removal_takes_away_is_found_through_indexes(asking: Client) -> None:
    chosen = [one for one in indexed_views(asking.connection, project="default") if one.repository_id == 1][:2]

    (effect,) = removal_effect(asking, chosen)

    assert (effect.is_whole, effect.versions, effect.versions_kept, effect.files) == (False, 0, FILES, 2 * FILES)
    read = rows_read(asking.connection)
    assert read["versions"] <= 2 * FILES
    assert read["view_files"] <= 20 * FILES


def test_the_last_failed_jobs_are_found_one_for_each_view(asking: Client) -> None:
    assert len(last_failed_jobs(asking, project="default")) == REPOSITORIES
    assert rows_read(asking.connection)["indexing_jobs"] <= 3 * REPOSITORIES
