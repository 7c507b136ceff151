"""What the present login may do in pgdex's database, and the error that says what it would need.

The database decides (see `sql/roles/`); this only asks it beforehand where a refusal in the middle would be no use.
"""

import re
from dataclasses import dataclass

from psycopg import sql

from pgdex.jobs.database.connection import Connection
from pgdex.jobs.errors import NotAllowed

READER, CLIENT, WORKER = "pgdex_reader", "pgdex_client", "pgdex_worker"
# What each role is for, in the words of the error.
PURPOSES = {READER: "look at jobs and search", CLIENT: "start and cancel jobs", WORKER: "do jobs"}
# One function that only this role was granted, for each. By the catalog: names can't be looked up in a schema that the
# login may not use.
TYPICAL = {READER: "job_message", CLIENT: "enqueue_job", WORKER: "tick"}
ABILITIES = """
    select p.proname, has_schema_privilege(p.pronamespace, 'usage') and has_function_privilege(p.oid, 'execute')
    from pg_proc p where p.pronamespace = to_regnamespace('pgdex') and p.proname = any(%s)
"""

# The schema of pgvector, where the login may not use it.
CLOSED_PGVECTOR = """
    select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'vector' and not has_schema_privilege(n.oid, 'usage')
"""


@dataclass(frozen=True, slots=True)
class Abilities:
    """A login, and what it may do: as a member of pgdex's roles, as the schema's owner, or by other grants."""

    login: str
    roles: tuple[str, ...]
    """The roles whose work it may do, whether or not it is a member."""
    groups_exist: bool
    """Whether the server has the three roles, so that they can be granted."""


def abilities(connection: Connection) -> Abilities:
    """Ask what the connection's login may do."""
    row = connection.execute(
        "select current_user::text, (select count(*) from pg_roles where rolname = any(%s))", [list(TYPICAL)]
    ).fetchone()
    login, groups = row if row is not None else ("", 0)
    allowed: dict[str, bool] = dict(connection.execute(ABILITIES, [list(TYPICAL.values())]).fetchall())
    roles = tuple(role for role, function in TYPICAL.items() if allowed.get(function))
    return Abilities(login, roles, groups == len(TYPICAL))


def require(connection: Connection, role: str) -> None:
    """Raise NotAllowed where the connection's login may not do what `role` does."""
    if role not in abilities(connection).roles or connection.execute(CLOSED_PGVECTOR).fetchone() is not None:
        raise not_allowed(connection, role)


def not_allowed(connection: Connection, role: str) -> NotAllowed:
    """The error for a login that would need `role`."""
    login = connection.info.user
    closed = connection.execute(CLOSED_PGVECTOR).fetchone()
    if closed is not None:
        schema = sql.Identifier(closed[0]).as_string()
        return NotAllowed(
            f"the login {login} may not use the schema {closed[0]} of the database {connection.info.dbname}, where "
            f"pgvector is: its owner allows it with: grant usage on schema {schema} to {READER};"
        )
    return NotAllowed(
        f"the login {login} may not {PURPOSES[role]} in the database {connection.info.dbname}: "
        f"it needs the role {role}, which an administrator gives it with: {grant_statement(role, login)}"
    )


def grant_statement(role: str, login: str) -> str:
    """What an administrator types."""
    plain = re.fullmatch(r"[a-z_][a-z0-9_]*", login)
    return f"grant {role} to {login if plain else sql.Identifier(login).as_string()};"
