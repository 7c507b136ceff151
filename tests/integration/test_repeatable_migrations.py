"""The files of the folder sql: each defines one object, all are installed, and an upgrade leaves nothing else."""

import re
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest

from pgdex.jobs.database.connection import Connection
from pgdex.jobs.database.schema import upgrade
from pgdex.migrations.pgvector import vector_schema
from pgdex.migrations.repeatable import RepeatableMigration, repeatable_migrations
from tests.support.databases import settings_for
from tests.support.job_checks import value
from tests.support.sql_worker import SqlWorker, enqueue

# The files of the folder sql

ALL_OBJECTS = list(repeatable_migrations())
DEFINES = {
    "functions": r"^create or replace function pgdex\.(\w+)\(",
    "views": r"^create or replace view pgdex\.(\w+) as",
    "triggers": r"^create or replace trigger (\w+)\s",
    "roles": r"^ +create role (\w+) nologin;",
}


@pytest.mark.parametrize("item", ALL_OBJECTS, ids=lambda item: f"{item.kind}/{item.name}")
def test_each_file_defines_exactly_the_object_of_its_name(item: RepeatableMigration) -> None:
    found = re.findall(DEFINES[item.kind], item.statement, re.MULTILINE)
    assert found == [item.name]
    assert len(re.findall(r"^(create|drop|alter|grant|insert|do)\b", item.statement, re.MULTILINE)) == 1


@pytest.mark.parametrize(
    "item", [item for item in ALL_OBJECTS if item.kind != "triggers"], ids=lambda item: f"{item.kind}/{item.name}"
)
def test_each_function_and_view_says_at_its_top_what_it_does(item: RepeatableMigration) -> None:
    first = item.statement.splitlines()[0]
    assert re.match(r"^-- [A-Z].{20,}", first), first


def test_every_file_of_the_folder_is_installed() -> None:
    folder = Path(str(files("pgdex.sql")))
    assert {f"{item.kind}/{item.name}.sql" for item in ALL_OBJECTS} == {
        str(path.relative_to(folder)) for path in folder.rglob("*.sql")
    }


def test_the_database_has_one_object_for_each_file_and_no_other(connection: Connection) -> None:
    found = connection.execute(
        "select 'functions', proname from pg_proc where pronamespace = 'pgdex'::regnamespace"
        " and (proname not like 'procrastinate%' or proname like 'procrastinate_notify%')"
        " union all select 'views', viewname from pg_views where schemaname = 'pgdex'"
        " union all select 'triggers', tgname from pg_trigger where not tgisinternal"
        " and tgname not like 'procrastinate%'"
        " union all select 'roles', rolname from pg_roles where rolname ~ '^pgdex_[a-z]+$'"
    ).fetchall()
    assert sorted(found) == sorted((item.kind, item.name) for item in ALL_OBJECTS)


def test_every_function_has_a_search_path_of_its_own(connection: Connection) -> None:
    """Who calls them with another one must not get other tables."""
    rows = connection.execute(
        "select proname from pg_proc where pronamespace = 'pgdex'::regnamespace and proname not like 'procrastinate%'"
        " and provolatile <> 'i' and not coalesce(array_to_string(proconfig, ' ') like '%search_path=%', false)"
    ).fetchall()
    assert rows == []


def test_every_function_works_whatever_the_callers_search_path_is(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as psql:
        psql.execute("set search_path = pg_catalog")
        job_id = value(psql, "select pgdex.enqueue_job('/repo')")
        assert value(psql, "select progress_message from pgdex.job_status") is not None
        assert psql.execute("select * from pgdex.worker_status, pgdex.skipped_files").fetchall() == []
        assert value(psql, "select pgdex.heal_batches()") == 0
        assert value(psql, "select pgdex.reclaim_batches()") == 0
        assert value(psql, "select pgdex.cancel_job(%s)", job_id) == "pending"


def test_every_function_body_compiles_against_the_tables(connection: Connection) -> None:
    """They are installed unchecked, because they call each other; here each is checked on its own."""
    for item in ALL_OBJECTS:
        connection.execute(item.for_database(vector_schema(connection)))


# What an upgrade takes away, and what it leaves


def test_a_function_whose_file_is_gone_is_dropped(connection: Connection, database_url: str) -> None:
    connection.execute("create function pgdex.of_an_older_version(job uuid) returns int language sql as 'select 1'")
    connection.execute("create view pgdex.older_view as select 1 as one")
    upgrade(settings_for(database_url))
    assert value(connection, "select to_regproc('pgdex.of_an_older_version')") is None
    assert value(connection, "select to_regclass('pgdex.older_view')") is None


def test_a_function_with_the_arguments_of_an_older_version_is_dropped(
    connection: Connection, database_url: str
) -> None:
    """Two functions of one name would make calls ambiguous, or run the old one."""
    connection.execute("create function pgdex.tick(worker text) returns boolean language sql as 'select false'")
    upgrade(settings_for(database_url))
    assert value(connection, "select count(*) from pg_proc where proname = 'tick'") == 1


def test_a_trigger_whose_file_is_gone_is_dropped(connection: Connection, database_url: str) -> None:
    connection.execute(
        "create trigger of_an_older_version before update on pgdex.indexing_jobs"
        " for each row execute function pgdex.guard_job()"
    )
    upgrade(settings_for(database_url))
    assert value(connection, "select count(*) from pg_trigger where tgname = 'of_an_older_version'") == 0


@pytest.mark.parametrize(
    "older",
    [
        "(p_worker_id bigint, p_heartbeat_timeout interval) returns text language sql as $$ select 'x' $$",
        "(worker bigint, patience interval) returns boolean language sql as 'select false'",
    ],
    ids=["another return type", "other argument names"],
)
def test_a_function_that_cannot_be_replaced_in_place_is_made_again(
    connection: Connection, database_url: str, older: str
) -> None:
    connection.execute("drop function pgdex.tick")
    connection.execute(f"create function pgdex.tick{older}")
    upgrade(settings_for(database_url))
    assert value(connection, "select pgdex.tick(%s)", SqlWorker(connection).id) is True


def test_a_users_own_view_on_job_status_survives_an_upgrade(connection: Connection, database_url: str) -> None:
    connection.execute("create view public.my_jobs as select job_id, status, progress_message from pgdex.job_status")
    job_id = enqueue(connection)
    upgrade(settings_for(database_url))
    assert connection.execute("select job_id, status from public.my_jobs").fetchall() == [(job_id, "pending")]


def test_grants_survive_an_upgrade(connection: Connection, database_url: str) -> None:
    grants = (
        "select relacl::text from pg_class where oid = 'pgdex.job_status'::regclass"
        " union all select proacl::text from pg_proc where proname = 'cancel_job'"
    )
    connection.execute("grant select on pgdex.job_status to public")
    connection.execute("revoke execute on function pgdex.cancel_job from public")
    before = connection.execute(grants).fetchall()
    assert all(row[0] is not None for row in before)
    upgrade(settings_for(database_url))
    assert connection.execute(grants).fetchall() == before
