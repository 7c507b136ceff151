"""Which project a request means: what it says, PGDEX_PROJECT, a `.pgdex.toml` above the repository, or `default`."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jobs.errors import InvalidRequest
from jobs.settings import Settings

FILE_NAME = ".pgdex.toml"
LARGEST_FILE_BYTES = 64 * 1024
PROJECT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Source = Literal["argument", "PGDEX_PROJECT", ".pgdex.toml", "default"]


@dataclass(frozen=True, slots=True)
class Project:
    """A project's id, and what decided on it."""

    id: str
    source: Source
    file: Path | None = None
    """The `.pgdex.toml` that named it."""

    @property
    def origin(self) -> str:
        """What decided, with the file's path where it was one."""
        return str(self.file) if self.file is not None else self.source


def resolve_project(settings: Settings, *, argument: str | None = None, folder: Path | None = None) -> Project:
    """The project of a request that is about `folder` (or about none).

    Raises InvalidRequest for an id that can't be one, and for a `.pgdex.toml` that can't be read.
    """
    if argument is not None:
        if not PROJECT_ID.fullmatch(argument):
            raise InvalidRequest(
                "a project id is 1 to 100 letters, digits, dots, dashes or underscores and begins with a letter or a "
                f"digit, got {argument!r}"
            )
        return Project(argument, "argument")
    if "project" in settings.model_fields_set:
        return Project(settings.project, "PGDEX_PROJECT")
    file = nearest_file(folder) if folder is not None else None
    if file is not None:
        return Project(_project_in(file), ".pgdex.toml", file)
    return Project(settings.project, "default")


def nearest_file(folder: Path) -> Path | None:
    """The `.pgdex.toml` in `folder` or in the nearest folder above it."""
    for place in (folder, *folder.parents):
        file = place / FILE_NAME
        try:
            if file.is_file():
                return file
        except (OSError, ValueError):
            continue
    return None


def _project_in(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE_BYTES + 1)
        if len(content) > LARGEST_FILE_BYTES:
            raise InvalidRequest(f"{file} is larger than {LARGEST_FILE_BYTES:,} bytes")
        project = tomllib.loads(content.decode()).get("project")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidRequest(f"{file} can't be read: {error}") from None
    if not isinstance(project, str) or not PROJECT_ID.fullmatch(project):
        raise InvalidRequest(
            f'{file} must say project = "ID" with 1 to 100 letters, digits, dots, dashes or underscores, '
            f"got {project!r}"
        )
    return project
