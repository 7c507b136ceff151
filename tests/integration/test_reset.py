"""Starting over: pgdex's own tables go, whatever made them, and nothing else does."""

import psycopg
import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.database.reset import Losses, reset, what_is_lost
from pgdex.jobs.database.schema import downgrade, expected_version, installed_version, upgrade
from pgdex.jobs.errors import NotAllowed, SchemaAhead, SchemaBehind, SchemaInUse
from pgdex.jobs.mcp.connections import Connections
from tests.support.databases import settings_for
from tests.support.job_checks import value
from tests.support.logins import as_user, new_login
from tests.support.sql_worker import SqlWorker, enqueue, tree
from tests.support.unreleased import make_unreleased_schema
from tests.support.workers import Workers

NEWER = "9999_later-1.0.0-abc"
OBJECTS = """
    select c.relname::text from pg_class c where c.relnamespace = 'pgdex'::regnamespace
    union all select p.oid::regprocedure::text from pg_proc p where p.pronamespace = 'pgdex'::regnamespace
    union all select t.typname from pg_type t where t.typnamespace = 'pgdex'::regnamespace
    order by 1
"""


def set_version(connection: Connection, text: str) -> None:
    connection.execute("update pgdex.settings set value = %s where name = 'schema_version'", [text])


# What is recognised


@pytest.mark.parametrize("revision", ["0001", "0006", "0013", "0001_initial", "0001_views"])
@pytest.mark.parametrize("noted", [None, ""], ids=["noted", "not noted"])
def test_the_schema_of_an_unreleased_pgdex_is_recognised_and_the_way_out_is_named(
    empty_database_url: str, revision: str, noted: str | None
) -> None:
    make_unreleased_schema(empty_database_url, revision=revision, version=noted)
    settings = settings_for(empty_database_url)
    agents = Connections(settings)
    for attempt in (
        lambda: Client.open(settings),
        lambda: agents.call(lambda client: client.list_jobs()),
        lambda: upgrade(settings),
        lambda: upgrade(settings, force=True),
        lambda: downgrade(settings, "base"),
    ):
        with pytest.raises(SchemaBehind) as caught:
            attempt()
        for part in ("before the first release", revision, "pgdex db reset"):
            assert part in str(caught.value)
    agents.close()
    with connect(settings) as connection:
        assert value(connection, "select version_num from pgdex.alembic_version") == revision


def test_a_note_of_alembic_alone_is_enough_to_recognise_it(connection: Connection, database_url: str) -> None:
    connection.execute("update pgdex.alembic_version set version_num = '0013'")
    set_version(connection, "0001_tables-0.0.1-abc")
    with pytest.raises(SchemaBehind, match=r"0013.*pgdex db reset"):
        upgrade(settings_for(database_url))


# What a reset does


def test_a_reset_makes_todays_schema_of_an_unreleased_one(empty_database_url: str, connection: Connection) -> None:
    make_unreleased_schema(empty_database_url)
    settings = settings_for(empty_database_url)
    losses = Losses(found="0006-0.1.0-3f2a5c", repositories=2, chunks=1500, jobs=1)
    assert what_is_lost(settings) == losses
    assert str(losses) == "2 repositories, 1,500 chunks, 1 job"

    assert reset(settings) == losses

    with connect(settings) as again:
        assert installed_version(again) == expected_version()
        assert again.execute(OBJECTS).fetchall() == connection.execute(OBJECTS).fetchall()
        worker = SqlWorker(again)
        job_id = enqueue(again)
        worker.work_all(tree(5))
        assert value(again, "select status from pgdex.job_status where job_id = %s", job_id) == "completed"


def test_a_reset_of_todays_schema_leaves_it_empty(connection: Connection, database_url: str) -> None:
    worker = SqlWorker(connection)
    enqueue(connection)
    worker.work_all(tree(5))
    connection.execute("select pgdex.build_indexes(1, 4)")
    connection.execute("select pgdex.set_setting('max_concurrent_jobs', '7')")
    connection.execute("select pgdex.procrastinate_unregister_worker_v1(%s)", [worker.id])
    assert value(connection, "select to_regclass('pgdex.chunks_r1')") is not None

    losses = reset(settings_for(database_url))

    assert (losses.repositories, losses.chunks, losses.jobs) == (1, 5, 1)
    for table in ("repositories", "files", "chunks", "indexing_jobs", "procrastinate_jobs", "procrastinate_workers"):
        assert value(connection, f"select count(*) from pgdex.{table}") == 0, table
    assert value(connection, "select to_regclass('pgdex.chunks_r1')") is None
    assert value(connection, "select count(*) from pgdex.settings") == 1
    assert value(connection, "select count(*) from pgdex.cluster_duties") == 5
    Client.open(settings_for(database_url)).close()
    assert SqlWorker(connection).id > worker.id, "one that was suspended all the while is not taken for another"


@pytest.mark.parametrize("there", ["nothing", "an empty schema", "one that was taken back", "tables of no version"])
def test_a_reset_needs_no_schema_that_can_be_read(empty_database_url: str, there: str) -> None:
    settings = settings_for(empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        if there == "one that was taken back":
            upgrade(settings)
            downgrade(settings, "base")
        elif there != "nothing":
            admin.execute("create schema pgdex")
        if there == "tables of no version":
            admin.execute(
                "create table pgdex.repositories (something text); create sequence pgdex.s;"
                " create domain pgdex.d as int; create materialized view pgdex.m as select 1::pgdex.d as one;"
                " create procedure pgdex.p() language sql as 'select 1';"
                " create aggregate pgdex.a (int) (sfunc = int4pl, stype = int);"
                " create table pgdex.t (a int, b int); create statistics pgdex.of_t on a, b from pgdex.t"
            )
            assert "objects in it, which no version of pgdex made" in str(what_is_lost(settings))
    losses = reset(settings)
    assert losses == Losses(None, 0 if there == "tables of no version" else None, None, None)
    with connect(settings) as connection:
        assert installed_version(connection) == expected_version()
        assert value(connection, "select count(*) from pg_class where relname in ('s', 'm')") == 0


def test_what_others_have_in_the_database_stays(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("create schema pgdex; create extension vector schema pgdex")
        connection.execute("create table public.projects (id int, v pgdex.vector(3))")
        connection.execute("insert into public.projects values (7, '[1,2,3]')")
        upgrade(settings_for(empty_database_url))
        connection.execute("create role of_others; grant usage on schema pgdex to of_others")
        try:
            reset(settings_for(empty_database_url))
            assert connection.execute("select id, v::text from public.projects").fetchall() == [(7, "[1,2,3]")]
            assert value(connection, "select has_schema_privilege('of_others', 'pgdex', 'usage')") is True
            assert (
                value(
                    connection, "select extnamespace::regnamespace::text from pg_extension e where extname = 'vector'"
                )
                == "pgdex"
            )
        finally:
            connection.execute("drop owned by of_others; drop role of_others")
    Client.open(settings_for(empty_database_url)).close()


@pytest.mark.parametrize(
    ("built", "named"),
    [
        ("create view public.my_jobs as select job_id, status from pgdex.job_status", "view public.my_jobs"),
        ("create table public.notes (job_id uuid references pgdex.indexing_jobs (id))", "notes_job_id_fkey on table"),
        ("create table public.notes (message text default pgdex.job_message(null))", "table public.notes"),
        ("create function public.f(pgdex.files) returns int language sql as 'select 1'", "function public.f(files)"),
        (
            "create table public.notes (id int); create trigger t before update on public.notes"
            " for each row execute function pgdex.guard_job()",
            "table public.notes",
        ),
        (
            "create table public.notes (n bigint); create index of_others on public.notes (pgdex.thousands(n))",
            "index public.of_others",
        ),
        ("create publication of_others for table pgdex.versions", "in publication of_others"),
    ],
    ids=["view", "foreign key", "default", "function", "trigger", "index", "publication"],
)
def test_what_others_built_on_it_is_named_and_nothing_is_dropped(
    connection: Connection, database_url: str, built: str, named: str
) -> None:
    enqueue(connection)
    connection.execute(built.encode())
    with pytest.raises(SchemaInUse) as caught:
        reset(settings_for(database_url))
    assert named in str(caught.value)
    assert "Nothing was changed" in str(caught.value)
    assert value(connection, "select count(*) from pgdex.indexing_jobs") == 1


# Who may, and when


def test_who_does_not_own_the_schema_is_told_who_does(connection: Connection, database_url: str) -> None:
    with new_login(database_url, "pgdex_worker") as url:
        for attempt in (reset, what_is_lost):
            with pytest.raises(NotAllowed, match=f"belongs to {connection.info.user}, who has to run this"):
                attempt(settings_for(url), force=True)


def test_an_owner_who_is_no_superuser_may(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        if not value(admin, "select rolsuper from pg_roles where rolname = current_user"):
            pytest.skip("the tests' own role is no superuser, so every other test resets as an owner already")
        name = f"{admin.info.dbname}_owner"
        admin.execute(f"create role {name} login password 'test'; create extension vector")
        admin.execute(f"alter database {admin.info.dbname} owner to {name}")
        owner = settings_for(as_user(empty_database_url, name, "test"))
        try:
            upgrade(owner)
            with connect(owner) as connection:
                enqueue(connection)
            assert reset(owner).jobs == 1
            with connect(owner) as connection:
                assert installed_version(connection) == expected_version()
        finally:
            admin.execute("drop schema if exists pgdex cascade")
            admin.execute(f"alter database {admin.info.dbname} owner to current_user")
            admin.execute(f"drop role {name}")


def test_a_newer_schema_is_left_alone_unless_it_is_forced(connection: Connection, database_url: str) -> None:
    set_version(connection, NEWER)
    with pytest.raises(SchemaAhead, match="newer pgdex"):
        reset(settings_for(database_url))
    assert installed_version(connection) == NEWER
    reset(settings_for(database_url), force=True)
    assert installed_version(connection) == expected_version()


def test_under_workers_it_needs_to_be_forced_and_ends_them(client: Client, workers: Workers) -> None:
    (process,) = workers.start()
    workers.wait_until_alive(1)
    for attempt in (reset, what_is_lost):
        with pytest.raises(SchemaInUse, match=r"worker \d+ on .*--force"):
            attempt(client.settings)
    reset(client.settings, force=True)
    assert process.wait(20) == 0
    assert installed_version(client.connection) == expected_version()


def test_a_reset_behind_an_open_transaction_names_it_and_changes_nothing(
    connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgdex.jobs.database.upgrading.PATIENCE_SECONDS", 1.0)
    enqueue(connection)
    with psycopg.connect(database_url, application_name="a dump") as dump:
        dump.execute("select count(*) from pgdex.files")
        with pytest.raises(SchemaInUse, match=r"a dump.*Nothing was changed"):
            reset(settings_for(database_url))
    assert value(connection, "select count(*) from pgdex.indexing_jobs") == 1
