"""The extension: in whatever schema it is, of a version that works, or a message that says what to do."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.roles import READER, require
from pgdex.jobs.database.schema import downgrade, upgrade
from pgdex.jobs.errors import DatabaseUnavailable, NotAllowed
from tests.integration.cli.commands import Run
from tests.support.databases import new_database, settings_for, url_of
from tests.support.logins import new_login
from tests.support.sql_worker import SqlWorker, enqueue, tree
from tests.support.trees import python_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import Workers


@pytest.fixture(params=["vectors", "odd Schema"])
def elsewhere_url(server_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database whose owner put pgvector into a schema that nobody looks into."""
    with new_database(server_url) as name:
        url = url_of(server_url, name)
        with psycopg.connect(url, autocommit=True) as admin:
            schema = sql.Identifier(request.param)
            admin.execute(sql.SQL("create schema {}").format(schema))
            admin.execute(sql.SQL("create extension vector with schema {}").format(schema))
        yield url


def pretend(database_url: str, version: str) -> None:
    """The version that the catalog shows; only for a database that is thrown away."""
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("update pg_extension set extversion = %s where extname = 'vector'", [version])


def test_a_schema_of_its_own_is_found(
    elsewhere_url: str, run_pgdex: Run, workers: Workers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    env = {"PGDEX_DATABASE_URL": elsewhere_url}
    upgraded = run_pgdex("db", "upgrade", env=env)
    assert upgraded.code == 0, upgraded.err
    folder = python_tree(tmp_path_factory.mktemp("repository"), 20)
    with new_login(elsewhere_url, "pgdex_worker") as url:
        workers.database_url = url
        workers.environment = {"PGDEX_EXACT_SEARCH_CHUNKS": "5"}
        workers.start()
        with Client.open(settings_for(url)) as client:
            job = client.start(folder).job_id
            assert wait_for_end(client, job, workers=workers).status == "completed"
        found = run_pgdex("search", "Thing7", "--limit", "1", env={"PGDEX_DATABASE_URL": url})
        assert "module_7.py" in found.out, found.err
        workers.stop()
    downgrade(settings_for(elsewhere_url), "base")
    upgrade(settings_for(elsewhere_url))


def test_a_schema_that_a_login_may_not_use_is_named(elsewhere_url: str) -> None:
    upgrade(settings_for(elsewhere_url))
    with psycopg.connect(elsewhere_url, autocommit=True) as admin:
        schema = admin.execute(
            "select n.nspname from pg_extension e join pg_namespace n on n.oid = extnamespace where extname = 'vector'"
        ).fetchone()
        assert schema is not None
        admin.execute(sql.SQL("revoke usage on schema {} from pgdex_reader").format(sql.Identifier(schema[0])))
    with (
        new_login(elsewhere_url, "pgdex_worker") as url,
        Client.open(settings_for(url)) as client,
        pytest.raises(NotAllowed, match=f"grant usage on schema .*{schema[0]}"),
    ):
        require(client.connection, READER)


@pytest.mark.parametrize("version", ["0.7.4", "0.5.1", "0.8"])
def test_an_upgrade_refuses_a_version_that_is_too_old(empty_database_url: str, run_pgdex: Run, version: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        admin.execute("create extension vector")
    pretend(empty_database_url, version)
    refused = run_pgdex("db", "upgrade", env={"PGDEX_DATABASE_URL": empty_database_url})
    assert refused.code == 3
    assert f"pgvector {version} is too old" in refused.err
    assert "alter extension vector update" in refused.err
    with psycopg.connect(empty_database_url) as admin:
        assert admin.execute("select to_regclass('pgdex.files')").fetchone() == (None,)


def test_an_upgrade_of_what_is_there_refuses_too(database_url: str) -> None:
    pretend(database_url, "0.7.4")
    with pytest.raises(DatabaseUnavailable, match="too old"):
        upgrade(settings_for(database_url))


@pytest.mark.parametrize(
    ("version", "outcome"),
    [("0.7.4", "✗"), ("0.8.0", "!"), ("0.8.3", "!"), ("0.8.4", "✓"), ("0.10.0", "✓"), ("1.0", "✓")],
)
def test_doctor_judges_the_version(run_pgdex: Run, database_url: str, version: str, outcome: str) -> None:
    pretend(database_url, version)
    (line,) = [line for line in run_pgdex("doctor").out.splitlines() if line[1:].startswith(" pgvector ")]
    assert line.startswith(outcome)
    assert version in line


def test_a_login_that_may_not_create_it_is_told_who_may(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as admin, new_login(empty_database_url) as url:
        name = psycopg.conninfo.conninfo_to_dict(url)["user"]
        grant = sql.SQL("grant create on database {} to {}")
        admin.execute(grant.format(sql.Identifier(admin.info.dbname), sql.Identifier(str(name))))
        with pytest.raises(DatabaseUnavailable, match="let an administrator run there: create extension vector"):
            upgrade(settings_for(url))


def test_a_schema_with_a_quote_in_its_name_is_refused(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        admin.execute('create schema "o\'hara"; create extension vector with schema "o\'hara"')
    with pytest.raises(DatabaseUnavailable, match="alter extension vector set schema"):
        upgrade(settings_for(empty_database_url))


def test_it_is_made_where_there_is_no_schema_public(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        admin.execute("drop schema public")
    upgrade(settings_for(empty_database_url))
    with Client.open(settings_for(empty_database_url)) as client:
        enqueue(client.connection, "/src/click")
        SqlWorker(client.connection).work_all(tree(3))
