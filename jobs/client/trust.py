"""Which `.pgdex.toml` files the user allowed to choose a project: each by its path and content.

A cloned repository brings such a file along, and it must not put itself into a project of someone's choice: its code
would be found there, in front of what is searched for. So a file counts once the user said so, and a changed one is
asked about again.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pgdex.jobs.client.private_files import create_private, read_private
from pgdex.jobs.errors import InvalidSetting

FOLDER_NAME = "allowed"
SEPARATOR = b"\n"

State = Literal["allowed", "changed", "gone"]


@dataclass(frozen=True, slots=True)
class Allowed:
    """A file that was allowed, and whether it still says what it said then."""

    file: Path
    state: State


def is_allowed(home: Path, file: Path, content: bytes) -> bool:
    """Whether the user allowed `file` with this `content`. Raises InvalidSetting for a note that is not the user's."""
    return read_private(_note(home, file, content)) == _noted(file, content)


def allow(home: Path, file: Path, content: bytes) -> None:
    """Note that `file` with this `content` may choose its project, and forget what it said before.

    Raises InvalidSetting where PGDEX_HOME can't be written.
    """
    kept = _note(home, file, content)
    create_private(kept, _noted(file, content), replace=True)
    _forget(home, file, but=kept)


def revoke(home: Path, file: Path) -> bool:
    """Take back what was allowed to `file`; whether there was anything."""
    return _forget(home, file, but=None)


def allowed_files(home: Path) -> list[Allowed]:
    """Every file that was allowed, by its path."""
    found = []
    for note in _notes(home):
        file, digest = _parsed(note)
        if file is not None:
            found.append(Allowed(file, _state(file, digest)))
    return sorted(found, key=lambda one: str(one.file))


def _forget(home: Path, file: Path, *, but: Path | None) -> bool:
    ours = [note for note in _notes(home) if note != but and _parsed(note)[0] == file]
    for note in ours:
        note.unlink(missing_ok=True)
    return bool(ours)


def _notes(home: Path) -> list[Path]:
    with suppress(OSError):
        return [note for note in (home / FOLDER_NAME).iterdir() if not note.name.startswith(".")]
    return []


def _parsed(note: Path) -> tuple[Path | None, bytes]:
    """The file and the content's digest in a note; no file where it is not one of ours."""
    try:
        digest, separator, path = (read_private(note) or b"").partition(SEPARATOR)
    except InvalidSetting:
        return None, b""
    return (Path(os.fsdecode(path)), digest) if separator else (None, b"")


def _state(file: Path, digest: bytes) -> State:
    try:
        content = file.read_bytes()
    except OSError:
        return "gone"
    return "allowed" if _digest(content) == digest else "changed"


def _note(home: Path, file: Path, content: bytes) -> Path:
    return home / FOLDER_NAME / sha256(_noted(file, content)).hexdigest()


def _noted(file: Path, content: bytes) -> bytes:
    return _digest(content) + SEPARATOR + os.fsencode(file)


def _digest(content: bytes) -> bytes:
    return sha256(content).hexdigest().encode()
