"""With a long history and a very large job, no call reads more rows than it needs.

Functions are called for real, in a transaction that is rolled back, and PostgreSQL's own counters say how many rows
they read; so nothing here repeats a statement of `sql/`. Each is tried with the plans for the present values and with
generic ones, which PL/pgSQL takes from the sixth call on.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from pgdex.jobs.cli.diagnosis.work import LIVE_JOBS
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.estimates import TreeSize, estimated_duration
from pgdex.jobs.client.views import project_exists
from pgdex.jobs.client.workers import known_workers, live_jobs, oldest_live_job_seconds
from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.worker.heartbeat import SIGNS
from pgdex.jobs.worker.probing import BLOCKED
from tests.support.databases import new_database, settings_for, url_of
from tests.support.job_checks import value
from tests.support.logins import new_login
from tests.support.sql_worker import Claim, SqlWorker, WakeUp, enqueue

FINISHED_JOBS = 100_000
BATCHES = 30_000
WAITING_JOBS = 100_000
REPOSITORIES = 2_000
BIG = ("indexing_jobs", "job_batches", "job_events", "procrastinate_jobs", "procrastinate_events", "workers")
PLANS = ("auto", "force_generic_plan")
FEW = 250  # rows that a call may read of a big table: a page of jobs, the live jobs, the batches in progress
HISTORY = f"""
    insert into pgdex.projects select 'p' || n from generate_series(1, 20) n;
    insert into pgdex.repositories (project_id, name)
    select 'p' || n % 20 + 1, 'repo' || n from generate_series(1, {REPOSITORIES}) n;
    insert into pgdex.views (repository_id, project_id, root, name, is_default)
    select id, project_id, '/src/' || name, name, true from pgdex.repositories order by id;
    alter table pgdex.indexing_jobs disable trigger user;
    alter table pgdex.job_events disable trigger user;
    insert into pgdex.indexing_jobs (
        view_id, project_id, repo_path, status, created_at, started_at, completed_at, progress_floor,
        error_message, error_type, summary
    )
    select r.id, r.project_id, r.root, (array['completed', 'completed', 'completed', 'failed', 'cancelled'])[n % 5 + 1],
        now() - n * interval '1 minute', now() - n * interval '1 minute', now() - n * interval '1 minute', 100,
        'no good', 'SomeError',
        '{{"files_found": 0, "files_indexed": 0, "files_unchanged": 0, "files_skipped": 0, "skipped_by_reason": {{}},
          "files_deleted": 0, "chunks_created": 0, "duration_seconds": 1, "seconds": {{}}}}'
    from generate_series(1, {FINISHED_JOBS}) n join pgdex.views r on r.id = n % {REPOSITORIES} + 1;
    insert into pgdex.job_batches (job_id, seq, kind, state) select id, 0, 'scan', 'completed' from pgdex.indexing_jobs;
    insert into pgdex.job_events (job_id, event_type) select id, 'created' from pgdex.indexing_jobs;
    alter table pgdex.indexing_jobs enable trigger user;
    alter table pgdex.job_events enable trigger user;
"""
HEALED_AT_FIRST = 200
WAITING = f"""
    alter table pgdex.indexing_jobs disable trigger user;
    insert into pgdex.repositories (project_id, name)
    select 'p' || n % 20 + 1, 'waiting' || n from generate_series(1, {WAITING_JOBS}) n;
    insert into pgdex.views (repository_id, project_id, root, name, is_default)
    select id, project_id, '/waiting/' || id, name, true from pgdex.repositories where starts_with(name, 'waiting');
    insert into pgdex.indexing_jobs (view_id, project_id, repo_path, waits_for_admission)
    select id, project_id, root, true from pgdex.views where starts_with(root, '/waiting/');
    insert into pgdex.job_batches (job_id, seq, kind)
    select id, 0, 'scan' from pgdex.indexing_jobs where starts_with(repo_path, '/waiting/');
    alter table pgdex.indexing_jobs enable trigger user;
"""
FOUND = """
    create temporary table found_files as
    select 'f' || lpad(n::text, 7, '0') collate "C" as path, 10::bigint as size, 1::bigint as mtime_ns,
        null::bigint as ctime_ns, null::bigint as inode, null::bytea as blob_id,
        null::text as skip_reason, null::text as skip_detail
    from generate_series(1, {}) n
"""


class Scene:
    """The database of this module: its URL, and what is going on in it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.large: UUID
        self.old: UUID
        self.worker: SqlWorker
        self.wake_up: WakeUp
        self.claim: Claim


@pytest.fixture(scope="module")
def scene(server_url: str, template: str) -> Iterator[Scene]:
    """100,000 jobs that have ended, three that run, one of them with 30,000 batches, and five that wait."""
    with new_database(server_url, template=template) as name:
        scene = Scene(url_of(server_url, name))
        with connect(settings_for(scene.url)) as connection:
            connection.execute(HISTORY)
            scene.old = value(connection, "select id from pgdex.indexing_jobs where status = 'completed' limit 1")
            scene.worker = worker = SqlWorker(connection)
            scene.large = enqueue(connection, "/large")
            scan = worker.take()
            connection.execute(FOUND.format(BATCHES))
            with connection.transaction():
                connection.execute("select pgdex.ensure_chunk_partition(%s)", [scan.repository_id])
                # By bytes, each file is a batch of its own; by their number they would be 500 batches.
                connection.execute(
                    "select pgdex.plan_job(%s, %s, 'm', 4, 1, 10, 0.2, 1::smallint)", [scene.large, scan.attempt]
                )
            worker.drop(scan.wake_up)
            scene.claim = worker.take()
            wake_up = worker.fetch()
            assert wake_up is not None
            scene.wake_up = wake_up
            for number in range(7):
                enqueue(connection, f"/small{number}")
            connection.execute("analyze")
            yield scene


@pytest.fixture(params=PLANS)
def rolled_back(scene: Scene, request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A connection whose transaction is rolled back."""
    with connect(settings_for(scene.url)) as connection, connection.transaction(force_rollback=True):
        connection.execute(f"set local plan_cache_mode = {request.param}")
        yield connection


def rows_read(connection: Connection) -> dict[str, tuple[int, int]]:
    """Of each big table: the rows that this transaction has read in whole scans, and through indexes."""
    rows = connection.execute(
        "select relname, seq_tup_read, idx_tup_fetch from pg_stat_xact_user_tables"
        " where schemaname = 'pgdex' and relname = any(%s)",
        [list(BIG)],
    )
    return {name: (whole, indexed or 0) for name, whole, indexed in rows}


def assert_few(connection: Connection, **allowed: int) -> None:
    """No table was read as a whole, and of none more rows than allowed."""
    for table, (whole, indexed) in rows_read(connection).items():
        assert whole <= 10, f"{table} was scanned: {whole} rows"
        assert indexed <= allowed.get(table, FEW), f"{indexed} rows of {table} were read"


def call(connection: Connection, function: str, *arguments: object) -> Any:
    """The result of one of pgdex's functions."""
    return value(connection, f"select pgdex.{function}({', '.join(['%s'] * len(arguments))})", *arguments)


def test_the_counters_would_notice_a_scan(rolled_back: Connection) -> None:
    rolled_back.execute("select count(*) from pgdex.job_batches where attempt = 17")
    with pytest.raises(AssertionError, match="job_batches was scanned"):
        assert_few(rolled_back)


def test_the_counters_would_notice_a_long_way_through_an_index(rolled_back: Connection, scene: Scene) -> None:
    rolled_back.execute("set local enable_seqscan = off")
    rolled_back.execute("select count(phase) from pgdex.job_batches where job_id = %s", [scene.large])
    with pytest.raises(AssertionError, match="rows of job_batches were read"):
        assert_few(rolled_back)


# What clients call


def test_the_status_of_one_job(rolled_back: Connection, scene: Scene) -> None:
    client = Client(settings_for(scene.url), rolled_back)
    assert client.status(scene.large).status == "running"
    assert client.status(scene.old).status == "completed"
    assert_few(rolled_back)


def test_the_newest_jobs_in_psql(rolled_back: Connection) -> None:
    query = "select * from pgdex.job_status order by created_at desc limit 20"
    assert len(rolled_back.execute(query).fetchall()) == 20
    assert_few(rolled_back)


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"offset": 100},
        {"status": ["running"]},
        {"status": ["failed", "blocked"]},
        {"project": "p3"},
        {"project": "p5", "status": ["failed"]},
        {"repo": "/src/repo77"},
        {"repo": "repo1234"},
        {"since": timedelta(hours=1)},
        {"until": timedelta(days=60)},
    ],
    ids=str,
)
def test_a_page_of_jobs(rolled_back: Connection, scene: Scene, filters: dict[str, Any]) -> None:
    filters = {k: datetime.now(UTC) - v if isinstance(v, timedelta) else v for k, v in filters.items()}
    statements: list[tuple[Any, Any]] = []

    class Recording(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            statements.append((query, params))
            return super().execute(query, params, **options)

    rolled_back.cursor_factory = Recording
    page = Client(settings_for(scene.url), rolled_back).list_jobs(**filters)
    rolled_back.cursor_factory = psycopg.Cursor
    assert page.jobs
    # Counting all that match reads them all; the page itself must not.
    for query, params in [pair for pair in statements if "count(*)" not in str(pair[0])]:
        with connect(settings_for(scene.url)) as connection, connection.transaction():
            connection.execute(query, params)
            # A repository's name may be a part of many; its jobs are found through an index all the same.
            assert_few(connection, indexing_jobs=50_000 if "repo" in filters else FEW + filters.get("offset", 0))
            plan = connection.execute(f"explain (format json) {query}", params).fetchone()
            assert plan is not None
            scanned = [node for node in nodes(plan[0][0]["Plan"]) if node["Node Type"] == "Seq Scan"]
            assert not {node["Relation Name"] for node in scanned} & set(BIG)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def test_the_events_of_one_job(rolled_back: Connection, scene: Scene) -> None:
    assert Client(settings_for(scene.url), rolled_back).events(scene.large)
    assert_few(rolled_back)


@pytest.mark.parametrize("path", ["/large", "/new", "/src/repo5"])
def test_enqueuing(rolled_back: Connection, path: str) -> None:
    enqueue(rolled_back, path)
    assert_few(rolled_back)


def test_counting_live_jobs_and_workers(rolled_back: Connection) -> None:
    assert live_jobs(rolled_back) == 8
    assert [worker.batches for worker in known_workers(rolled_back)] == [1]
    assert_few(rolled_back)


@pytest.mark.parametrize(
    ("condition", "indexes"),
    [
        # Few are live: any index of the live jobs is as good, and the planner takes now one, now another.
        ("view_id = 7 and pgdex.is_live(status)", {"indexing_jobs_one_live_per_view", "indexing_jobs_live_idx"}),
        ("pgdex.is_live(status)", {"indexing_jobs_live_idx", "indexing_jobs_status_idx"}),
        ("pgdex.is_live(status) and status = 'blocked'", {"indexing_jobs_live_idx", "indexing_jobs_status_idx"}),
    ],
)
def test_live_jobs_are_found_by_their_indexes_whoever_asks(scene: Scene, condition: str, indexes: set[str]) -> None:
    """The function gives way to its expression, which takes the right to call it and no search path."""
    with new_login(scene.url, "pgdex_reader") as url, psycopg.connect(url) as reader:
        reader.execute("set search_path = public")
        query = f"explain (format json) select id from pgdex.indexing_jobs where {condition}"
        (plan,) = reader.execute(query.encode()).fetchone() or ([],)
        assert indexes & {node.get("Index Name") for node in nodes(plan[0]["Plan"])}
        assert "is_live" not in str(plan)


def test_what_the_doctor_asks_about_live_jobs(rolled_back: Connection) -> None:
    assert len(rolled_back.execute(LIVE_JOBS).fetchall()) == 8
    assert_few(rolled_back)


def test_what_the_agents_server_asks_besides(rolled_back: Connection, scene: Scene) -> None:
    size = TreeSize(files=1, bytes=1_000_000, is_whole=True)
    assert estimated_duration(rolled_back, size, embedder="hashing", workers=1).seconds > 0
    assert project_exists(rolled_back, "p3")
    assert oldest_live_job_seconds(rolled_back) is not None
    assert Client(settings_for(scene.url), rolled_back).find("last")
    assert_few(rolled_back)


def test_cancelling_a_small_job(rolled_back: Connection) -> None:
    job_id = enqueue(rolled_back, "/small0")
    assert call(rolled_back, "cancel_job", job_id) == "pending"
    assert_few(rolled_back)


def test_deleting_a_job_that_has_ended(rolled_back: Connection, scene: Scene) -> None:
    rolled_back.execute("delete from pgdex.indexing_jobs where id = %s", [scene.old])
    assert_few(rolled_back)


# What workers call


def test_fetching_a_token(rolled_back: Connection, scene: Scene) -> None:
    assert value(rolled_back, "select id from pgdex.fetch_wake_up(array['pgdex'], %s)", scene.worker.id)
    assert_few(rolled_back)


def test_leaving_a_batch_to_others(rolled_back: Connection, scene: Scene) -> None:
    SqlWorker(rolled_back)
    assert call(rolled_back, "leave_batch_to_others", *scene.claim.key, "not mounted", "RootUnavailable") == "left"
    assert_few(rolled_back)


def test_failing_what_nobody_sees(rolled_back: Connection, scene: Scene) -> None:
    assert call(rolled_back, "fail_unseen_jobs") == 0
    assert_few(rolled_back)


def test_claiming_a_batch(rolled_back: Connection, scene: Scene) -> None:
    wake_up = scene.wake_up
    assert call(rolled_back, "claim_batch", wake_up.job_id, wake_up.seq, wake_up.id, wake_up.worker_id)
    assert_few(rolled_back)


def test_reporting_a_batch_with_an_event(rolled_back: Connection, scene: Scene) -> None:
    rolled_back.execute("update pgdex.indexing_jobs set last_event_at = null where id = %s", [scene.large])
    rolled_back.execute(
        "update pgdex.indexing_jobs set last_event_at = now() - interval '1 minute' where id = %s", [scene.large]
    )
    assert call(rolled_back, "report_batch", *scene.claim.key, "embedding", 0, 1, 1) is True
    assert_few(rolled_back)


def test_completing_a_batch(rolled_back: Connection, scene: Scene) -> None:
    call(rolled_back, "complete_batch", *scene.claim.key, 0, 0, 1, 0, "{}")
    assert_few(rolled_back)


def test_releasing_a_batch(rolled_back: Connection, scene: Scene) -> None:
    assert call(rolled_back, "release_batch", *scene.claim.key) is True
    assert_few(rolled_back)


def test_a_tick_that_finds_nothing_to_do(rolled_back: Connection, scene: Scene) -> None:
    assert call(rolled_back, "tick", scene.worker.id) is True
    assert call(rolled_back, "admit_jobs") == 0
    assert rolled_back.execute(BLOCKED).fetchall() == []
    assert rolled_back.execute(SIGNS).fetchall() == [(scene.worker.id, 1, True)]
    assert_few(rolled_back)


def test_reclaiming_one_batch_of_a_large_job(rolled_back: Connection, scene: Scene) -> None:
    assert call(rolled_back, "reclaim_batches", [scene.worker.id], [0]) == 2
    # Rare: the waiting wake-ups and batches may be looked through, the history must not.
    for table, (whole, indexed) in rows_read(rolled_back).items():
        assert whole <= (BATCHES + 100 if table == "procrastinate_jobs" else 10)
        assert indexed <= (3 * BATCHES if table == "job_batches" else FEW), table


def test_healing_that_finds_nothing_looks_at_the_first_open_batches_of_each_job_only(rolled_back: Connection) -> None:
    assert call(rolled_back, "heal_batches", None) == 0
    assert_few(rolled_back, job_batches=4 * HEALED_AT_FIRST, procrastinate_jobs=2 * HEALED_AT_FIRST)


def test_healing_finds_all_batches_that_are_lost_once_one_of_the_first_is(
    rolled_back: Connection, scene: Scene
) -> None:
    lost = rolled_back.execute(
        "delete from procrastinate_jobs t using pgdex.job_batches b"
        " where b.job_id = %s and b.wake_up_id = t.id and t.status = 'todo'"
        " and (b.seq between 100 and 110 or b.seq > 29000)",
        [scene.large],
    ).rowcount
    assert lost > 1000
    assert call(rolled_back, "heal_batches", None) == lost
    assert call(rolled_back, "heal_batches", None) == 0


def test_a_hundred_thousand_jobs_that_wait_cost_a_tick_and_a_status_no_more_than_a_few(scene: Scene) -> None:
    with connect(settings_for(scene.url)) as connection, connection.transaction(force_rollback=True):
        connection.execute(WAITING)  # a quarter of the module's time: once for both kinds of plans
        connection.execute("analyze pgdex.indexing_jobs")
        connection.execute("select pgdex.cancel_job(%s)", [scene.large])
        for plans in PLANS:
            with connection.transaction(force_rollback=True):
                connection.execute(f"set local plan_cache_mode = {plans}")
                assert_that_waiting_jobs_cost_little(connection, scene)


def assert_that_waiting_jobs_cost_little(connection: Connection, scene: Scene) -> None:
    reading = rows_read(connection)

    assert call(connection, "admit_jobs") == 1
    assert call(connection, "admit_jobs") == 0
    assert call(connection, "tick", scene.worker.id) is True
    last = enqueue(connection, "/one/more", project="p3")
    message = Client(settings_for(scene.url), connection).status(last).progress_message
    assert message == "Waiting for its turn: 1,000 jobs or more are before it"

    for table, (whole, indexed) in rows_read(connection).items():
        before_whole, before = reading[table]
        assert whole - before_whole <= 10, f"{table} was scanned: {whole - before_whole}"
        # The jobs that are before one are counted up to 1,000.
        assert indexed - before <= (3_000 if table == "indexing_jobs" else FEW), f"{indexed - before} rows of {table}"
