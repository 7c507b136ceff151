"""Names in schemas that others can write to: their code runs in nobody else's session."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.reset import reset
from pgdex.jobs.database.schema import downgrade, upgrade
from tests.integration.cli.commands import Run
from tests.support.databases import settings_for
from tests.support.logins import new_login
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers

# Functions of PostgreSQL's that ours call, and ours that Python calls; each with arguments that fit better than the
# original's, or as well.
FUNCTIONS = (
    *("hashtext(text)", "clock_timestamp()", "now()", "jsonb_build_object(text, bigint)", "concat(text, text)"),
    *("cardinality(bigint[])", "unnest(bigint[])", "format(text, text)", "to_regclass(text)", "count(bigint)"),
    *("pg_notify(text, text)", "set_config(text, text, boolean)", "pg_try_advisory_lock(integer, integer)"),
    *(
        "setting(text, text)",
        "tick(bigint, boolean)",
        "job_message(uuid)",
        "procrastinate_fetch_job_v2(varchar[], bigint)",
    ),
    *("procrastinate_register_worker_v1()", "procrastinate_defer_jobs_v1(text[])", "worker_lock_class()"),
)
# For operand types that ours use together, exactly.
OPERATORS = [
    (operator, left, right)
    for operator in ("||", "=", "<>", "<", ">", ">=", "<=", "+", "-", "*", "/", "%", "&&", "@>", "~")
    for left, right in (
        *(
            ("text", "bigint"),
            ("text", "integer"),
            ("bigint", "integer"),
            ("integer", "bigint"),
            ("smallint", "bigint"),
        ),
        *(("text", "varchar"), ("varchar", "text"), ("text", "name"), ("name", "text"), ("jsonb", "text")),
        *(("double precision", "bigint"), ("numeric", "bigint"), ("timestamptz", "text"), ("bigint", "smallint")),
    )
]
TABLES = ("settings", "files", "indexing_jobs", "job_batches", "procrastinate_jobs", "workers", "alembic_version", "t")
TRAP = """
    create function {schema}.trap() returns trigger language plpgsql as
    $$ begin insert into public.caught values (current_user, 'trigger'); return new; end $$
"""


@pytest.fixture
def caught(database_url: str) -> Iterator[list[str]]:
    """After the test: whose sessions ran the code of mallory, who may read, and create in public."""
    found: list[str] = []
    with psycopg.connect(database_url, autocommit=True) as admin, new_login(database_url, "pgdex_reader") as url:
        admin.execute("create table public.caught (who text, what text)")
        admin.execute("grant all on public.caught to public")
        admin.execute("grant create on schema public to public")
        name = str(conninfo_to_dict(url)["user"])
        own = sql.Identifier(admin.info.user)  # "$user" of the owner's sessions
        admin.execute(sql.SQL("create schema {} authorization {}").format(own, sql.Identifier(name)))
        with psycopg.connect(url, autocommit=True) as mallory:
            for schema in (sql.Identifier("public"), own):
                lay_traps(mallory, schema)
        yield found
        found += [f"{who}: {what}" for who, what in admin.execute("select distinct who, what from public.caught")]
        admin.execute(sql.SQL("drop schema {} cascade").format(own))
        assert found == []


def lay_traps(mallory: "psycopg.Connection[tuple[object, ...]]", schema: sql.Identifier) -> None:
    for signature in FUNCTIONS:
        name, _, arguments = signature.partition("(")
        mallory.execute(
            sql.SQL(
                "create function {}.{}({} returns text language plpgsql as"
                " $$ begin insert into public.caught values (current_user, {}); return null; end $$"
            ).format(schema, sql.Identifier(name), sql.SQL(arguments), sql.Literal(signature))
        )
    for number, (operator, left, right) in enumerate(OPERATORS):
        result = "text" if operator == "||" else "boolean"
        function = sql.Identifier(f"operator_{number}")
        mallory.execute(
            sql.SQL(
                "create function {0}.{1}({2}, {3}) returns {4} language plpgsql as"
                " $$ begin insert into public.caught values (current_user, {5}); return true; end $$"
            ).format(
                schema, function, sql.SQL(left), sql.SQL(right), sql.SQL(result), sql.Literal(f"{left} {operator}")
            )
        )
        mallory.execute(
            sql.SQL("create operator {0}.{1} (leftarg = {2}, rightarg = {3}, function = {0}.{4})").format(
                schema, sql.SQL(operator), sql.SQL(left), sql.SQL(right), function
            )
        )
    mallory.execute(sql.SQL(TRAP).format(schema=schema))
    for table in TABLES:
        own = sql.Identifier(table)
        mallory.execute(sql.SQL("create table {}.{} (id bigint, name text, value text)").format(schema, own))
        mallory.execute(
            sql.SQL(
                "create trigger trap after insert or update on {0}.{1} for each row execute function {0}.trap()"
            ).format(schema, own)
        )
        mallory.execute(sql.SQL("grant all on {}.{} to public").format(schema, own))
    mallory.execute(sql.SQL("create type {}.procrastinate_job_to_defer_v1 as (queue_name text)").format(schema))


def test_no_session_of_pgdex_runs_code_of_a_login_that_may_create_in_public(
    caught: list[str], run_pgdex: Run, database_url: str, workers: Workers, tmp_path: Path
) -> None:
    folder = python_tree(tmp_path / "repository", 40)
    workers.environment = {"PGDEX_EXACT_SEARCH_CHUNKS": "10"}
    first, _ = workers.start(2)
    workers.wait_until_alive(2)
    with Client.open(settings_for(database_url)) as client:
        job = client.start(folder).job_id
        assert wait_for_end(client, job, workers=workers).status == "completed"
        workers.kill(first)
        again = client.start(folder, force=True).job_id
        client.cancel(again)
        wait_for(lambda: "vector_index_built" in workers.logs(), what="a vector index")
    for command in (
        ("status", "last"),
        ("list",),
        ("events", "last"),
        ("skipped", str(folder)),
        ("search", "run_5"),
        ("workers",),
        ("doctor",),
        ("db", "psql", "-c", "select 'a' || job_id from job_status where status = 'completed'"),
        ("db", "upgrade"),
    ):
        assert run_pgdex(*command).code == 0, command
    workers.stop()
    upgrade(settings_for(database_url))
    reset(settings_for(database_url))
    downgrade(settings_for(database_url), "base")
    upgrade(settings_for(database_url))
    assert caught == []


def test_the_traps_would_catch_a_session_that_looks_there(caught: list[str], database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as careless:
        careless.execute("select 'a'::text || 1::bigint")
        assert careless.execute("select count(*) from public.caught").fetchone() == (1,)
        careless.execute("truncate public.caught")
