"""What upgrades and downgrades leave of the roles' rights."""

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.database.roles import abilities
from pgdex.jobs.database.schema import downgrade, upgrade
from pgdex.jobs.errors import NotAllowed, SchemaBehind
from tests.integration.roles.members import CLIENT, DENIED, ROLES, WORKER, logged_in
from tests.support.databases import settings_for
from tests.support.job_checks import refused, value
from tests.support.logins import new_login
from tests.support.sql_worker import SqlWorker, enqueue


def test_an_upgrade_after_a_downgrade_gives_the_roles_their_rights_again(
    connection: Connection, database_url: str
) -> None:
    with new_login(database_url, WORKER) as url:
        downgrade(settings_for(database_url), "base")
        with pytest.raises((SchemaBehind, NotAllowed)):
            Client.open(settings_for(url))
        upgrade(settings_for(database_url))
        with connect(settings_for(url)) as member:
            assert abilities(member).roles == ROLES
            enqueue(member)


def test_a_function_that_had_to_be_made_again_keeps_its_role(connection: Connection, database_url: str) -> None:
    connection.execute("drop function pgdex.tick")
    connection.execute(
        "create function pgdex.tick(worker bigint, other text) returns text language sql as $$ select 'x' $$"
    )
    upgrade(settings_for(database_url))
    with logged_in(database_url, WORKER) as worker:
        assert value(worker, "select pgdex.tick(%s)", SqlWorker(worker).id) is True
    with logged_in(database_url, CLIENT) as client, refused(DENIED):
        client.execute("select pgdex.tick(1)")


def test_what_an_administrator_granted_besides_survives_an_upgrade(connection: Connection, database_url: str) -> None:
    connection.execute("grant execute on function pgdex.set_setting to pgdex_client")
    upgrade(settings_for(database_url))
    with logged_in(database_url, CLIENT) as client:
        client.execute("select pgdex.set_setting('max_concurrent_jobs', '4')")
