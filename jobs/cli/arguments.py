"""Arguments and options that several commands share."""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from pgdex.jobs.cli.completing import choices
from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.repository_path import real_path

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
AGE = re.compile(r"(?:\d+[smhdw])+")
PART = re.compile(r"(\d+)([smhdw])")

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

JOB_ID_HELP = (
    "JOB_ID is a job's id, its first 4 or more characters, or `last` for the project's newest job. Only jobs in the "
    "project count: that of --project, or else the one that `pgdex index` would choose in the current folder."
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
project_of_folder_option = click.option(
    "--project",
    metavar="ID",
    shell_complete=choices.projects,
    help="The project (default: PGDEX_PROJECT, else the one that a .pgdex.toml there or above names, else `default`).",
)

project_of_job_option = click.option(
    "--project",
    metavar="ID",
    shell_complete=choices.projects,
    help="The project of the job (default: as for `pgdex index` in the current folder).",
)


class Timestamp(click.ParamType[datetime]):
    """A point in time: ISO 8601, or an age."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """As `parse_timestamp`, with click's error for a wrong one."""
        if isinstance(value, datetime):
            return value
        try:
            return parse_timestamp(str(value), now=datetime.now(UTC))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def parse_timestamp(text: str, *, now: datetime) -> datetime:
    """The timestamp that `text` means: ISO 8601 (local time where it names no zone), or an age such as "2h" or "1d12h".

    `now` is aware; so is the result. Raises ValueError with a message for the user.
    """
    given = text.strip()
    if AGE.fullmatch(given.lower()):
        parts = PART.findall(given.lower())
        try:
            age = sum((timedelta(**{UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
            return now - age
        except OverflowError:
            raise ValueError(f"{text!r} is too long ago") from None
    try:
        timestamp = datetime.fromisoformat(given)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a valid time: use an age such as 30m, 2h, 3d or 1w, or ISO 8601 such as "
            "2026-11-21 or 2026-11-21T14:30+01:00"
        ) from None
    try:
        return timestamp.astimezone(UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError(f"{text!r} is outside the supported range of dates") from None


def absolute_folder(path: str) -> Path:
    """`path` as an absolute one, from the folder that the user stands in; links and `..` are resolved.

    Raises InvalidRequest for a name that no database text can hold.
    """
    try:
        return real_path(path)
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"the name of the folder {os.fsencode(error.object)!r} is not UTF-8: rename it") from None


def repository_filter(text: str) -> str:
    """What --repo means: a path where it is written as one, else a part of a repository's name."""
    if text.startswith((".", "~", "/")):
        return str(absolute_folder(text))
    return text
