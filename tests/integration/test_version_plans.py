"""With 20,000 files in a repository among others, no call of a batch reads more rows than the batch has files.

As in test_query_plans: functions are called for real, in a transaction that is rolled back, with plans for the present
values and with generic ones, and PostgreSQL's own counters say how many rows they read.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pgdex.indexer.storage import UnchangedFile, stored_files, write_files
from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import new_database, settings_for, url_of
from tests.support.job_checks import value
from tests.support.sql_worker import Claim, SqlWorker, enqueue
from tests.support.synthetic_chunks import chunk, indexed_files, new_repository, write_chunks

FILES = 20_000
UNUSED = 2_000
OTHERS = 200
BATCH = 32
TABLES = ("versions", "view_files")
# Each of them is looked up in some indexes, and again to be locked, to be written and to be marked.
FEW = 12 * BATCH
# One large repository with versions that nobody holds any more, and others, which make up half of the tables.
FILL = f"""
    insert into pgdex.projects values ('default') on conflict do nothing;
    insert into pgdex.repositories (project_id, name, identity, chunk_table)
    select 'default', 'r' || n, 'folder:/r/' || n, 'chunks_s00' from generate_series(1, {OTHERS}) n;
    insert into pgdex.views (repository_id, project_id, root, name, is_default)
    select id, 'default', '/r/' || id, name, true from pgdex.repositories where identity <> 'folder:/large' order by id;
    insert into pgdex.versions (repository_id, path, size, content_hash, chunks, index_format, unused_since)
    select r.id, 'src/f' || lpad(n::text, 6, '0') || '.py', 10, '1', 1, 2, null
    from pgdex.repositories r, generate_series(1, {FILES} / {OTHERS}) n where r.identity <> 'folder:/large';
    insert into pgdex.versions (repository_id, path, size, content_hash, chunks, index_format, unused_since)
    select r.repository_id, 'src/f' || lpad(n::text, 6, '0') || '.py', 10, 'old', 1, 2, now()
    from pgdex.views r, generate_series(1, {UNUSED}) n where r.root = '/large';
    insert into pgdex.view_files (view_id, version_id, path, size, mtime_ns)
    select w.id, v.id, v.path, v.size, 1
    from pgdex.versions v join pgdex.views w using (repository_id)
    where v.unused_since is null and w.root <> '/large';
"""
LARGE = f"""
    insert into pgdex.versions (repository_id, path, size, content_hash, blob_id, chunks, index_format, model_id)
    select r.repository_id, 'src/f' || lpad(n::text, 6, '0') || '.py', 10, '1', n::text::bytea, 1, 2, {{model}}
    from pgdex.views r, generate_series(1, {FILES}) n where r.root = '/large';
    insert into pgdex.view_files (view_id, version_id, path, size, mtime_ns)
    select w.id, v.id, v.path, v.size, 1
    from pgdex.versions v join pgdex.views w using (repository_id)
    where v.unused_since is null and w.root = '/large';
"""
FOUND = f"""
    create temporary table found_files as
    select path collate "C" as path, 10::bigint as size, {{mtime}}::bigint as mtime_ns, null::bigint as ctime_ns,
        null::bigint as inode, {{blob}} as blob_id, null::text as skip_reason, null::text as skip_detail
    from (select 'src/f' || lpad(n::text, 6, '0') || '.py' as path, n from generate_series(1, {FILES}) n) as files
"""


class Scene:
    """The database of this module, and a job of the large repository, whose scan is claimed."""

    def __init__(self, url: str, connection: Connection) -> None:
        self.url = url
        self.worker = SqlWorker(connection)
        enqueue(connection, "/large")
        self.claim: Claim = self.worker.join(self.worker.take(), "folder:/large", kind="folder", is_main=True)
        self.model = value(connection, "select pgdex.register_model('m', 4)")
        connection.execute(FILL)
        connection.execute(LARGE.format(model=self.model).encode())
        connection.execute("select pgdex.ensure_chunk_partition(%s, 1000000)", [self.repository_id])
        connection.execute(
            f"insert into pgdex.{self.chunks} (repository_id, version_id, ordinal, start_line, end_line, kind, content)"
            " select repository_id, id, 0, 1, 1, 'text', path from pgdex.versions where repository_id = %s",
            [self.repository_id],
        )
        connection.execute(
            "update pgdex.repositories set model_id = %s, embedding_model = 'm', embedding_dimension = 4,"
            " chunks = %s where id = %s",
            [self.model, FILES + UNUSED, self.repository_id],
        )
        connection.execute("update pgdex.views set chunks = %s where id = %s", [FILES, self.view_id])
        connection.execute("analyze")

    @property
    def repository_id(self) -> int:
        return self.claim.repository_id

    @property
    def view_id(self) -> int:
        return self.claim.view_id

    @property
    def chunks(self) -> str:
        """The table of the large repository's chunks."""
        return f"chunks_r{self.repository_id}"

    @staticmethod
    def paths(first: int = 5_000, count: int = BATCH) -> list[str]:
        return [f"src/f{number:06}.py" for number in range(first, first + count)]


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


def rows_read(connection: Connection, scene: Scene) -> dict[str, tuple[int, int]]:
    """Of each table: the rows that this transaction has read in whole scans, and through indexes."""
    rows = connection.execute(
        "select relname, seq_tup_read, coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables"
        " where schemaname = 'pgdex' and relname = any(%s)",
        [[*TABLES, scene.chunks]],
    )
    return {name: (whole, indexed) for name, whole, indexed in rows}


def assert_few(connection: Connection, scene: Scene, call: Callable[[], object], *, few: int = FEW) -> None:
    """The call reads no table as a whole, and of none more rows through indexes than `few`."""
    before = rows_read(connection, scene)
    call()
    for table, (whole, indexed) in rows_read(connection, scene).items():
        whole_before, before_indexed = before.get(table, (0, 0))
        assert whole == whole_before, f"{table} was scanned: {whole - whole_before} rows"
        assert indexed - before_indexed <= few, f"{indexed - before_indexed} rows of {table} were read"


def ids_of(connection: Connection, scene: Scene, paths: list[str]) -> list[int]:
    rows = connection.execute(
        "select id from pgdex.versions where repository_id = %s and path = any(%s) and content_hash = '1'"
        " order by path",
        [scene.repository_id, paths],
    )
    return [number for (number,) in rows]


def test_the_counters_would_notice_a_scan(rolled_back: Connection, scene: Scene) -> None:
    with pytest.raises(AssertionError, match="versions was scanned"):
        assert_few(rolled_back, scene, lambda: rolled_back.execute("select count(language) from pgdex.versions"))


def test_what_is_stored_of_the_files_of_a_batch(rolled_back: Connection, scene: Scene) -> None:
    stored: dict[str, Any] = {}

    def look() -> None:
        stored.update(
            stored_files(rolled_back, repository_id=scene.repository_id, view_id=scene.view_id, paths=scene.paths(1))
        )

    assert_few(rolled_back, scene, look)
    assert [len(one.versions) for one in stored.values()] == [2] * BATCH, "the present one and an old one"


@pytest.mark.parametrize("force", [False, True], ids=["new", "forced"])
def test_writing_a_batch(rolled_back: Connection, scene: Scene, force: bool) -> None:
    """Edited files, and where it is forced versions that are there and are made again."""
    numbers = range(5_000, 5_000 + BATCH)
    files = indexed_files(
        [chunk("text")] * BATCH,
        path_of=dict(enumerate(scene.paths())).__getitem__,
        hash_of=lambda number: b"1" if force else f"edited {numbers[number]}".encode(),
    )

    def write() -> None:
        write_files(
            rolled_back,
            repository_id=scene.repository_id,
            view_id=scene.view_id,
            model_id=scene.model,
            indexed=files,
            force=force,
        )

    assert_few(rolled_back, scene, write)
    expected = 0 if force else BATCH
    assert value(rolled_back, "select count(*) from pgdex.versions where unused_since is not null") == UNUSED + expected


def test_a_first_index_reads_no_table_as_a_whole_though_its_first_batches_found_small_ones(
    connection: Connection,
) -> None:
    """A session plans the statements of its first batches and keeps the plans, which must fit the last ones too. Other
    repositories have left tables of a page or two, as PostgreSQL knows since it has cleaned them up."""
    other = new_repository(connection, "/other", own_table=False)
    write_chunks(connection, other, [chunk("text")] * 40)
    connection.execute("vacuum analyze pgdex.versions, pgdex.view_files, pgdex.repositories, pgdex.views")
    repository = new_repository(connection, own_table=False)

    def write(batch: int, edition: int = 1) -> None:
        numbers = range(batch * BATCH, (batch + 1) * BATCH)
        paths = Scene.paths(numbers.start)
        stored_files(connection, repository_id=repository.id, view_id=repository.view_id, paths=paths)
        write_files(
            connection,
            repository_id=repository.id,
            view_id=repository.view_id,
            model_id=repository.model_id,
            indexed=indexed_files(
                [chunk("text")] * BATCH,
                path_of=dict(enumerate(paths)).__getitem__,
                hash_of=lambda number: f"{edition} {numbers[number]}".encode(),
            ),
        )

    with connection.transaction(force_rollback=True):
        for batch in range(12):
            write(batch)
        for batch in range(12):
            write(batch, edition=2)
        read: dict[str, int] = dict(
            connection.execute(
                "select relname, seq_tup_read from pg_stat_xact_user_tables where relname = any(%s)", [list(TABLES)]
            ).fetchall()
        )
        assert rows_of(connection, "versions") == 40 + 2 * 12 * BATCH
        # `stored_files` is planned for each batch, and reads a table of a page as a whole.
        assert read["versions"] < 12 * BATCH, f"{read['versions']} rows of versions were read in whole scans"
        assert read["view_files"] == 0, f"{read['view_files']} rows of view_files were read in whole scans"


def rows_of(connection: Connection, table: str) -> int:
    return int(value(connection, f"select count(*) from pgdex.{table}"))


def test_a_batch_of_files_that_are_as_they_were(rolled_back: Connection, scene: Scene) -> None:
    """As after a switch of branches, for versions that no view holds: the view takes them over."""
    paths = scene.paths(1)
    ids = [
        number
        for (number,) in rolled_back.execute(
            "select id from pgdex.versions where repository_id = %s and path = any(%s) and content_hash = 'old'"
            " order by path",
            [scene.repository_id, paths],
        )
    ]
    unchanged = [
        UnchangedFile(path=path, size=10, mtime_ns=2, ctime_ns=2, inode=2, blob_id=b"", version_id=number)
        for path, number in zip(paths, ids, strict=True)
    ]

    def take_over() -> None:
        write_files(
            rolled_back,
            repository_id=scene.repository_id,
            view_id=scene.view_id,
            model_id=scene.model,
            unchanged=unchanged,
        )

    assert_few(rolled_back, scene, take_over)


@pytest.mark.parametrize(
    "call",
    [
        "select pgdex.mark_unused_versions(%(ids)s)",
        "select pgdex.delete_versions(%(repository)s, %(ids)s)",
        "select pgdex.remove_view_files(%(view)s, %(paths)s)",
        "select * from pgdex.known_embeddings(%(repository)s, %(model)s::smallint, %(paths)s, '{}')",
        "select pgdex.choose_default_view(%(repository)s)",
        "select pgdex.remove_unused_versions('1 day')",
    ],
)
def test_a_call_about_the_versions_of_a_batch(rolled_back: Connection, scene: Scene, call: str) -> None:
    arguments = {
        "ids": ids_of(rolled_back, scene, scene.paths()),
        "paths": scene.paths(),
        "repository": scene.repository_id,
        "view": scene.view_id,
        "model": scene.model,
    }
    assert_few(rolled_back, scene, lambda: rolled_back.execute(call, arguments))


def test_a_portion_of_what_nobody_holds(rolled_back: Connection, scene: Scene) -> None:
    assert_few(
        rolled_back,
        scene,
        lambda: rolled_back.execute("select pgdex.remove_unused_versions('-1 day', 100)"),
        few=10 * 100,
    )


def test_the_scope_of_a_view_reads_what_is_unused_and_nothing_of_the_view(
    rolled_back: Connection, scene: Scene
) -> None:
    def look() -> None:
        scopes = rolled_back.execute(
            "select inside is null, cardinality(outside) from pgdex.view_scope(array[%s::bigint])", [scene.view_id]
        ).fetchall()
        assert scopes == [(True, UNUSED)]

    assert_few(rolled_back, scene, look, few=UNUSED + 100)


def test_the_scope_of_a_small_worktree_reads_what_it_holds(rolled_back: Connection, scene: Scene) -> None:
    worktree = value(
        rolled_back,
        "insert into pgdex.views (repository_id, project_id, root, name, kind, is_main, chunks)"
        " values (%s, 'default', '/worktree', 'w', 'worktree', false, 100) returning id",
        scene.repository_id,
    )
    rolled_back.execute(
        "insert into pgdex.view_files (view_id, version_id, path, size)"
        " select %s, version_id, path, size from pgdex.view_files where view_id = %s and path = any(%s)",
        [worktree, scene.view_id, scene.paths(count=100)],
    )

    def look() -> None:
        (row,) = rolled_back.execute(
            "select cardinality(inside), chunks, outside is null from pgdex.view_scope(array[%s::bigint])", [worktree]
        ).fetchall()
        assert row == (100, 100, True)

    assert_few(rolled_back, scene, look)


# What is about the whole of a view reads it a few times, and nothing of other repositories


@pytest.mark.parametrize(
    ("mtime", "blob", "to_index", "times"),
    [
        pytest.param("1", "null::bytea", 0, 8, id="nothing has changed"),
        pytest.param("2", "null::bytea", FILES, 8, id="every time is another one"),
        pytest.param("2", "n::text::bytea", 0, 20, id="git vouches for all"),
    ],
)
def test_planning_and_completing_a_job_read_the_view_a_few_times(
    rolled_back: Connection, scene: Scene, mtime: str, blob: str, to_index: int, times: int
) -> None:
    worker = SqlWorker.__new__(SqlWorker)
    worker.connection, worker.id = rolled_back, scene.worker.id
    job_id, _, attempt = scene.claim.key
    rolled_back.execute(FOUND.format(mtime=mtime, blob=blob).encode())
    rolled_back.execute("analyze pg_temp.found_files")
    before = rows_read(rolled_back, scene)
    started = time.perf_counter()
    rolled_back.execute("select pgdex.plan_job(%s, %s, 'm', 4, 32, 1000000, 0.2, 2::smallint)", [job_id, attempt])
    assert time.perf_counter() - started < 30
    assert value(rolled_back, "select files_to_index from pgdex.indexing_jobs where id = %s", job_id) == to_index
    assert_read_at_most(rolled_back, scene, before, times=times)
    if to_index:
        return
    worker.drop(scene.claim.wake_up)
    finish = worker.take()
    before = rows_read(rolled_back, scene)
    worker.finish(finish)
    assert_read_at_most(rolled_back, scene, before, times=4)


def assert_read_at_most(
    connection: Connection, scene: Scene, before: dict[str, tuple[int, int]], *, times: int
) -> None:
    """No table was read more often than as if the view had so many times as many files; chunks not at all."""
    for table, (whole, indexed) in rows_read(connection, scene).items():
        whole_before, indexed_before = before.get(table, (0, 0))
        read = whole - whole_before + indexed - indexed_before
        allowed = 0 if table == scene.chunks else times * (FILES + UNUSED)
        assert read <= allowed, f"{read} rows of {table} were read"
