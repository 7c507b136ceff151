"""Check of the login: what may it do, and are there roles to grant?"""

from typing import TYPE_CHECKING

from pgdex.jobs.cli.diagnosis.checks import Check, failed, ok, warning

if TYPE_CHECKING:
    from pgdex.jobs.database.connection import Connection

CREATE_ROLES = (
    "Run `pgdex db upgrade` once as a role that may create roles; until then pgdex is for the schema's owner alone."
)


def login_check(connection: "Connection") -> Check:
    """What the present login may do in the database."""
    from pgdex.jobs.database.roles import PURPOSES, READER, TYPICAL, abilities, grant_statement

    mine = abilities(connection)
    missing = [role for role in TYPICAL if role not in mine.roles]
    if READER in missing:
        advice = f"An administrator of the database gives access: {grant_statement(READER, mine.login)}"
        return failed("login", f"{mine.login} may not {PURPOSES[READER]}", advice)
    finding = f"{mine.login} may {', '.join(PURPOSES[role] for role in mine.roles)}"
    if missing:
        finding += f"; not {', '.join(f'{PURPOSES[role]} ({role})' for role in missing)}"
    if not mine.groups_exist:
        return warning("login", f"{finding}. The roles {', '.join(TYPICAL)} do not exist", CREATE_ROLES)
    return ok("login", finding)
