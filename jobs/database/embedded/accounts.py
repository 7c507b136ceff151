"""The OS user that the server runs as. PostgreSQL refuses to run as root, so root's servers run as `pgserver`."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from pgdex.jobs.database.embedded.locks import take_lock
from pgdex.jobs.database.embedded.paths import HomePaths
from pgdex.jobs.errors import DatabaseUnavailable

NAME = "pgserver"
USER_LOCK = Path("/var/run/pgdex-user.lock")
USER_LOCK_SECONDS = 60.0
# What a program of PostgreSQL may inherit. All else (PGDATA, PGOPTIONS, LC_ALL, TZ, other programs' keys) is meant for
# someone else. The NSS_WRAPPER_ ones give a name to a user of a container who has none.
INHERITED = ("PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")


class Account(NamedTuple):
    """An OS user; `name` is None where the system knows only the number."""

    uid: int
    gid: int
    name: str | None

    @property
    def is_ours(self) -> bool:
        """Whether this process runs as it."""
        return self.uid == os.geteuid()


def server_account(paths: HomePaths) -> Account:
    """Who runs the server: this user; as root the owner of the data or of the home, or else `pgserver`, who is made.

    Raises DatabaseUnavailable where the data belong to someone else.
    """
    require_own_data(paths)
    if os.geteuid() != 0:
        return _account(os.geteuid())
    for known in (_owner(paths.data), _owner(paths.home)):
        if known:  # neither missing nor root's
            return _account(known)
    return _made_account()


def require_own_data(paths: HomePaths) -> None:
    """Raise DatabaseUnavailable where the data belong to someone else; root may use everyone's."""
    owner = _owner(paths.data)
    if os.geteuid() != 0 and owner not in (None, os.geteuid()):
        raise DatabaseUnavailable(
            f"the database in {paths.data} belongs to the OS user {_called(owner)}, and you are "
            f"{_called(os.geteuid())}: run pgdex as that user, or set PGDEX_HOME to a folder of your own"
        )


def as_account(account: Account) -> dict[str, Any]:
    """How to start a program as that user: without root's groups, and with an environment that can't mislead it."""
    environment = {name: value for name, value in os.environ.items() if name in INHERITED}
    environment |= {name: value for name, value in os.environ.items() if name.startswith("NSS_WRAPPER_")}
    options: dict[str, Any] = {"env": environment | {"LC_ALL": "C"}, "cwd": "/", "stdin": subprocess.DEVNULL}
    if not account.is_ours:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return options


def require_open_path(paths: HomePaths, account: Account) -> None:
    """Let the server's user through to its data. Only the home itself is opened; no other folder's permissions change.

    Raises DatabaseUnavailable where a folder above it is closed.
    """
    if account.is_ours:
        return
    mode = paths.home.stat().st_mode
    if not may_pass(paths.home, account):
        paths.home.chmod(mode | stat.S_IXGRP | stat.S_IXOTH)
    for folder in paths.home.resolve().parents:
        if not may_pass(folder, account):
            raise DatabaseUnavailable(
                f"PGDEX_HOME={paths.home} lies in {folder}, which is closed to other users. As root the embedded "
                f"PostgreSQL runs as the user {account.name or account.uid} and could not get there: choose a folder "
                "such as /var/lib/pgdex"
            )


def may_pass(folder: Path, account: Account) -> bool:
    """Whether that user may go through a folder, as its permission bits have it."""
    found = folder.stat()
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    return bool(found.st_mode & (stat.S_IXGRP if found.st_gid == account.gid else stat.S_IXOTH))


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None


def _account(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(uid, os.getegid() if uid == os.geteuid() else uid, None)
    return Account(uid, entry.pw_gid, entry.pw_name)


def _called(uid: int | None) -> str:
    return _account(uid).name or f"number {uid}" if uid is not None else "unknown"


def _made_account() -> Account:
    """One process of the machine at a time, whatever its home: of two that find no user, the second would go on with
    the number of an account that is half made."""
    lock: int | None
    try:
        lock = take_lock(USER_LOCK, seconds=USER_LOCK_SECONDS)
    except OSError:  # a system whose /run is missing or read-only: the user is there, or can't be made
        lock = None
    try:
        try:
            entry = pwd.getpwnam(NAME)
        except KeyError:
            _make_user()
            entry = pwd.getpwnam(NAME)
    finally:
        if lock is not None:
            os.close(lock)
    return Account(entry.pw_uid, entry.pw_gid, NAME)


def _make_user() -> None:
    program = shutil.which("useradd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    advice = (
        f"as root the embedded PostgreSQL runs as the OS user {NAME}, who could not be created: create that user, run "
        f"pgdex as someone other than root, or set PGDEX_DATABASE_URL"
    )
    if program is None or sys.platform != "linux":
        raise DatabaseUnavailable(f"{advice} (there is no useradd here)")
    made = subprocess.run(
        [program, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "--user-group", NAME],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise DatabaseUnavailable(f"{advice} ({' '.join(made.stderr.split()) or f'exit code {made.returncode}'})")
