"""Other programs' configuration files on the disk: read whole, exchanged whole, with what they are (mode, owner, link)
left as it is.

Text is UTF-8 with surrogateescape and without any translation of line ends, so what is not touched comes back byte for
byte.
"""

import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pgdex.jobs.errors import PgdexError

BACKUP_SUFFIX = ".before-pgdex"
LOCK_SECONDS = 30.0


class FileRefused(PgdexError):
    """A file can't be read or written; the message says why and, where that helps, what to do."""


class FileChanged(FileRefused):
    """Somebody else wrote the file between our reading and our writing."""


def real(path: Path) -> Path:
    """The file itself, behind links, existing or not."""
    return Path(os.path.realpath(path))


def encoded(text: str) -> bytes:
    """The bytes of a text that `read` returned, or of one made from it."""
    return text.encode("utf-8", "surrogateescape")


def read(path: Path) -> str | None:
    """The content; None where there is no file. Raises FileRefused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise FileRefused(f"{path} can't be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileRefused(f"{path} is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        try:
            content = file.read()
        except OSError as error:
            raise FileRefused(f"{path} can't be read: {error.strerror}") from None
    if b"\0" in content:
        raise FileRefused(f"{path} is not a UTF-8 text file")
    return content.decode("utf-8", "surrogateescape")


def require_writable(path: Path) -> None:
    """Raises FileRefused where the file, or the folder that it would be made in, is not to be written.

    The mode decides, also for root: who made a file read-only (a dotfile manager, Nix) will put it back."""
    folder = path.parent
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise FileRefused(f"{path} can't be made: {folder} is not a folder")
    if os.path.lexists(path) and not path.stat().st_mode & 0o222:
        raise FileRefused(
            f"{path} is read-only. If another program manages it, add the entry there; else make it writable "
            f"(chmod u+w) and run this again"
        )
    if not os.access(folder, os.W_OK | os.X_OK) or not folder.stat().st_mode & 0o222:
        raise FileRefused(f"{path} can't be written: the folder {folder} is read-only for you")
    if os.path.lexists(path) and not os.access(path, os.W_OK):
        raise FileRefused(f"{path} can't be written by you: it belongs to user number {path.stat().st_uid}")


def backup_of(path: Path) -> Path:
    """Where the former content is kept while the file is being written."""
    return path.with_name(path.name + BACKUP_SUFFIX)


def missing_folders(path: Path) -> list[Path]:
    """The folders that a file would need and that are not there, the outermost last."""
    return [folder for folder in path.parents if not folder.is_dir()]


def write(path: Path, text: str, *, expected: str | None, private: bool = False) -> None:
    """Exchange the content, which must still be `expected` (None: no file).

    A new file is readable for its owner only if `private`. The former content stays beside the file until the new one
    is read back. Raises FileRefused, FileChanged.
    """
    path = real(path)
    try:
        _make_folders(path, mode=(0o711 if os.geteuid() == 0 else 0o700) if private else 0o777)
        if read(path) != expected:
            raise FileChanged(f"{path} was changed by another program just now: run this again")
        backup = _back_up(path) if expected is not None else None
        try:
            _exchange(path, encoded(text), expected=expected, private=private)
        except FileChanged:
            if backup is not None:
                backup.unlink(missing_ok=True)
            raise
        if read(path) != text:
            raise FileChanged(
                f"{path} was changed by another program just now"
                + (f"; the former content is in {backup}" if backup else "")
            )
        if backup is not None:
            backup.unlink(missing_ok=True)
    except OSError as error:
        raise FileRefused(f"{path} can't be written: {error.strerror or error}") from None


def remove(path: Path, *, expected: str) -> None:
    """Remove a file whose content must still be `expected`. Raises FileRefused, FileChanged."""
    if read(path) != expected:
        raise FileChanged(f"{path} was changed by another program just now: run this again")
    try:
        path.unlink()
    except OSError as error:
        raise FileRefused(f"{path} can't be removed: {error.strerror}") from None


def remove_empty(folders: list[Path]) -> list[Path]:
    """Remove those folders that are empty, the deepest first; returns those that are still there."""
    for folder in sorted(folders, key=lambda one: len(one.parts), reverse=True):
        with suppress(OSError):
            folder.rmdir()
    return [folder for folder in folders if folder.is_dir()]


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder that exists, without leaving a file in it. Raises FileRefused if another process has held
    it for LOCK_SECONDS. A file system without locks is used without."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise FileRefused(f"the folder {folder} can't be used: {error.strerror}") from None
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise FileRefused(f"another `pgdex install` is at work in {folder}: wait for it to end") from None
            time.sleep(0.1)
        except OSError:
            return
        else:
            return


def _make_folders(path: Path, *, mode: int) -> None:
    for folder in reversed(missing_folders(path)):
        folder.mkdir(mode=mode, exist_ok=True)  # as root others may pass: the embedded server runs as another user


def _back_up(path: Path) -> Path:
    backup = backup_of(path)
    descriptor = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(path.read_bytes())
        file.flush()
        os.fsync(file.fileno())
    return backup


def _exchange(path: Path, content: bytes, *, expected: str | None, private: bool) -> None:
    before = path.stat() if path.exists() else None
    if before is not None and before.st_nlink > 1:
        with path.open("r+b") as file:  # a hard link (some dotfile managers): a new file would tear it off the others
            file.write(content)
            file.truncate()
        return
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if before is not None:
            with suppress(PermissionError):
                os.chown(name, before.st_uid, before.st_gid)
            os.chmod(name, stat.S_IMODE(before.st_mode))
        elif not private:
            os.chmod(name, 0o666 & ~_umask())
        if read(path) != expected:  # agents write these files too, and waiting for the disk takes its time
            raise FileChanged(f"{path} was changed by another program just now: run this again")
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
