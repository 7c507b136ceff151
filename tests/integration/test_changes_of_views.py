"""What has changed in a view since it was indexed: as the next job decides it, without what that learns nothing of."""

import os
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pgdex.indexer.sources import FoundFile, SkipReason
from pgdex.jobs.client.changes import changes_since, compared
from pgdex.jobs.database.connection import Connection
from tests.support.sql_worker import FOUND_FILES, SqlWorker, enqueue
from tests.unit.privileges import tree_of_a_plain_user


class Row(NamedTuple):
    """What the index has of a file of the view, as `compared` takes it."""

    path: str
    size: int | None
    mtime_ns: int | None
    ctime_ns: int | None
    inode: int | None
    was_read: bool
    skip_reason: str | None


PATHS = ("a", "a.py", "a/b.py", "a/c/d.py", "b.py")
READ = (None, SkipReason.BINARY, SkipReason.CRASHED)  # with a version
UNREAD = (SkipReason.OVERSIZED, SkipReason.UNREADABLE, SkipReason.IO_ERROR, SkipReason.SYMLINK, SkipReason.VANISHED)

stamps = st.integers(1, 2)
numbers = st.one_of(st.none(), stamps)
known_files = st.one_of(
    st.builds(Row, st.just(""), stamps, numbers, numbers, numbers, st.just(True), st.sampled_from(READ)),
    st.builds(Row, st.just(""), numbers, numbers, numbers, numbers, st.just(False), st.sampled_from(UNREAD)),
)
walked = st.one_of(
    st.builds(FoundFile, st.just(""), stamps, stamps, st.none(), st.none(), st.integers(0, 2), st.integers(0, 2)),
    st.builds(
        FoundFile,
        st.just(""),
        stamps,
        stamps,
        st.sampled_from([SkipReason.OVERSIZED, SkipReason.UNREADABLE, SkipReason.IO_ERROR, SkipReason.SYMLINK]),
        st.none(),
        st.just(0),
        st.just(0),
    ),
)


@pytest.fixture
def view(connection: Connection) -> tuple[int, int]:
    """The ids of a repository and of its view, without files."""
    enqueue(connection, "/r")
    row = connection.execute("select repository_id, id from pgdex.views").fetchone()
    assert row is not None
    return row[0], row[1]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    known=st.dictionaries(st.sampled_from(PATHS), known_files),
    found=st.dictionaries(st.sampled_from(PATHS), walked),
    unmounted=st.lists(st.sampled_from(["a", "a/c"]), max_size=2, unique=True),
    is_whole=st.booleans(),
)
def test_a_file_has_changed_exactly_where_the_next_job_would_do_something_about_it(
    connection: Connection,
    view: tuple[int, int],
    known: dict[str, Row],
    found: dict[str, FoundFile],
    unmounted: list[str],
    is_whole: bool,
) -> None:
    assume(found or not is_whole)  # a folder without any file fails the job
    listed = [file._replace(path=path) for path, file in sorted(found.items())]
    with connection.transaction(force_rollback=True):
        _store(connection, view, known)
        planned = _planned(connection, view, listed, unmounted=unmounted, is_whole=is_whole)
        assert set(compared(listed, known, unmounted=unmounted)) == planned


def _store(connection: Connection, view: tuple[int, int], known: dict[str, Row]) -> None:
    """The files that a view has, all indexed with the model and in the format of the next job."""
    connection.execute("select pgdex.register_model('test-model', 4)")
    for path, file in known.items():
        if file.was_read:
            connection.execute(
                "insert into pgdex.versions"
                " (repository_id, path, size, content_hash, skip_reason, model_id, index_format)"
                " values (%s, %s, %s, 'x', %s, (select min(id) from pgdex.embedding_models), 2)",
                [view[0], path, file.size, file.skip_reason],
            )
        connection.execute(
            "insert into pgdex.view_files"
            " (view_id, path, version_id, size, mtime_ns, ctime_ns, inode, skip_reason, skip_detail) values"
            " (%s, %s, (select id from pgdex.versions where path = %s and %s), %s, %s, %s, %s, %s, null)",
            [
                *(view[1], path, path, file.was_read),
                *(file.size, file.mtime_ns, file.ctime_ns, file.inode, file.skip_reason),
            ],
        )


def _planned(
    connection: Connection, view: tuple[int, int], found: list[FoundFile], *, unmounted: list[str], is_whole: bool
) -> set[str]:
    """The paths that a job reads, writes a reason for, or takes out of the view; a job of the whole tree, or of all
    paths that there are or were."""
    before = _reasons(connection, view)
    if not is_whole:
        paths = sorted({file.path for file in found} | before.keys()) or ["a"]
        connection.execute("update pgdex.indexing_jobs set only_paths = %s", [paths])
    worker = SqlWorker(connection)
    claim = worker.take()
    connection.execute(FOUND_FILES)
    connection.execute("truncate pg_temp.found_files")
    connection.cursor().executemany(
        "insert into pg_temp.found_files values (%s, %s, %s, %s, %s, null, %s, %s)",
        [(f.path, f.size, f.mtime_ns, f.ctime_ns, f.inode, f.skip_reason, f.detail) for f in found],
    )
    connection.execute("select pgdex.ensure_chunk_partition(%s)", [claim.repository_id])
    connection.execute(
        "select pgdex.plan_job(%s, 1, 'test-model', 4, 32, 9999, 0, 2::smallint, null, %s)",
        [claim.wake_up.job_id, unmounted],
    )
    batches = connection.execute("select paths from pgdex.job_batches where seq > 0 and paths is not null").fetchall()
    after = _reasons(connection, view)
    return {path for (paths,) in batches for path in paths} | {
        path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    }


def _reasons(connection: Connection, view: tuple[int, int]) -> dict[str, tuple[object, object]]:
    rows = connection.execute(
        "select path, skip_reason, version_id from pgdex.view_files where view_id = %s", [view[1]]
    )
    return {path: (reason, version) for path, reason, version in rows}


@pytest.mark.parametrize("before", [None, SkipReason.EXTRA_MISSING, SkipReason.ENCRYPTED, SkipReason.UNFINISHED])
@pytest.mark.parametrize("now", [None, SkipReason.EXTRA_MISSING])
def test_a_document_has_changed_when_its_file_has_whoever_can_read_it(
    before: SkipReason | None, now: SkipReason | None
) -> None:
    known = {"a.pdf": Row("a.pdf", 9, 1, 1, 1, before in (None, SkipReason.ENCRYPTED), before)}

    assert compared([FoundFile("a.pdf", 9, 1, now, None, 1, 1)], known) == []
    assert compared([FoundFile("a.pdf", 8, 1, now, None, 1, 1)], known) == ["a.pdf"]
    assert compared([FoundFile("a.pdf", 9, 2, now, None, 1, 1)], known) == ["a.pdf"]
    assert compared([FoundFile("a.pdf", 9, 1, now, None, 1, 1)], {}) == ["a.pdf"]


@pytest.mark.parametrize("reason", [None, SkipReason.UNREADABLE])
def test_a_file_that_may_not_be_read_has_not_changed_until_it_may(
    connection: Connection, view: tuple[int, int], reason: SkipReason | None
) -> None:
    _store(connection, view, {"closed.py": Row("", 1, 1, 1, 1, reason is None, reason)})
    with tree_of_a_plain_user() as root:
        (root / "closed.py").write_text("x = 1\n")
        (root / "closed.py").chmod(0)
        assert _changes(connection, view, root) == []
        (root / "new.py").write_text("x = 1\n")
        (root / "new.py").chmod(0)
        assert _changes(connection, view, root) == ["new.py"], "a row says why it is not found"
        os.chmod(root / "closed.py", 0o600)
        assert _changes(connection, view, root) == ["closed.py", "new.py"]


def _changes(connection: Connection, view: tuple[int, int], root: Path) -> list[str]:
    return changes_since(connection, view_id=view[1], root=root, max_file_bytes=1 << 20, aborted=lambda: False)
