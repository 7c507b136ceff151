"""Asking the user before something is lost, through a client that can do so."""

from typing import TypeVar

from mcp.server.mcpserver import Context, ElicitationResult
from mcp.server.mcpserver.resolve import AcceptedElicitation
from pydantic import BaseModel

Consent = TypeVar("Consent", bound=BaseModel)


class NotAsked(BaseModel):
    """The client can't ask its user, or there is nothing to ask."""


def can_ask(context: Context) -> bool:
    """Whether the client said that it can show a form to its user (an empty capability means that it can)."""
    capabilities = context.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def was_asked(answer: ElicitationResult[Consent]) -> bool:
    """Whether the user saw the question, whatever came of it."""
    return not (isinstance(answer, AcceptedElicitation) and isinstance(answer.data, NotAsked))
