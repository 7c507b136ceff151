"""Which project a request means: what it says, PGDEX_PROJECT, a `.pgdex.toml` that the user allowed, or `default`."""

import os
import re
import shlex
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pgdex.jobs.client.trust import is_allowed
from pgdex.jobs.errors import InvalidRequest, InvalidSetting
from pgdex.jobs.settings import PROJECT_ID, Settings

FILE_NAME = ".pgdex.toml"
LARGEST_FILE_BYTES = 64 * 1024

Source = Literal["argument", "PGDEX_PROJECT", ".pgdex.toml", "default"]


@dataclass(frozen=True, slots=True)
class Project:
    """A project's id, and what decided on it."""

    id: str
    source: Source
    file: Path | None = None
    """The `.pgdex.toml` that named it."""
    notes: tuple[str, ...] = ()
    """What the user should know of files that were not believed."""

    @property
    def origin(self) -> str:
        """What decided, with the file's path where it was one."""
        return str(self.file) if self.file is not None else self.source


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """A `.pgdex.toml` as it was read: what is judged and what is allowed are the same bytes."""

    path: Path
    content: bytes

    def project(self) -> str:
        """The project that it names. Raises InvalidRequest where it names none."""
        try:
            project = tomllib.loads(self.content.decode()).get("project")
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidRequest(f"{self.path} can't be read: {error}") from None
        except RecursionError:
            raise InvalidRequest(f"{self.path} can't be read: it is nested too deeply") from None
        if not isinstance(project, str) or not re.fullmatch(PROJECT_ID, project):
            raise InvalidRequest(
                f'{self.path} must say project = "ID" with 1 to 100 letters, digits, dots, dashes or underscores, '
                f"got {str(project)[:200]!r}"
            )
        return project


def resolve_project(settings: Settings, *, argument: str | None = None, folder: Path | None = None) -> Project:
    """The project of a request that is about `folder` (or about none).

    A `.pgdex.toml` in the folder or above it counts only where the user allowed it (`pgdex allow`); one that was not
    changes nothing, and is told of in `notes`. Raises InvalidRequest for an id that can't be one.
    """
    if argument is not None:
        return Project(checked_id(argument), "argument")
    if "project" in settings.given:
        return Project(settings.project, "PGDEX_PROJECT")
    ignored: list[tuple[Path, str | None]] = []
    for path in project_files(folder) if folder is not None else ():
        try:
            file = read_project_file(path)
            project = file.project()
            if is_allowed(settings.home, path, file.content):
                return Project(project, ".pgdex.toml", path, _notes(ignored, used=project))
            ignored.append((path, project))
        except InvalidRequest:
            ignored.append((path, None))  # why is for `pgdex allow` to say: nothing of such a file is repeated here
        except InvalidSetting as error:
            raise InvalidSetting(f"{error}. It lists the .pgdex.toml files that may choose a project") from None
    return Project(settings.project, "default", notes=_notes(ignored, used=settings.project))


def checked_id(project: str) -> str:
    """`project`, where it can be a project's id. Raises InvalidRequest."""
    if not re.fullmatch(PROJECT_ID, project):
        raise InvalidRequest(
            "a project id is 1 to 100 letters, digits, dots, dashes or underscores and begins with a letter or a "
            f"digit, got {project!r}"
        )
    return project


def project_files(folder: Path) -> Iterator[Path]:
    """The `.pgdex.toml` in `folder` and in each folder above it, the nearest first."""
    for place in (folder, *folder.parents):
        file = place / FILE_NAME
        try:
            if file.is_file():
                yield file
        except (OSError, ValueError):
            continue


def read_project_file(path: Path) -> ProjectFile:
    """Read a `.pgdex.toml`. Raises InvalidRequest for one that can't be read or is too large."""
    try:
        # Not to be held up by a pipe that was put there since.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise InvalidRequest(f"{path} is not a plain file")
            content = opened.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidRequest(f"{path} can't be read: {error}") from None
    if len(content) > LARGEST_FILE_BYTES:
        raise InvalidRequest(f"{path} is larger than {LARGEST_FILE_BYTES:,} bytes")
    return ProjectFile(path, content)


def _notes(ignored: list[tuple[Path, str | None]], *, used: str) -> tuple[str, ...]:
    return tuple(
        f"{path} was ignored, because it has not been allowed to choose the project "
        f"({f'it names {wanted}' if wanted else 'it names no usable one'}; {used} is used). If you trust it: "
        f"pgdex allow {shlex.quote(str(path))}"
        for path, wanted in ignored
        if wanted != used
    )
