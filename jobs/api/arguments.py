"""Arguments: read as Python programs write them, and refused in their words."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, TypedDict, cast

from pgdex.jobs.client.models import STATUSES, Status
from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.repository_path import real_path

MOST_LISTED: Final = 1000


class Page(TypedDict):
    """A part of a list: at most so many entries, after so many others."""

    limit: int
    offset: int


def text_of(name: str, value: object) -> str:
    """The argument `name` as text, where it is a text or a path. Raises InvalidRequest."""
    if not isinstance(value, str | Path):
        raise InvalidRequest(f"{name} must be text, got {value!r} ({type(value).__name__})")
    return str(value)


def whole_path(name: str, value: object) -> Path:
    """The absolute path that the argument means, links resolved; a relative one begins at the present folder.

    Raises InvalidRequest.
    """
    text = text_of(name, value)
    if not text:
        raise InvalidRequest(f"{name} is empty: give the path of a folder or file")
    try:
        return real_path(text)
    except UnicodeEncodeError:
        raise InvalidRequest(f"{name} is not UTF-8: {text!a}") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise InvalidRequest(f"{name}: {text!r} can't be a path: {error}") from None


def repository_filter(value: object) -> str:
    """What `repo` means: a path where it is a Path or written as one, else a part of a repository's name."""
    text = text_of("repo", value)
    return str(whole_path("repo", text)) if isinstance(value, Path) or text.startswith((".", "~", "/")) else text


def one_ref(**given: str | None) -> None:
    """Raise InvalidRequest where more than one of a branch, a tag and a commit is given."""
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise InvalidRequest(f"only one of {' and '.join(names)} can be indexed at once; start a job for each")


def texts(name: str, value: object) -> tuple[str, ...]:
    """One text or several. Raises InvalidRequest."""
    given = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else (None,)
    if not all(isinstance(one, str) for one in given):
        raise InvalidRequest(f"{name} must be a text or several, got {value!r}")
    return cast("tuple[str, ...]", given)


def require_texts(**given: object) -> None:
    """Raise InvalidRequest where one of these optional arguments is no text."""
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise InvalidRequest(f"{name} must be text, got {value!r} ({type(value).__name__})")


def require_times(**given: object) -> None:
    """Raise InvalidRequest where one of these optional arguments is no datetime with a time zone."""
    for name, value in given.items():
        if value is not None and (not isinstance(value, datetime) or value.tzinfo is None):
            raise InvalidRequest(
                f"{name} must be a datetime with a time zone, such as datetime.now(UTC) - timedelta(days=30), "
                f"got {value!r}"
            )


def number_from(least: int, most: int | None, **given: object) -> int:
    """The one argument given, an integer within these limits. Raises InvalidRequest."""
    ((name, value),) = given.items()
    if isinstance(value, int) and not isinstance(value, bool) and value >= least and (most is None or value <= most):
        return value
    to = "" if most is None else f" to {most}"
    raise InvalidRequest(f"{name} must be an integer from {least}{to}, got {value!r}")


def page_of(*, limit: object, offset: object) -> Page:
    """Which part of a list is asked for. Raises InvalidRequest."""
    return Page(limit=number_from(1, MOST_LISTED, limit=limit), offset=number_from(0, None, offset=offset))


def statuses(given: Status | Sequence[Status]) -> tuple[Status, ...]:
    """One status or several. Raises InvalidRequest."""
    wanted = texts("status", given)
    for one in wanted:
        if one not in STATUSES:
            raise InvalidRequest(f"unknown status {one!r}; the statuses are {', '.join(STATUSES)}")
    return cast("tuple[Status, ...]", wanted)
