"""Repositories as families: which one a view belongs to, which view is the default, and removing one of several."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import settings_for
from tests.support.index_digest import assert_index_is_sound
from tests.support.job_checks import refused, value
from tests.support.sql_worker import Claim, Found, SqlWorker, enqueue, tree
from tests.support.waiting import wait_for

IDENTITY = "https://forge.example/team/repo"
OTHER = "https://forge.example/team/other"
BLOCKED = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"
REPOSITORIES = "select array_agg(distinct repository_id) from pgdex.views where removed_at is null"
DEFAULTS = "select array_agg(root order by root) from pgdex.views where is_default"


def scanned(worker: SqlWorker, root: str, identity: str = IDENTITY, *, is_main: bool = False) -> Claim:
    """The scan of a new job of a view, which has just learned its family."""
    enqueue(worker.connection, root)
    return worker.join(worker.take(), identity, is_main=is_main)


def indexed(
    worker: SqlWorker, root: str, files: list[Found], identity: str = IDENTITY, *, is_main: bool = False
) -> UUID:
    """A completed job of a view."""
    claim = scanned(worker, root, identity, is_main=is_main)
    worker.plan(claim, files)
    worker.drop(claim.wake_up)
    worker.work_all(files)
    return claim.wake_up.job_id


def view(connection: Connection, root: str) -> int:
    return int(value(connection, "select id from pgdex.views where root = %s and removed_at is null", root))


def families(connection: Connection) -> dict[str, str]:
    """Views by their folders, and the identity of their repository."""
    return dict(
        connection.execute(
            "select v.root, r.identity from pgdex.views v join pgdex.repositories r on r.id = v.repository_id"
            " where v.removed_at is null"
        ).fetchall()
    )


def removed(connection: Connection, root: str) -> None:
    """A view that is removed, with all its rows."""
    connection.execute("select pgdex.remove_view(%s)", [view(connection, root)])
    while value(connection, "select pgdex.remove_portion()"):
        pass


# Joining


def test_views_of_one_history_are_one_repository_and_store_what_they_share_once(connection: Connection) -> None:
    worker = SqlWorker(connection)
    indexed(worker, "/r/main", tree(4), is_main=True)
    job = indexed(worker, "/r/worktree", [*tree(3), Found("file00003.py", mtime_ns=2), Found("new.py")])

    assert value(connection, "select count(*) from pgdex.repositories") == 1
    assert value(connection, "select identity from pgdex.repositories") == IDENTITY
    assert value(connection, "select count(*) from pgdex.versions") == 6
    assert value(connection, "select count(*) from pgdex.chunks") == 6
    counts = "select array_agg(chunks order by root) from pgdex.views"
    assert (value(connection, counts), value(connection, "select chunks from pgdex.repositories")) == ([4, 5], 6)
    assert value(connection, "select status from pgdex.job_status where job_id = %s", job) == "completed"
    assert_index_is_sound(connection)


def test_another_history_and_another_project_are_repositories_of_their_own(connection: Connection) -> None:
    worker = SqlWorker(connection)
    indexed(worker, "/r/a", tree(2))
    indexed(worker, "/r/b", tree(2), OTHER)
    enqueue(connection, "/r/a", project="other")
    claim = worker.join(worker.take(), IDENTITY)
    assert len(value(connection, REPOSITORIES)) == 3
    assert value(connection, "select project_id from pgdex.repositories where id = %s", claim.repository_id) == "other"


def test_a_view_that_has_files_stays_where_it_is_and_gives_its_repository_an_identity_that_is_free(
    connection: Connection,
) -> None:
    worker = SqlWorker(connection)
    indexed(worker, "/r/a", tree(2), "folder:/r/a")
    indexed(worker, "/r/b", tree(2), "folder:/r/b")
    before = value(connection, REPOSITORIES)

    indexed(worker, "/r/a", tree(2), IDENTITY)
    indexed(worker, "/r/b", tree(2), IDENTITY)

    assert value(connection, REPOSITORIES) == before
    identities = connection.execute("select identity from pgdex.repositories order by id").fetchall()
    assert identities == [(IDENTITY,), ("folder:/r/b",)]
    assert_index_is_sound(connection)


def test_one_folder_of_several_that_was_replaced_by_another_clone_leaves_the_family_its_identity(
    connection: Connection,
) -> None:
    worker = SqlWorker(connection)
    indexed(worker, "/r/main", tree(2), is_main=True)
    indexed(worker, "/r/second", tree(2))

    indexed(worker, "/r/second", [Found("other.py")], OTHER)
    indexed(worker, "/r/third", tree(2))
    indexed(worker, "/r/clone", [Found("other.py")], OTHER)

    assert families(connection) == {"/r/main": IDENTITY, "/r/second": IDENTITY, "/r/third": IDENTITY, "/r/clone": OTHER}
    assert_index_is_sound(connection)


def test_a_new_address_of_the_remote_is_taken_once_all_worktrees_that_are_there_have_it(
    connection: Connection,
) -> None:
    worker = SqlWorker(connection)
    for root in ("/r/main", "/r/second", "/r/gone", "/r/removed"):
        indexed(worker, root, tree(2), is_main=root == "/r/main")
    connection.execute("update pgdex.views set missing_since = now() where root = '/r/gone'")
    removed(connection, "/r/removed")

    indexed(worker, "/r/main", tree(2), OTHER, is_main=True)
    assert set(families(connection).values()) == {IDENTITY}
    indexed(worker, "/r/second", tree(2), OTHER)
    assert set(families(connection).values()) == {OTHER}
    indexed(worker, "/r/new", tree(2), OTHER)
    assert len(value(connection, REPOSITORIES)) == 1


def test_a_replaced_folder_whose_view_has_no_files_becomes_a_repository_of_its_own(connection: Connection) -> None:
    worker = SqlWorker(connection)
    indexed(worker, "/r/main", tree(2), is_main=True)
    indexed(worker, "/r/second", [])
    assert len(value(connection, REPOSITORIES)) == 1

    indexed(worker, "/r/second", [Found("other.py")], OTHER)

    assert families(connection) == {"/r/main": IDENTITY, "/r/second": OTHER}
    assert value(connection, DEFAULTS) == ["/r/main", "/r/second"]
    assert_index_is_sound(connection)


def test_an_emptied_folder_of_a_worktree_leaves_its_family_as_it_is(connection: Connection) -> None:
    worker = SqlWorker(connection)
    indexed(worker, "/r/a", tree(2))
    indexed(worker, "/r/main", tree(2), is_main=True)
    kinds = "select array_agg((root, kind, is_main)::text order by root) from pgdex.views"
    before = value(connection, kinds)

    enqueue(connection, "/r/a")
    emptied = worker.join(worker.take(), "folder:/r/a", kind="folder", is_main=True)
    connection.execute("select pgdex.fail_job(%s, 'no good', 'FolderEmptied', null)", [emptied.wake_up.job_id])

    assert value(connection, "select identity from pgdex.repositories") == IDENTITY
    assert value(connection, kinds) == before
    worker.drop(emptied.wake_up)
    indexed(worker, "/r/new", tree(2))
    assert len(value(connection, REPOSITORIES)) == 1
    assert value(connection, DEFAULTS) == ["/r/main"]


def test_a_scan_that_is_no_longer_the_callers_joins_nothing(connection: Connection) -> None:
    worker = SqlWorker(connection)
    indexed(worker, "/r/main", tree(2))
    enqueue(connection, "/r/worktree")
    stale = worker.take()
    worker.release(stale)
    with refused("PX003"):
        worker.join(stale, IDENTITY)
    assert len(value(connection, REPOSITORIES)) == 2


def test_a_view_with_another_model_than_its_family_needs_force(connection: Connection) -> None:
    worker = SqlWorker(connection)
    indexed(worker, "/r/main", tree(2))
    enqueue(connection, "/r/worktree", embedder="other-model")
    with refused("PX004", saying="/r/worktree belongs to the repository main, whose index was made with"):
        worker.join(worker.take(), IDENTITY)
    connection.execute("select pgdex.cancel_job(id) from pgdex.indexing_jobs where repo_path = '/r/worktree'")
    enqueue(connection, "/r/worktree", embedder="other-model", force=True)
    claim = worker.join(worker.take(), IDENTITY)
    assert (len(value(connection, REPOSITORIES)), claim.embedder) == (1, "other-model")


def test_a_view_takes_the_model_of_its_family_where_none_is_asked_for(connection: Connection) -> None:
    worker = SqlWorker(connection)
    indexed(worker, "/r/main", tree(2))
    assert scanned(worker, "/r/worktree").embedder == "test-model"


def test_two_views_that_are_scanned_at_the_same_moment_become_one_repository(
    connection: Connection, database_url: str
) -> None:
    worker = SqlWorker(connection)
    for root in ("/r/one", "/r/two"):
        enqueue(connection, root)
    first, second = worker.take(), worker.take()
    with connect(settings_for(database_url)) as other, ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            one = worker.join(first, IDENTITY)
            joining = pool.submit(SqlWorker.join, _on(worker, other), second, IDENTITY)
            wait_for(lambda: value(connection, BLOCKED, other.info.backend_pid), what="a scan that waits for the other")
        assert joining.result().repository_id == one.repository_id
    assert value(connection, "select count(*) from pgdex.repositories") == 1


def _on(worker: SqlWorker, connection: Connection) -> SqlWorker:
    """The same worker, on another connection."""
    same = SqlWorker.__new__(SqlWorker)
    same.connection, same.id = connection, worker.id
    return same


def test_what_a_scan_learned_of_its_tree_is_shown_and_written_once(connection: Connection) -> None:
    worker = SqlWorker(connection)
    for _ in range(2):
        enqueue(connection, "/r/worktree")
        claim = worker.join(worker.take(), IDENTITY, branch="feature", commit_id="c0ffee")
        place = value(connection, "select ctid::text from pgdex.views")
        worker.join(claim, IDENTITY, branch="feature", commit_id="c0ffee")
        assert value(connection, "select ctid::text from pgdex.views") == place
        connection.execute("select pgdex.cancel_job(%s)", [claim.wake_up.job_id])
    shown = connection.execute("select root, kind, is_main, branch, commit_id from pgdex.views_status").fetchall()
    assert shown == [("/r/worktree", "worktree", False, "feature", "c0ffee")]


# The default view


def test_the_default_view_is_the_main_one_or_the_first_that_is_whole_and_there(connection: Connection) -> None:
    worker = SqlWorker(connection)
    indexed(worker, "/r/first", tree(2))
    indexed(worker, "/r/second", tree(2))
    scanned(worker, "/r/main", is_main=True)
    assert value(connection, DEFAULTS) == ["/r/first"], "the main one has no index yet"

    connection.execute("update pgdex.views set last_indexed_at = now() where root = '/r/main'")
    for missing, chosen in (([], "main"), (["main"], "first"), (["main", "first"], "second")):
        connection.execute(
            "update pgdex.views set missing_since = case when root = any(%s) then now() end",
            [[f"/r/{name}" for name in missing]],
        )
        connection.execute("select pgdex.choose_default_view(id) from pgdex.repositories")
        assert value(connection, DEFAULTS) == [f"/r/{chosen}"]
    connection.execute("update pgdex.views set missing_since = now()")
    connection.execute("select pgdex.choose_default_view(id) from pgdex.repositories")
    assert value(connection, DEFAULTS) == ["/r/main"], "where all are missing, there is a default all the same"


def test_a_completed_job_chooses_the_default_view(connection: Connection) -> None:
    worker = SqlWorker(connection)
    indexed(worker, "/r/first", tree(2))
    indexed(worker, "/r/main", tree(2), is_main=True)
    assert value(connection, DEFAULTS) == ["/r/main"]


# Removing


def test_a_removed_view_takes_what_it_alone_held_and_leaves_what_others_hold(connection: Connection) -> None:
    worker = SqlWorker(connection)
    indexed(worker, "/r/main", tree(4), is_main=True)
    indexed(worker, "/r/worktree", [*tree(3), Found("file00003.py", mtime_ns=2), Found("new.py")])
    files = "select path, version_id from pgdex.view_files where view_id = %s order by path"
    stays = connection.execute(files, [view(connection, "/r/worktree")]).fetchall()

    connection.execute("select pgdex.remove_view(%s)", [view(connection, "/r/main")])

    assert value(connection, DEFAULTS) == ["/r/worktree"]
    assert value(connection, "select array_agg(root) from pgdex.views_status") == ["/r/worktree"]
    assert value(connection, "select array_agg(repo_path) from pgdex.job_status") == ["/r/worktree"]
    while value(connection, "select pgdex.remove_portion()"):
        pass
    assert connection.execute(files, [view(connection, "/r/worktree")]).fetchall() == stays
    assert value(connection, "select count(*) from pgdex.versions") == 5
    assert value(connection, "select count(*) from pgdex.chunks") == 5
    assert value(connection, "select chunks from pgdex.repositories") == 5
    assert value(connection, "select count(*) from pgdex.views") == 1
    assert_index_is_sound(connection)


def test_with_its_last_view_a_repository_goes_and_the_versions_that_were_kept(connection: Connection) -> None:
    worker = SqlWorker(connection)
    indexed(worker, "/r/main", tree(4))
    indexed(worker, "/r/main", [Found("file00000.py", mtime_ns=2)])
    indexed(worker, "/r/worktree", tree(1))
    assert value(connection, "select count(*) from pgdex.versions") == 5
    removed(connection, "/r/main")
    assert value(connection, "select count(*) from pgdex.repositories") == 1
    removed(connection, "/r/worktree")
    for table in ("repositories", "views", "versions", "view_files", "chunks", "indexing_jobs"):
        assert value(connection, f"select count(*) from pgdex.{table}") == 0, table


def test_a_view_that_is_being_indexed_is_removed_only_with_its_job(connection: Connection) -> None:
    worker = SqlWorker(connection)
    indexed(worker, "/r/main", tree(2))
    job = scanned(worker, "/r/worktree").wake_up.job_id
    with refused("PX002", saying=f"/r/worktree is being indexed by job {job}"):
        connection.execute("select pgdex.remove_view(%s)", [view(connection, "/r/worktree")])
    assert value(connection, "select pgdex.remove_view(%s)", view(connection, "/r/main")) == "/r/main"
    assert value(connection, "select pgdex.remove_view(%s, true)", view(connection, "/r/worktree")) == "/r/worktree"
    assert value(connection, "select status from pgdex.indexing_jobs where id = %s", job) == "cancelled"
    with refused("PX005", saying="there is no view 4711"):
        connection.execute("select pgdex.remove_view(4711)")
