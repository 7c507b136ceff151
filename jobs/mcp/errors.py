"""Every error as one line that an agent can act on: a code, a colon, what is wrong and what to do."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from pydantic import ValidationError

from pgdex.jobs.client.printable import printable
from pgdex.jobs.errors import DatabaseUnavailable, InvalidRequest, JobNotFound, ModelChanged, PgdexError

if TYPE_CHECKING:
    import psycopg

VALIDATION_ERROR = "VALIDATION_ERROR"
DATABASE_ERROR = "DATABASE_ERROR"
EMBEDDER_UNAVAILABLE = "EMBEDDER_UNAVAILABLE"
NOT_ALLOWED = "NOT_ALLOWED"
INTERNAL_ERROR = "INTERNAL_ERROR"
LONGEST_VALUE = 120
LATER = "Running jobs lose nothing and continue on their own; call again in some seconds"


def explained(error: BaseException) -> str:
    """The line for whatever a tool raised."""
    code, message = _code_and_message(error)
    return f"{code}: {printable(message, lines=True)}"


def is_expected(error: BaseException) -> bool:
    """Whether someone thought of this error; the others are logged with their traceback."""
    return _code_and_message(error)[0] != INTERNAL_ERROR


def unknown_arguments(names: Iterable[str], known: Iterable[str]) -> InvalidRequest:
    """The error for arguments that a tool does not have."""
    wrong = ", ".join(repr(name)[:LONGEST_VALUE] for name in sorted(names))
    return InvalidRequest(f"unknown argument {wrong}; this tool's arguments are {', '.join(known)}")


def no_such_job(job_id: object, project: str) -> JobNotFound:
    """The error for an id that the project does not have, whether or not another one has it."""
    return JobNotFound(
        f"there is no job {job_id} in project {project}. list_background_jobs shows the jobs; for a "
        "job of another project pass the project_id that start_indexing_background returned"
    )


def _code_and_message(error: BaseException) -> tuple[str, str]:
    if isinstance(error, ValidationError):
        return VALIDATION_ERROR, _argument_errors(error)
    if isinstance(error, PgdexError):
        return error.code, _advice(error)
    if isinstance(error, ToolError) and not isinstance(error, UnexpectedToolError):
        return VALIDATION_ERROR, f"the client's answer to a question could not be used, and nothing was done: {error}"
    from pgdex.indexer.embedding import EmbedderError

    if isinstance(error, EmbedderError):
        return EMBEDDER_UNAVAILABLE, f"{error}. No job was created; correct it (PGDEX_EMBEDDER…) and call again"
    import psycopg

    if isinstance(error, psycopg.Error):
        return _refusal(error)
    return INTERNAL_ERROR, "something went wrong in pgdex; the log of `pgdex mcp` (its stderr) says what"


def _advice(error: PgdexError) -> str:
    if isinstance(error, ModelChanged):
        return f"{error}. Call again with force_reindex=true to do that, or set PGDEX_EMBEDDER back"
    return f"{error}. {LATER}" if isinstance(error, DatabaseUnavailable) else str(error)


def _refusal(error: "psycopg.Error") -> tuple[str, str]:
    from psycopg import DataError, OperationalError
    from psycopg.errors import InsufficientPrivilege

    from pgdex.jobs.database.outages import refusal_message

    if (refusal := refusal_message(error)) is not None:
        return DATABASE_ERROR, refusal
    reason = " ".join(str(error).split()) or "(no message)"
    if isinstance(error, InsufficientPrivilege):
        return NOT_ALLOWED, f"the database refused: {reason}"
    if isinstance(error, DataError):
        return VALIDATION_ERROR, f"the database can't take that value: {reason}"
    if isinstance(error, OperationalError):
        return DATABASE_ERROR, f"lost the connection to the database: {reason}. {LATER}"
    return DATABASE_ERROR, f"the database refused: {reason}"


def _argument_errors(error: ValidationError) -> str:
    found: dict[str, str] = {}
    for one in error.errors(include_url=False):
        name = str(one["loc"][0]) if one["loc"] else "arguments"
        got = "" if one["type"] == "missing" else f", got {_shown(one['input'])}"
        reason = "is required" if one["type"] == "missing" else one["msg"].removeprefix("Value error, ")
        if one["type"] == "too_long" and isinstance(one["input"], str):  # pydantic's own sentence is about items
            reason = f"has more than {one['ctx']['max_length']:,} characters"
        found.setdefault(name, f"{name}: {reason}{got}")
    return "; ".join(found.values())


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
