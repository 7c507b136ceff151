"""Asking the user before something is lost: the client does where it can; else the model must, and confirms."""

from typing import Annotated

from mcp.server.mcpserver import Context, Elicit, ElicitationResult
from mcp.server.mcpserver.resolve import AcceptedElicitation
from pydantic import BaseModel, Field

Confirmed = Annotated[bool, Field(description="True only once the user agreed; else nothing is changed.")]


class Consent(BaseModel):
    """What a user is asked for."""

    agreed: bool = Field(description="Yes, do this")


class NotAsked(BaseModel):
    """The client can't ask its user, or there is nothing to ask."""


def is_to_be_asked(context: Context, *, confirmed: bool) -> bool:
    """Whether the user has to see a question: nobody has confirmed, and the client said that it can show a form (an
    empty capability means that it can)."""
    capabilities = context.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    can_ask = elicitation is not None and (elicitation.form is not None or elicitation.url is None)
    return can_ask and not confirmed


def asked(question: str) -> Elicit[Consent]:
    """The question as the client gets it. The words must be the same whenever it is asked again: under protocol
    2026-07-28 an answer counts only for the question that is asked when it comes back."""
    return Elicit(question, Consent)


def says_yes(answer: ElicitationResult[Consent]) -> bool:
    """Whether the user saw the question and agreed."""
    return isinstance(answer, AcceptedElicitation) and isinstance(answer.data, Consent) and answer.data.agreed


def was_asked(answer: ElicitationResult[Consent]) -> bool:
    """Whether the user saw the question, whatever came of it."""
    return not (isinstance(answer, AcceptedElicitation) and isinstance(answer.data, NotAsked))
