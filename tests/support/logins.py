"""Logins of a test's own, with some of pgdex's roles; and the command line under one of them."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from tests.support import preloaded

PGDEX = (sys.executable, "-P", "-m", "pgdex.jobs.cli")
CHECKOUT = preloaded.CHECKOUT
PATIENCE_SECONDS = preloaded.PATIENCE_SECONDS

_number = count(1)


@contextmanager
def new_login(database_url: str, *roles: str, password: str = "test") -> Iterator[str]:
    """A login that is a member of `roles`; yields the database's URL with its name and password in it.

    It is dropped afterwards, so it must have left nothing of its own behind.
    """
    with psycopg.connect(database_url, autocommit=True) as admin:
        name = f"{admin.info.dbname}_login_{next(_number)}"
        login = sql.Identifier(name)
        admin.execute(sql.SQL("create role {} login password {}").format(login, sql.Literal(password)))
        for role in roles:
            admin.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), login))
    try:
        yield as_user(database_url, name, password)
    finally:
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [name])
            admin.execute(sql.SQL("drop owned by {}").format(login))
            admin.execute(sql.SQL("drop role {}").format(login))


def as_user(database_url: str, user: str, password: str) -> str:
    """The same database's URL for someone else."""
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return re.sub(r"^(postgres(?:ql)?://)(?:[^@/?]*@)?", lambda match: f"{match[1]}{login}@", database_url)


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str


def run_pgdex(*arguments: str, home: Path, folder: Path | str = CHECKOUT, **environment: str) -> Finished:
    """`pgdex` from `folder` with these PGDEX_ variables and no other, without a terminal."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PGDEX_")}
    done = preloaded.run(
        [*PGDEX, *arguments],
        folder=folder,
        environment=kept | {"PGDEX_HOME": str(home), "PYTHONPATH": str(CHECKOUT)} | environment,
    )
    return Finished(done.returncode, done.stdout, done.stderr)
