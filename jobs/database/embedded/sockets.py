"""The folder of the server's socket: only the server's user and root may enter it."""

import os
import stat
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from pgdex.jobs.database.embedded.accounts import Account, may_pass
from pgdex.jobs.database.embedded.answers import SOCKET_NAME
from pgdex.jobs.database.embedded.paths import SOCKET_FOLDER_PREFIX, HomePaths
from pgdex.jobs.errors import DatabaseUnavailable

LONGEST_PATH = 103 if sys.platform == "darwin" else 107  # bytes of a socket's path


def url(folder: Path) -> str:
    """The server's address, for libpq."""
    return f"postgresql://postgres@/postgres?host={quote(str(folder), safe='/')}"


def fits(folder: Path) -> bool:
    """Whether libpq can name a socket in this folder: short enough, text, and no comma, which separates hosts."""
    try:
        name = str(folder / SOCKET_NAME).encode()
    except UnicodeEncodeError:
        return False
    return len(name) <= LONGEST_PATH and "," not in str(folder)


def usual_folder(paths: HomePaths) -> Path:
    """Where the socket of this home lies, unless someone has taken that paths.

    In the home; where that is too long, in the runtime folder of the user, under a name made of the home's path.
    """
    if fits(paths.own_socket_folder):
        return paths.own_socket_folder
    digest = sha256(os.fsencode(paths.home)).hexdigest()[:16]
    return _runtime_folder() / f"{SOCKET_FOLDER_PREFIX}{os.geteuid()}-{digest}"


def is_ours(folder: Path, paths: HomePaths) -> bool:
    """Whether only this user, root or the owner of the data may put something into the folder."""
    try:
        found = folder.lstat()
        owner = paths.data.stat().st_uid
    except OSError:
        return False
    others_write = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(found.st_mode) and found.st_uid in (0, os.geteuid(), owner) and not others_write


def make_folder(paths: HomePaths, account: Account) -> Path:
    """The folder for a new server's socket, which nobody but its user (and root) can enter; what an earlier server left
    in it is gone. Raises OSError, DatabaseUnavailable."""
    folder = usual_folder(paths)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not _is_private(folder, account):
            # Made by someone else, who could read along. One of ours whose user has changed is not worth a thought.
            folder = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
    if not account.is_ours:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
    if not fits(folder):
        raise DatabaseUnavailable(
            f"the path of the embedded PostgreSQL's socket would be too long or odd ({folder}): set PGDEX_HOME to a "
            "shorter path"
        )
    for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
        (folder / name).unlink(missing_ok=True)
    return folder


def _is_private(folder: Path, account: Account) -> bool:
    """A real folder, of the server's user or root, that nobody else may enter."""
    found = folder.lstat()
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid in (account.uid, os.geteuid())
        and not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    )


def _runtime_folder() -> Path:
    """The user's own runtime folder; root's is closed to the server's user, so for root that of the system."""
    if os.geteuid() == 0:
        run = Path("/run")
        return run if run.is_dir() and os.access(run, os.W_OK) else Path("/tmp")  # noqa: S108 (a private folder is made in it)
    own = os.environ.get("XDG_RUNTIME_DIR")
    if own:
        folder = Path(own)
        account = Account(os.geteuid(), os.getegid(), None)
        if folder.is_absolute() and folder.is_dir() and _is_private(folder, account) and may_pass(folder, account):
            return folder
    if sys.platform == "darwin":
        return Path(tempfile.gettempdir())
    # Shorter than what TMPDIR may say, and the same for every shell of the user.
    return Path("/tmp")  # noqa: S108 (a private folder is made in it)
