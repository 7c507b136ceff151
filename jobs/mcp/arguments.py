"""The arguments of the tools: their types, limits, and descriptions for a model that has never seen pgdex."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from pgdex.jobs.client.models import STATUSES, Status
from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.repository_path import real_path

LONGEST_PATH = 4096
LONGEST_TEXT = 4000
LARGEST_OFFSET = 1_000_000_000


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain a NUL character")
    return text


def _with_zone(timestamp: datetime) -> datetime:
    return timestamp if timestamp.tzinfo is not None else timestamp.replace(tzinfo=UTC)


def _iso_text(value: Any) -> Any:
    """Numbers are no dates: pydantic would read them as seconds since 1970."""
    if isinstance(value, datetime) or value is None:
        return value
    if not isinstance(value, str) or value.strip().lstrip("+-").replace(".", "", 1).isdigit():
        raise ValueError("must be a date and time such as 2026-11-21T14:30:00Z")
    return value


def _statuses(value: Any) -> Any:
    """One status, or several: as a list, or with commas between them."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list) or any(status not in STATUSES for status in value):
        raise ValueError(f"must be one or several of {', '.join(STATUSES)}")
    return value


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty")
    return text


def _countable(offset: int) -> int:
    """PostgreSQL counts no further; no list is so long that a schema would have to say it."""
    if offset > LARGEST_OFFSET:
        raise ValueError(f"must be at most {LARGEST_OFFSET:,}")
    return offset


# Optional ones have no least length: what a client leaves empty is not given (given.py), and its schema says so.
Text = Annotated[str, AfterValidator(_storable)]
Required = Annotated[Text, AfterValidator(_not_blank)]

# Every description is paid for by every agent before its first call: an argument that several tools have is described
# in the first of them (tests/unit/test_tool_definitions.py counts).
RepoPath = Annotated[
    Required,
    Field(max_length=LONGEST_PATH, description="Absolute path, or git address (https, ssh, user@host:path)."),
]
Workspace = Annotated[
    Text | None,
    Field(
        max_length=200,
        description="Workspace that keeps repositories apart; omit unless the user has several, then pass it to every "
        "tool.",
    ),
]
ProjectId = Annotated[Text | None, Field(max_length=200)]
DescribedJobId = Annotated[Required, Field(max_length=100, description="Or its first 4+ characters.")]
JobId = Annotated[Required, Field(max_length=100)]
RepoFilter = Annotated[Text | None, Field(max_length=LONGEST_PATH)]
Limit = Annotated[int, Field(ge=1, le=100)]
Offset = Annotated[int, Field(ge=0), AfterValidator(_countable)]
Statuses = Annotated[
    list[Status],
    BeforeValidator(_statuses),
    WithJsonSchema({"type": "array", "items": {"type": "string", "enum": list(STATUSES)}}),
]
Timestamp = Annotated[
    datetime,
    BeforeValidator(_iso_text),
    AfterValidator(_with_zone),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def absolute_path(path: str) -> str:
    """`path` as the database names it: absolute, without links and `..`. Raises InvalidRequest."""
    try:
        if not Path(path).expanduser().is_absolute():
            raise InvalidRequest(f"repo_path must be absolute, got {path!r}")
        return str(real_path(path))
    except (OSError, RuntimeError, ValueError) as error:
        raise InvalidRequest(f"repo_path can't be a folder's path, got {path!r}: {error}") from None
