"""What goes wrong outside of tools, as errors of the protocol: the same line that a tool's error has, with a number."""

import logging
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS
from pydantic import ValidationError

from pgdex.jobs.errors import InvalidRequest, JobNotFound
from pgdex.jobs.logging import fields
from pgdex.jobs.mcp.errors import explained, is_expected

LONGEST_SUBJECT = 100

Kinds = set[type[BaseException]]

logger = logging.getLogger("pgdex.mcp")


def protocol_error(error: BaseException, *, about: str, data: Any = None, traced: Kinds | None = None) -> MCPError:
    """The error for the client, and a line in the log; with the traceback where nobody thought of it.

    Who tries again and again keeps `traced`, the kinds of errors whose traceback is in the log: one is there once.
    INVALID_PARAMS (-32602) where the request was wrong, else INTERNAL_ERROR (-32603). `about` says what was asked for.
    """
    told = explained(error)
    subject = about[:LONGEST_SUBJECT]
    if is_expected(error):
        logger.info(told, extra=fields(action="request_failed", request=subject))
    elif traced is not None and type(error) in traced:
        logger.error(
            "%s (again: %s)", told, type(error).__name__, extra=fields(action="request_crashed", request=subject)
        )
    else:
        if traced is not None:
            traced.add(type(error))
        logger.error(told, exc_info=error, extra=fields(action="request_crashed", request=subject))
    is_clients = isinstance(error, InvalidRequest | JobNotFound | ValidationError)
    return MCPError(code=INVALID_PARAMS if is_clients else INTERNAL_ERROR, message=told, data=data)
