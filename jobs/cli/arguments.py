"""Arguments and options that several commands share."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from pgdex.jobs.cli.timestamps import parsed_moment
from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.repository_path import real_path

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

JOB_ID_HELP = (
    "JOB_ID is a job's id, its first 4 or more characters, or `last` for the newest job of the project. Only jobs of "
    "the project are meant: the one of --project, else the one that `pgdex index` would choose in the present folder."
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
project_of_folder_option = click.option(
    "--project",
    metavar="ID",
    help="The project (default: PGDEX_PROJECT, else what a .pgdex.toml there or above says, else `default`).",
)

project_of_job_option = click.option(
    "--project",
    metavar="ID",
    help="The project whose jobs are meant (default: as for `pgdex index` in the present folder).",
)


class Moment(click.ParamType[datetime]):
    """A point in time: ISO 8601, or an age."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """As `parsed_moment`, with click's error for a wrong one."""
        if isinstance(value, datetime):
            return value
        try:
            return parsed_moment(str(value), now=datetime.now(UTC))
        except ValueError as error:
            self.fail(str(error), param, ctx)


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
