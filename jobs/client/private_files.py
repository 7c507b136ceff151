"""Files in PGDEX_HOME that only their owner may read: a token, what the user allowed.

Whoever else can write such a file decides for the user, so one that is not ours alone is refused and never mended.
"""

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from pgdex.jobs.errors import InvalidSetting

LARGEST_BYTES = 64 * 1024
NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def read_private(path: Path) -> bytes | None:
    """The content of `path`; None where there is no such file.

    Raises InvalidSetting for one that is a link, not a plain file, another user's, or open to others.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidSetting(f"{path} can't be used: {error.strerror}. Remove it, and it is created again") from None
    try:
        _require_ours(path, os.fstat(descriptor))
        return os.read(descriptor, LARGEST_BYTES)
    finally:
        os.close(descriptor)


def create_private(path: Path, content: bytes, *, replace: bool = False) -> bool:
    """Make `path` with `content`, whole or not at all; False where it exists and is not to be replaced.

    Raises InvalidSetting where its folder can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Its own name first: nobody ever sees half a file, and of two processes that make it one wins.
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        _write_new(draft, content)
    except OSError as error:
        raise InvalidSetting(
            f"{path} can't be written: {error.strerror}. PGDEX_HOME must be a folder that you can write to"
        ) from None
    try:
        if replace:
            draft.replace(path)
        else:
            _link(draft, path, content)
    except FileExistsError:
        return False
    except OSError as error:
        raise InvalidSetting(f"{path} can't be written: {error.strerror}") from None
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    return True


def _link(draft: Path, path: Path, content: bytes) -> None:
    try:
        os.link(draft, path)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        _write_new(path, content)


def _write_new(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _require_ours(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise InvalidSetting(f"{path} is not a plain file: remove it, and it is created again")
    if os.name == "nt":
        return  # its permissions are those of the user's own folder
    if found.st_uid != os.geteuid():
        raise InvalidSetting(
            f"{path} belongs to another user (number {found.st_uid}): remove it, and it is created again, or set "
            "PGDEX_HOME to a folder of your own"
        )
    if found.st_mode & 0o077:
        raise InvalidSetting(
            f"{path} is open to other users (mode {stat.S_IMODE(found.st_mode):03o}), who may have read or changed "
            "it: remove it, and it is created again"
        )
