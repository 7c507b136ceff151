"""Making the roles and removing them, on a server of the tests' own: roles belong to all databases of a server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from pgdex.jobs.cli.diagnosis.database import login_check
from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.database.roles import abilities
from pgdex.jobs.database.schema import downgrade, upgrade
from tests.integration.roles.members import READER, ROLES, WORKER, command
from tests.support.databases import embedded_server, new_database, settings_for, url_of
from tests.support.job_checks import refused, value
from tests.support.logins import as_user, new_login
from tests.support.sql_worker import SqlWorker, enqueue, tree


@pytest.fixture(scope="module")
def own_server() -> str:
    """A server on which no database was upgraded before."""
    return embedded_server()


@pytest.fixture
def no_roles(own_server: str) -> Iterator[str]:
    """The server's URL, without the roles before and afterwards."""
    drop_roles(own_server)
    yield own_server
    drop_roles(own_server)


def drop_roles(server: str) -> None:
    with psycopg.connect(server, autocommit=True) as admin:
        for role in (*ROLES, "the_owner"):
            admin.execute(f"drop role if exists {role}")


def existing(connection: Connection) -> set[str]:
    return {row[0] for row in connection.execute("select rolname from pg_roles where rolname = any(%s)", [list(ROLES)])}


@contextmanager
def owned_database(server: str, *, options: str = "") -> Iterator[tuple[str, str]]:
    """A database of a login `the_owner`, who is no superuser: its URL for an administrator, and for the owner."""
    with new_database(server) as name:
        with psycopg.connect(url_of(server, name), autocommit=True) as admin:
            admin.execute(f"create role the_owner login password 'test' {options}; create extension vector")
            admin.execute(f"alter database {name} owner to the_owner")
        yield url_of(server, name), as_user(url_of(server, name), "the_owner", "test")


def test_who_may_not_make_roles_gets_none_and_works_as_the_owner(no_roles: str, tmp_path: Path) -> None:
    with owned_database(no_roles) as (admin_url, owner_url):
        upgrade(settings_for(owner_url))
        with connect(settings_for(owner_url)) as owner:
            assert existing(owner) == set()
            worker = SqlWorker(owner)
            job_id = enqueue(owner)
            worker.work_all(tree(5))
            owner.execute("select pgdex.build_indexes(1, 4)")
            assert value(owner, "select status from pgdex.job_status where job_id = %s", job_id) == "completed"
            check = login_check(owner)
            assert (check.outcome, "do not exist" in check.finding) == ("warning", True)
        upgrade(settings_for(owner_url))

        # Someone who may make them does; the owner's next upgrades leave them as they are.
        upgrade(settings_for(admin_url))
        upgrade(settings_for(owner_url))
        with connect(settings_for(owner_url)) as owner:
            assert existing(owner) == set(ROLES)
            assert login_check(owner).outcome == "ok"
        with new_login(admin_url, READER) as url, connect(settings_for(url)) as reader:
            assert value(reader, "select status from pgdex.job_status") == "completed"
            assert value(reader, "select count(*) from pgdex.chunks_r1") == 5, "tables from before the roles"
            assert value(reader, "select count(*) from pg_stats where tablename = 'chunks_r1'") > 0


def test_an_owner_who_may_make_roles_makes_them(no_roles: str) -> None:
    with owned_database(no_roles, options="createrole") as (admin_url, owner_url):
        upgrade(settings_for(owner_url))
        with new_login(admin_url, WORKER) as url, connect(settings_for(url)) as member:
            assert abilities(member).roles == ROLES
            worker = SqlWorker(member)
            enqueue(member)
            worker.work_all(tree(5))
            assert value(member, "select status from pgdex.job_status") == "completed"
            member.execute("select pgdex.procrastinate_unregister_worker_v1(%s)", [worker.id])
        downgrade(settings_for(owner_url), "base")


def test_databases_of_one_server_share_the_roles_and_each_gives_back_its_own_grants(
    no_roles: str, tmp_path: Path
) -> None:
    for _ in range(3):
        with new_database(no_roles) as first, new_database(no_roles) as second:
            urls = [url_of(no_roles, name) for name in (first, second)]
            with ThreadPoolExecutor(2) as pool:  # processes: Alembic's state belongs to the whole process
                for done in [pool.submit(command, "db", "upgrade", url=url, home=tmp_path) for url in urls]:
                    assert done.result().code == 0, done.result()
            with psycopg.connect(no_roles, autocommit=True) as admin:
                assert existing(admin) == set(ROLES)
                downgrade(settings_for(urls[0]), "base")
                assert existing(admin) == set(ROLES)
                with new_login(urls[1], READER) as url, connect(settings_for(url)) as reader:
                    assert value(reader, "select count(*) from pgdex.job_status") == 0
                with refused("2BP01"):
                    admin.execute(f"drop role {READER}")
                downgrade(settings_for(urls[1]), "base")
                for role in ROLES:
                    admin.execute(f"drop role {role}")
