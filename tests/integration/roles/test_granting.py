"""`pgdex db grant`, and the logins of the compose file, on a server of the tests' own: roles are a server's."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import connect
from pgdex.jobs.database.logins import ROLES, grant_role
from pgdex.jobs.database.roles import abilities
from pgdex.jobs.database.schema import upgrade
from pgdex.jobs.errors import InvalidRequest, NotAllowed
from tests.integration.roles.members import CLIENT, READER, WORKER, command
from tests.support.databases import embedded_server, new_database, settings_for, url_of
from tests.support.job_checks import refused, value
from tests.support.logins import CHECKOUT, as_user, run_pgdex
from tests.support.trees import python_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import workers_on

LOGINS = ("indexer", "Alice O'Neil", "pgdex")
PASSWORD = 'it\'s \\ "odd" %20'


@pytest.fixture(scope="module")
def own_server() -> str:
    return embedded_server()


@pytest.fixture
def team_url(own_server: str, tmp_path: Path) -> Iterator[str]:
    """A new database, made as docker/database.sql makes it; the URL is the superuser's."""
    with new_database(own_server) as name:
        url = url_of(own_server, name)
        script = str(CHECKOUT / "docker" / "database.sql")
        variables = {"PGDEX_DATABASE_URL": url, "POSTGRES_OWNER_PASSWORD": PASSWORD}
        done = run_pgdex("db", "psql", "-X", "-q", "-f", script, home=tmp_path, **variables)
        assert done.code == 0, done.err
        yield url
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")
            for login in (*LOGINS, WORKER, CLIENT, READER):
                if value(admin, "select count(*) from pg_roles where rolname = %s", login):
                    admin.execute(sql.SQL("reassign owned by {0} to current_user").format(sql.Identifier(login)))
                    admin.execute(sql.SQL("drop owned by {0}").format(sql.Identifier(login)))
            for login in (*LOGINS, WORKER, CLIENT, READER):
                admin.execute(sql.SQL("drop role if exists {0}").format(sql.Identifier(login)))


@pytest.fixture
def owner_url(team_url: str) -> str:
    url = as_user(team_url, "pgdex", PASSWORD)
    upgrade(settings_for(url))
    return url


def test_the_owner_of_the_compose_file_s_database_is_no_superuser_and_upgrades_it(owner_url: str) -> None:
    with connect(settings_for(owner_url)) as owner:
        assert (
            value(owner, "select not rolsuper and not rolcreatedb from pg_roles where rolname = current_user") is True
        )
        assert abilities(owner).groups_exist
        with refused("42501"):
            owner.execute("copy pgdex.settings to program 'true'")


def test_the_workers_of_the_compose_file_do_jobs_and_can_change_nothing_else(owner_url: str, tmp_path: Path) -> None:
    granted = run_pgdex(
        *("db", "grant", "indexer", "--role", "worker", "--password-env", "THE_PASSWORD"),
        home=tmp_path,
        PGDEX_DATABASE_URL=owner_url,
        THE_PASSWORD=PASSWORD,
    )
    assert granted.code == 0, granted.err
    assert "The login indexer was created and has the role pgdex_worker" in granted.out

    url = as_user(owner_url, "indexer", PASSWORD)
    with Client.open(settings_for(url)) as client, workers_on(url, tmp_path) as workers:
        job_id = client.start(python_tree(tmp_path / "repository", 5)).job_id
        assert wait_for_end(client, job_id, workers=workers).status == "completed"
        for statement in (
            "drop table pgdex.versions",
            "delete from pgdex.job_events",
            "create table pgdex.mine (x int)",
        ):
            with refused("42501"):
                client.connection.execute(statement)
        assert (
            value(client.connection, "select rolsuper or rolcreaterole from pg_roles where rolname = 'indexer'")
            is False
        )


def test_a_login_has_the_role_that_was_granted_last_and_no_other(owner_url: str) -> None:
    with connect(settings_for(owner_url)) as owner:
        login = LOGINS[1]
        for number, (name, role) in enumerate([*ROLES.items(), ("reader", READER)]):
            assert grant_role(owner, login, name, password=PASSWORD) is (number == 0)
            query = "select g.rolname from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = "
            rows = owner.execute(f"{query} (select oid from pg_roles where rolname = %s)".encode(), [login]).fetchall()
            assert rows == [(role,)]
        with connect(settings_for(as_user(owner_url, login, PASSWORD))) as reader:
            assert abilities(reader).roles == (READER,)


def test_the_server_is_sent_no_password(team_url: str, owner_url: str) -> None:
    with connect(settings_for(owner_url)) as owner, psycopg.connect(team_url, autocommit=True) as admin:
        sent: list[Any] = []
        execute = owner.execute

        def recorded(*given: Any, **more: Any) -> Any:
            sent.append(given)
            return execute(*given, **more)

        owner.execute = recorded  # type: ignore[method-assign]  # to hear what is sent
        grant_role(owner, "indexer", "worker", password="secret-of-mine")
        assert "secret-of-mine" not in "".join(
            part.as_string(owner) if isinstance(part, sql.Composable) else str(part) for given in sent for part in given
        )
        assert (
            value(admin, "select rolpassword like 'SCRAM-SHA-256$%%' from pg_authid where rolname = 'indexer'") is True
        )


@pytest.mark.parametrize("login", ["pgdex_worker", "", "pg_evil", "public"])
def test_a_name_that_can_be_no_login_is_refused(owner_url: str, login: str) -> None:
    with connect(settings_for(owner_url)) as owner, pytest.raises(InvalidRequest, match="can't be a login"):
        grant_role(owner, login, "reader")


def test_who_may_not_make_logins_is_told_so(owner_url: str) -> None:
    with connect(settings_for(owner_url)) as owner:
        grant_role(owner, "indexer", "worker", password=PASSWORD)
    with connect(settings_for(as_user(owner_url, "indexer", PASSWORD))) as worker, pytest.raises(NotAllowed) as caught:
        grant_role(worker, LOGINS[1], "reader")
    assert "CREATEROLE" in str(caught.value)


def test_an_empty_password_variable_is_refused(owner_url: str, tmp_path: Path) -> None:
    done = command(
        "db", "grant", "indexer", "--role", "worker", "--password-env", "NOT_SET", url=owner_url, home=tmp_path
    )
    assert done.code == 2
    assert "NOT_SET is not set" in done.err


# The compose file


def test_workers_in_containers_hold_no_password_but_their_own() -> None:
    compose = (CHECKOUT / "docker-compose.yml").read_text("utf-8")
    services = dict(re.findall(r"^  (\w+):\n((?:    .*\n|\n)+)", compose.partition("\nservices:\n")[2], re.MULTILINE))
    assert set(services) == {"database", "upgrade", "logins", "worker"}
    anchors = dict(re.findall(r"^x-\w+: &(\w+)\n((?:  .*\n)+)", compose, re.MULTILINE))
    assert "<<: *worker" in services["worker"]
    assert "postgresql://indexer@" in anchors["worker"]
    assert set(re.findall(r"POSTGRES_\w*PASSWORD", services["worker"] + anchors["worker"])) == {
        "POSTGRES_WORKER_PASSWORD"
    }
    for name in ("upgrade", "logins"):
        assert "<<: *owner" in services[name]
    assert "POSTGRES_PASSWORD" not in anchors["owner"]
    assert "POSTGRES_USER" not in services["database"]  # the image would make it a superuser
