"""Running psql in pgdex's database."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgdex.jobs.cli.addresses import SECRETS
from pgdex.jobs.cli.render.console import note
from pgdex.jobs.database.connection import conninfo
from pgdex.jobs.errors import PgdexError
from pgdex.jobs.settings import Settings

SERVICE = "pgdex"
SEARCH_PATH = "-c search_path=pgdex,pg_temp"


def run_psql(settings: Settings, arguments: Sequence[str]) -> int:
    """psql until the user leaves it; returns its exit code. Raises PgdexError where there is no psql.

    As a child and not in this process's place: the embedded server counts this process as its user until it ends.
    """
    parts = conninfo_to_dict(conninfo(settings, application="pgdex psql"))
    parts["options"] = _options(parts)
    # No secret is an argument: everyone on the machine sees those.
    secrets = {name: str(parts.pop(name)) for name in secret_keywords() if parts.get(name) is not None}
    environment = dict(os.environ)
    if "password" in secrets:
        environment["PGPASSWORD"] = secrets.pop("password")
    program = find_psql(prefer_embedded=settings.database_url is None)
    if program is None:
        raise PgdexError("psql is not installed on this machine: install PostgreSQL's client programs")
    # Ctrl-C is psql's: it cancels a query there. A handler and not SIG_IGN, which the child would inherit.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with service_file(secrets, parts) as (path, descriptors):
            if path is not None:
                environment["PGSERVICEFILE"] = path
                parts["service"] = SERVICE
            command = [program, "--dbname", make_conninfo("", **parts), *arguments]
            return subprocess.call(command, env=environment, pass_fds=descriptors)
    finally:
        signal.signal(signal.SIGINT, before)


def secret_keywords() -> frozenset[str]:
    """libpq's parameters that are secrets: those that it says not to show, and those that it has no mark for."""
    marked = {option.keyword.decode() for option in pq.Conninfo.get_defaults() if option.dispchar == b"*"}
    return frozenset(marked | set(SECRETS))


@contextmanager
def service_file(secrets: Mapping[str, str], parts: Mapping[str, object]) -> Iterator[tuple[str | None, Sequence[int]]]:
    """A file in libpq's format that holds the secrets for which there is no environment variable, and the descriptors
    that psql has to inherit for it. It is in memory where the system can do that, else it goes at the end.

    Raises PgdexError for a secret that the format can't hold, and where the connection has a service already.
    """
    if not secrets:
        yield None, ()
        return
    if parts.get("service"):
        names = ", ".join(sorted(secrets))
        raise PgdexError(f"with `service` in PGDEX_DATABASE_URL, write {names} into the service file instead")
    for name, value in secrets.items():
        if value != value.strip() or any(not character.isprintable() for character in value):
            raise PgdexError(f"{name} has blanks around it or a control character, which can't be passed to psql")
    content = "".join([f"[{SERVICE}]\n", *(f"{name}={value}\n" for name, value in secrets.items())]).encode()
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("pgdex-psql", 0)
        try:
            os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}", (descriptor,)
        finally:
            os.close(descriptor)
        return
    with tempfile.TemporaryDirectory(prefix="pgdex-psql-") as folder:  # 0700
        file = Path(folder) / "service"
        file.touch(0o600)
        file.write_bytes(content)
        yield str(file), ()


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
    from pgdex.jobs.database.embedded.programs import wheel_programs

    try:
        return shutil.which("psql", path=str(wheel_programs()))
    except PgdexError:  # a machine for which there is no such wheel
        return None
