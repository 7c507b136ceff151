"""Logins for people and workers, each with one of pgdex's roles."""

from psycopg import errors, sql

from pgdex.jobs.database.connection import Connection
from pgdex.jobs.database.roles import CLIENT, READER, WORKER
from pgdex.jobs.errors import InvalidRequest, NotAllowed

ROLES = {"reader": READER, "client": CLIENT, "worker": WORKER}


def grant_role(connection: Connection, login: str, role: str, *, password: str | None = None) -> bool:
    """Let `login` do what `role` (a key of ROLES) may do, and no more by pgdex's other roles; true where it was made.

    With a password, it is the login's from now on. The server is sent its SCRAM verifier only, so that no log of
    statements holds it. Raises InvalidRequest and NotAllowed.
    """
    group = ROLES[role]
    if login in ROLES.values() or not login:
        raise InvalidRequest(f"{login or 'the empty name'} can't be a login: choose a name of its own, such as indexer")
    try:
        with connection.transaction():
            return _grant(connection, login, group, password)
    except errors.InsufficientPrivilege as error:
        raise NotAllowed(
            f"the login {connection.info.user} may not do this ({str(error).splitlines()[0]}): creating logins needs "
            "CREATEROLE, and granting a role the right to administer it"
        ) from error
    except (errors.ReservedName, errors.InvalidParameterValue) as error:
        raise InvalidRequest(f"{login} can't be a login: {str(error).splitlines()[0]}") from error


def _grant(connection: Connection, login: str, group: str, password: str | None) -> bool:
    query = "select rolname, rolcanlogin from pg_roles where rolname = any(%s)"
    found: dict[str, bool] = dict(connection.execute(query, [[login, *ROLES.values()]]).fetchall())
    if group not in found:
        raise NotAllowed(
            f"this server has no role {group}: the login that ran `pgdex db upgrade` may not create roles "
            "(docs/sql.md, Roles)"
        )
    name = sql.Identifier(login)
    is_new = login not in found
    if is_new:
        connection.execute(sql.SQL("create role {} login").format(name))
    elif not found[login]:
        raise InvalidRequest(f"{login} is a group of logins: grant it the role with SQL ({group} to {login})")
    if password is not None:
        encrypted = connection.pgconn.encrypt_password(password.encode(), login.encode()).decode()
        connection.execute(sql.SQL("alter role {} password {}").format(name, sql.Literal(encrypted)))
    others = "select g.rolname from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = %s::regrole"
    for (other,) in connection.execute(others, [name.as_string(connection)]).fetchall():
        if other in ROLES.values() and other != group:
            connection.execute(sql.SQL("revoke {} from {}").format(sql.Identifier(other), name))
    connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(group), name))
    _let_in(connection, login)
    return is_new


def _let_in(connection: Connection, login: str) -> None:
    """Where the database is closed to those who were not named: workers need temporary tables too."""
    query = "select bool_and(has_database_privilege(%s, current_database(), p)) from unnest(%s::text[]) as p"
    row = connection.execute(query, [login, ["connect", "temporary"]]).fetchone()
    if not (row and row[0]):
        names = sql.Identifier(connection.info.dbname), sql.Identifier(login)
        connection.execute(sql.SQL("grant connect, temporary on database {} to {}").format(*names))
