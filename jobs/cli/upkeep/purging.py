"""Deleting what pgdex keeps on this machine for one user: what it recognises as its own, and nothing else."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pgdex.jobs.cli.upkeep.home_parts import MEANINGS, Part, bytes_on_disk, home_parts, is_home
from pgdex.jobs.errors import InvalidRequest, PgdexError
from pgdex.jobs.settings import Settings


@dataclass(frozen=True, slots=True)
class Doomed:
    """One file or folder to be deleted, what it is, and its bytes on disk."""

    part: Part
    bytes: int

    @property
    def meaning(self) -> str:
        """What it is, in words."""
        return MEANINGS[self.part.kind]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be deleted in a home, and what stays there because pgdex did not make it."""

    home: Path
    doomed: tuple[Doomed, ...]
    others: tuple[Path, ...]

    @property
    def bytes(self) -> int:
        """Of all that would be deleted."""
        return sum(one.bytes for one in self.doomed)


def plan(settings: Settings, *, progress: Callable[[], object] = lambda: None) -> Plan:
    """What there is to delete. Raises PgdexError where the folder can't be listed, InvalidRequest where it is not ours
    or does not look like a PGDEX_HOME."""
    home = settings.home
    try:
        parts, others = home_parts(home)
        owner = home.stat().st_uid if parts or others else None
    except OSError as error:
        raise PgdexError(f"{home} can't be listed: {error.strerror}. `pgdex config` shows what PGDEX_HOME is") from None
    if owner is not None and hasattr(os, "geteuid") and os.geteuid() not in (0, owner):
        raise InvalidRequest(f"{home} belongs to another user: only that user can uninstall what is in it")
    if not parts and not others:
        return Plan(home, (), ())
    if not is_home(parts):
        raise InvalidRequest(
            f"{home} does not look like a folder of pgdex's (PGDEX_HOME): nothing in it is deleted. Is PGDEX_HOME set "
            "as it was when you used pgdex? `pgdex config` shows it"
        )
    doomed = tuple(Doomed(part, bytes_on_disk(part.path, progress=progress)[0]) for part in parts)
    return Plan(home, doomed, tuple(others))


def purge(planned: Plan) -> list[str]:
    """Delete what was planned, and the home itself where nothing else is in it; returns what could not be deleted, each
    with its reason. Stop what runs there first.

    Links are not followed. Locks go last: who starts pgdex meanwhile still meets them.
    """
    failures: list[str] = []

    def failed(_function: object, path: str, error: BaseException) -> None:
        if not isinstance(error, FileNotFoundError):
            failures.append(f"{path}: {getattr(error, 'strerror', None) or error}")

    for one in sorted(planned.doomed, key=lambda one: one.part.kind == "locks"):
        path = one.part.path
        if path.is_dir() and not path.is_symlink():
            _delete_folder(path, failed)
            continue
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            failures.append(f"{path}: {error.strerror}")
    if not planned.others and not failures:
        try:
            planned.home.rmdir()
        except FileNotFoundError:
            pass
        except OSError as error:
            failures.append(f"{planned.home}: {error.strerror}")
    return failures


def _delete_folder(path: Path, failed: Callable[[object, str, BaseException], None]) -> None:
    if sys.version_info >= (3, 12):
        shutil.rmtree(path, onexc=failed)
    else:
        shutil.rmtree(path, onerror=lambda function, name, info: failed(function, name, info[1]))


def how_to_remove_the_program() -> str:
    """The command that removes this installation of the program itself."""
    prefix = Path(sys.prefix)
    if "uv" in prefix.parts and "tools" in prefix.parts:
        return "uv tool uninstall pgdex"
    if "pipx" in prefix.parts:
        return "pipx uninstall pgdex"
    return f"{sys.executable} -m pip uninstall pgdex"
