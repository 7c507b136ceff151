"""The data folder: made by initdb, of the right version, and open to nobody but its owner and root."""

import os
import pwd
import shutil
from pathlib import Path

from pgdex.jobs.database.embedded.accounts import Account
from pgdex.jobs.database.embedded.failures import DoesNotStart
from pgdex.jobs.database.embedded.paths import HomePaths
from pgdex.jobs.database.embedded.programs import major_version, run
from pgdex.jobs.errors import DatabaseUnavailable

# Safe ones only: nothing here can lose a committed transaction.
SERVER_CONFIGURATION = """\
# Written by pgdex when it made this server. Change what you like: it is not written again.
shared_buffers = 256MB
work_mem = 32MB
maintenance_work_mem = 256MB
max_connections = 300
# One machine, no replicas: a table's load and its indexes need no second copy in the log.
wal_level = minimal
max_wal_senders = 0
max_wal_size = 1GB
checkpoint_timeout = 15min
# Queries are short or scan one table: compiling them costs more than it gains.
jit = off
random_page_cost = 1.1
"""
INITDB = ("--username=postgres", "--encoding=UTF8", "--no-locale", "--auth-local=peer", "--auth-host=reject")
# The same on every machine: what LANG names may not be installed here, or not on the next machine.
BUILTIN_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
FIRST_WITH_BUILTIN_LOCALE = 17
LOGINS = """\
# Written by pgdex at each start of the server. The OS users of pg_ident.conf may log in, nobody else.
local all all peer map=pgdex
"""


def prepare(paths: HomePaths, programs: Path, account: Account, lock: int) -> None:
    """See to it that there is a data folder for these programs, and write who may log in.

    `lock` is the server's, held by the caller: initdb gets it too, so that nobody begins again beside an initdb that
    has lost its pgdex. Raises OSError, DatabaseUnavailable, DoesNotStart.
    """
    found = _data_version(paths)
    ours = major_version(programs, account)
    if found is None:
        _make(paths, programs, account, lock, major=ours)
    elif found != str(ours):
        raise DatabaseUnavailable(_other_version(paths, found, ours))
    _write(paths.data / "pg_hba.conf", LOGINS, account)
    _write(paths.data / "pg_ident.conf", _identities(account), account)


def _data_version(paths: HomePaths) -> str | None:
    """What PG_VERSION says; None where there is no database yet. Raises DatabaseUnavailable where it makes no sense."""
    if (paths.home / "initdb.unfinished").exists():  # an earlier version's mark: killed while it made the database
        shutil.rmtree(paths.data, ignore_errors=True)
        (paths.home / "initdb.unfinished").unlink()
    try:
        found = (paths.data / "PG_VERSION").read_text("ascii", errors="replace").strip()
    except FileNotFoundError:
        if not paths.data.exists() or not any(paths.data.iterdir()):
            return None
        raise DatabaseUnavailable(
            f"{paths.data} is not empty and holds no PostgreSQL database (PG_VERSION is missing). pgdex deletes "
            "nothing that it does not recognise: move that folder away, and pgdex creates a new database; then index "
            "your source code again"
        ) from None
    if not found:
        raise DatabaseUnavailable(
            f"the database in {paths.data} is damaged: its file PG_VERSION is empty. Restore a backup of the folder, "
            "or move it away; pgdex then creates a new database, and your source code has to be indexed again"
        )
    return found


def _other_version(paths: HomePaths, found: str, ours: int) -> str:
    return (
        f"the database in {paths.data} was made by PostgreSQL {found}, and this pgdex brings PostgreSQL {ours}, which "
        f"can't read it. Nothing was changed. Move {paths.data} away and index again (the index is made from your "
        "source code, only the history of jobs is lost), or keep using the pgdex that made it. To keep everything, "
        "dump it with that one (pgdex db dump FILE), and restore the dump with this one (pgdex db restore FILE)"
    )


def _make(paths: HomePaths, programs: Path, account: Account, lock: int, *, major: int) -> None:
    """initdb beside the data folder, which gets its name when it is complete: a crash leaves no half."""
    unfinished = paths.unfinished_data
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    if not account.is_ours:
        os.chown(unfinished, account.uid, account.gid)
    if account.name is None:
        raise DatabaseUnavailable(
            f"the OS user {account.uid} has no name on this machine (no line in /etc/passwd), and PostgreSQL makes no "
            "database for such a user: give it a name, or set PGDEX_DATABASE_URL"
        )
    locale = BUILTIN_LOCALE if major >= FIRST_WITH_BUILTIN_LOCALE else ()
    done = run(programs, "initdb", [*INITDB, *locale, "-D", str(unfinished)], account, pass_fds=(lock,))
    if done.returncode != 0:
        raise DoesNotStart(f"its database could not be created: {_cause(done.stderr, done.returncode)}")
    _write(unfinished / "pgdex.conf", SERVER_CONFIGURATION, account)
    main = unfinished / "postgresql.conf"
    _write(main, main.read_text() + "include_if_exists 'pgdex.conf'\n", account)
    if paths.data.exists():
        paths.data.rmdir()  # empty
    unfinished.rename(paths.data)


def _cause(stderr: str, code: int) -> str:
    """What initdb complained about, in its own words."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in ("error:", "FATAL:", "PANIC:", "detail:"))]
    chosen = telling or lines[-3:] or [f"initdb ended with code {code} and said nothing"]
    return "; ".join(chosen)[:600]


def _identities(account: Account) -> str:
    """Who may log in: the server's user, the user of this process, root; as any role of the database."""
    names = {account.name}
    for uid in (0, os.geteuid()):
        try:
            names.add(pwd.getpwuid(uid).pw_name)
        except KeyError:
            continue
    lines = "".join(f'pgdex "{name}" all\n' for name in sorted(name for name in names if name))
    return f"# Written by pgdex at each start of the server: OS users who may log in.\n{lines}"


def _write(path: Path, text: str, account: Account) -> None:
    """Put a file of the server's user in place as a whole. A link that lies there is replaced and not followed: as root
    pgdex must not write where another user wants it to."""
    new = path.with_name(f"{path.name}.pgdex")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w") as file:
        if not account.is_ours:
            os.fchown(descriptor, account.uid, account.gid)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    new.rename(path)
