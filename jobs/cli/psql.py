"""Running psql in pgdex's database."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from jobs.database import conninfo
from jobs.errors import PgdexError
from jobs.settings import Settings


def run_psql(settings: Settings, arguments: Sequence[str]) -> int:
    """psql until the user leaves it; returns its exit code. Raises PgdexError where there is no psql.

    As a child and not in this process's place: the embedded server counts this process as its user until it ends.
    """
    parts = conninfo_to_dict(conninfo(settings, application="pgdex psql"))
    environment = dict(os.environ)
    password = parts.pop("password", None)
    if password is not None:
        environment["PGPASSWORD"] = str(password)  # not an argument: everybody on the machine sees those
    program = find_psql(prefer_embedded=settings.database_url is None)
    if program is None:
        raise PgdexError("there is no psql on this machine: install PostgreSQL's client programs")
    # Ctrl-C is psql's: it cancels a query there. A handler and not SIG_IGN, which the child would inherit.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.call([program, "--dbname", make_conninfo("", **parts), *arguments], env=environment)
    finally:
        signal.signal(signal.SIGINT, before)


def find_psql(*, prefer_embedded: bool) -> str | None:
    """The system's psql, or the one that came with the embedded server, which fits that server best."""
    found = [shutil.which("psql"), _embedded_psql()]
    ordered = found[::-1] if prefer_embedded else found
    return next((program for program in ordered if program), None)


def _embedded_psql() -> str | None:
    from jobs.embedded.programs import wheel_programs

    try:
        return shutil.which("psql", path=str(wheel_programs()))
    except PgdexError:  # a machine for which there is no such wheel
        return None
