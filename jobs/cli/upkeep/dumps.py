"""A dump of pgdex's schema in a file, and the way back, with PostgreSQL's own programs.

The restore is one transaction: what was there before is gone only when the dump is there as a whole.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgdex.jobs.cli.psql import SERVICE, secret_keywords, service_file
from pgdex.jobs.cli.session import is_first_start
from pgdex.jobs.database import schema
from pgdex.jobs.database.connection import conninfo, describe
from pgdex.jobs.database.reset import DROPPED_AS, IN_THE_SCHEMA, Losses, what_is_lost
from pgdex.jobs.database.schema import owners_session
from pgdex.jobs.database.upgrading import users_of
from pgdex.jobs.errors import InvalidRequest, PgdexError, SchemaInUse
from pgdex.jobs.settings import Settings
from pgdex.migrations import version

# The schema itself stays where it is restored, with what is granted on it and an extension that lies in it.
SCHEMA_ENTRY = re.compile(r"^\d+; \d+ \d+ (?:SCHEMA|ACL) - (?:SCHEMA )?pgdex ", re.MULTILINE)
LONGEST_REASON = 600  # characters


@dataclass(frozen=True, slots=True)
class Dump:
    """A dump that was written."""

    file: Path
    bytes: int
    schema_version: str


def dump(settings: Settings, file: Path) -> Dump:
    """Write everything in the schema `pgdex` to `file`, which must not exist; workers may go on meanwhile.

    The file is readable by its owner only. Raises InvalidRequest, PgdexError.
    """
    if os.path.lexists(file):
        raise InvalidRequest(f"{file} exists already: choose another name, or remove it")
    if is_first_start(settings):
        raise InvalidRequest(f"there is nothing to dump: {settings.home} holds no database of pgdex yet")
    with owners_session(settings) as connection:
        found = version.installed(connection)
        if found is None:
            raise InvalidRequest(f"there is nothing to dump: {describe(settings)} has no schema of pgdex")
        server = connection.info.server_version // 10_000
        program = program_for(server, "pg_dump")
        draft = file.with_name(f".{file.name}.unfinished")
        try:
            os.close(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
        except OSError as error:
            raise InvalidRequest(f"{draft} can't be written: {error.strerror}") from None
        try:
            with _connected(settings) as (target, environment, descriptors):
                options = ("--format=custom", "--schema=pgdex", "--no-owner", f"--file={draft}")
                _run([program, *options, target], environment, descriptors)
            draft.rename(file)
        finally:
            draft.unlink(missing_ok=True)
    return Dump(file, file.stat().st_size, str(found))


def require_dump(file: Path) -> str:
    """The table of contents of a dump. Raises InvalidRequest for what is none, or is none of pgdex's."""
    program = program_for(0, "pg_restore")
    listed = subprocess.run(
        [program, "--list", str(file)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        raise InvalidRequest(f"{file} can't be restored: {_reason(listed.stderr)}")
    if " TABLE pgdex " not in listed.stdout:
        raise InvalidRequest(f"{file} is a dump, but not one of pgdex's schema: `pgdex db dump` writes those")
    return listed.stdout


def what_is_replaced(settings: Settings) -> Losses:
    """What a restore would delete. Raises SchemaInUse where workers or MCP servers run, else as `what_is_lost`."""
    with owners_session(settings) as connection:
        users = users_of(connection)
    if users:
        raise SchemaInUse(
            f"{describe(settings)} is in use: {'; '.join(users)}. Nothing was changed. Stop them first: `pgdex stop` "
            "does it for yours on this machine"
        )
    return what_is_lost(settings)


def restore(settings: Settings, file: Path) -> str:
    """Put a dump in the place of everything in the schema `pgdex`, then bring that up to this pgdex's version, which is
    returned. Raises InvalidRequest, PgdexError, and what `what_is_replaced` raises."""
    contents = require_dump(file)
    lost = what_is_replaced(settings)
    if lost.found is None and not lost.objects:
        schema.upgrade(settings)  # the extension, and the roles
    with owners_session(settings) as connection:
        server = connection.info.server_version // 10_000
        pg_restore, psql = program_for(server, "pg_restore"), program_for(server, "psql")
        drops = [
            sql.SQL("drop {} if exists {} cascade;\n").format(sql.SQL(DROPPED_AS.get(kind, kind)), sql.SQL(name))
            for kind, name in connection.execute(IN_THE_SCHEMA).fetchall()
        ]
        first = "".join(drop.as_string(connection) for drop in drops)
    with tempfile.TemporaryFile() as script, tempfile.NamedTemporaryFile("w") as chosen:
        chosen.write("\n".join(line for line in contents.splitlines() if not SCHEMA_ENTRY.match(line)))
        chosen.flush()
        script.write(f"set client_min_messages = warning;\n{first}".encode())
        script.flush()
        options = ("--no-owner", "--no-privileges", f"--use-list={chosen.name}", "--file=-")
        _run([pg_restore, *options, str(file)], dict(os.environ), (), stdout=script)
        script.seek(0)
        with _connected(settings) as (target, environment, descriptors):
            quietly = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--file=-")
            _run(
                [psql, *quietly, "--dbname", target], environment, descriptors, stdin=script, stdout=subprocess.DEVNULL
            )
    schema.upgrade(settings)  # functions, and who may call them; an older dump's tables too
    return schema.expected_version()


def program_for(server: int, name: str) -> str:
    """The path of one of PostgreSQL's client programs that is not older than a server of that major version: the one
    that pgdex brings, else the system's. Raises PgdexError."""
    from pgdex.jobs.database.embedded.programs import wheel_programs

    try:
        bundled = shutil.which(name, path=str(wheel_programs()))
    except PgdexError:
        bundled = None
    found = [program for program in (bundled, shutil.which(name)) if program]
    if not found:
        raise PgdexError(f"{name} is not installed on this machine: install PostgreSQL's client programs")
    majors = {program: _major(program) for program in found}
    for program, major in majors.items():
        if major >= server:
            return program
    raise PgdexError(
        f"the server is PostgreSQL {server}, and {name} here is version {max(majors.values())}, which is too old for "
        f"it: install the client programs of PostgreSQL {server} or newer"
    )


def _major(program: str) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(found[1]) if found else 0


@contextmanager
def _connected(settings: Settings) -> Iterator[tuple[str, dict[str, str], Sequence[int]]]:
    """A connection string without secrets, the environment that has the password, and descriptors to be inherited."""
    parts = conninfo_to_dict(conninfo(settings, application="pgdex dump"))
    secrets = {name: str(parts.pop(name)) for name in secret_keywords() if parts.get(name) is not None}
    environment = dict(os.environ)
    if "password" in secrets:
        environment["PGPASSWORD"] = secrets.pop("password")
    with service_file(secrets, parts) as (path, descriptors):
        if path is not None:
            environment["PGSERVICEFILE"] = path
            parts["service"] = SERVICE
        yield make_conninfo("", **parts), environment, descriptors


def _run(
    command: Sequence[str],
    environment: dict[str, str],
    descriptors: Sequence[int],
    *,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    stdout: IO[bytes] | int = subprocess.DEVNULL,
) -> None:
    """Run a program to its end. Raises PgdexError with what it complained about."""
    done = subprocess.run(
        command,
        env=environment | {"LC_ALL": "C"},
        pass_fds=descriptors,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        reason = _reason(done.stderr.decode("utf-8", "backslashreplace"))
        raise PgdexError(f"{Path(command[0]).name} failed, and nothing was changed: {reason}")


def _reason(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if "error:" in line.lower() or "fatal" in line.lower()] or lines
    return ("; ".join(telling[:3]) or "it gave no reason")[:LONGEST_REASON]
