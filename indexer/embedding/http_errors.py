"""An HTTP answer that is no success, as an error that says what to do about it."""

from __future__ import annotations

import contextlib
import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pgdex.indexer.embedding.errors import (
    EmbedderError,
    EmbedderMisconfigured,
    EmbedderUnavailable,
    InvalidEmbedderResponse,
    RequestTooLarge,
)
from pgdex.indexer.embedding.service import without_secrets

if TYPE_CHECKING:
    from pgdex.indexer.embedding.service import Service

_EXCERPT: Final = 300

# Answers that ask for patience, besides those from 500 on.
_LATER: Final = frozenset({408, 423, 425, 429})
# The two above 500 that no waiting changes: this server can't do it (Ollama: the model embeds
# nothing), or not in this version of HTTP.
_NEVER: Final = frozenset({501, 505})

# How OpenAI, Ollama, vLLM, text-embeddings-inference, llama.cpp and LiteLLM say it, with status
# 400, 413, 422 or 500.
_TOO_LONG: Final = re.compile(
    r"context (length|size|window)|too (long|large)|too many (input )?tokens"
    r"|(less|fewer) than \d+ tokens|max\w* [^.]{0,30}tokens|tokens per request"
    r"|input length|exceeds? [^.]{0,30}(tokens|length)",
    re.IGNORECASE,
)
_TOO_MANY: Final = re.compile(r"batch size|too many (inputs|texts|items)|array too long", re.I)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service sent back."""

    status: int
    body: bytes
    content_type: str = ""
    retry_after: str | None = None
    retry_after_ms: str | None = None
    location: str | None = None


def parsed(answer: Answer, service: Service) -> object:
    """The JSON of a successful answer. Raises an EmbedderError for every other answer."""
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise error_for(answer, service)
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        said = _excerpt(answer, service)
        kind = answer.content_type.partition(";")[0].strip() or "no content type"
        raise InvalidEmbedderResponse(
            f"{service} answered with something that is not JSON ({kind}){said}: check the URL"
        ) from None


def error_for(answer: Answer, service: Service) -> EmbedderError:
    """What an answer that is no success means."""
    status, said = answer.status, _excerpt(answer, service)
    if status in (400, 413, 422, 500):
        too_many = _TOO_MANY.search(said) is not None
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or too_many or _TOO_LONG.search(said):
            return RequestTooLarge(f"{service} refused a text as too long ({status}){said}", too_many_texts=too_many)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and "unsupported value: NaN" in said:
        return InvalidEmbedderResponse(
            f"{service} computed a vector that holds NaN ({status}){said}: "
            "try another model, or another version of the service"
        )
    if status in _LATER or (status >= HTTPStatus.INTERNAL_SERVER_ERROR and status not in _NEVER):
        return _unavailable(answer, service, said)
    return EmbedderMisconfigured(_what_to_change(answer, service, said))


def retry_after_seconds(value: str | None, *, now: datetime | None = None) -> float | None:
    """A Retry-After header, in seconds from now; None if there is none or it can't be read.

    It holds seconds or an HTTP date. A date in the past is 0.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, OverflowError, IndexError, TypeError):  # it checks nothing itself
            return None
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _unavailable(answer: Answer, service: Service, said: str) -> EmbedderUnavailable:
    seconds = _asked_to_wait(answer)
    wait = "" if seconds is None else f"; it asks to wait for {seconds:.0f} s"
    limits_callers = answer.status == HTTPStatus.TOO_MANY_REQUESTS
    if limits_callers:
        what = f"{service} is limiting requests (429)"
    else:
        what = f"{service} has trouble ({_named(answer.status)})"
    return EmbedderUnavailable(f"{what}{said}{wait}", retry_after_seconds=seconds, limits_callers=limits_callers)


def _asked_to_wait(answer: Answer) -> float | None:
    """Seconds, from `Retry-After-Ms` (OpenAI, Azure), `Retry-After`, or the body (google.rpc.RetryInfo)."""
    milliseconds = retry_after_seconds(answer.retry_after_ms)
    if milliseconds is not None:
        return milliseconds / 1000
    seconds = retry_after_seconds(answer.retry_after)
    return _retry_delay_in(answer.body) if seconds is None else seconds


def _retry_delay_in(body: bytes) -> float | None:
    """The seconds in {"error": {"details": [{"retryDelay": "17.5s"}]}}."""
    try:
        details = json.loads(body)["error"]["details"]
        delays = [detail["retryDelay"] for detail in details if "retryDelay" in detail]
        return retry_after_seconds(delays[0].removesuffix("s"))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None


def _what_to_change(answer: Answer, service: Service, said: str) -> str:
    status = answer.status
    if status in (401, 403):
        if service.api_key is None and service.login is None:
            return f"{service} requires an API key, and none is set ({_named(status)}){said}"
        return f"{service} refused the API key ({_named(status)}){said}: check the key"
    if status == HTTPStatus.NOT_FOUND and "model" in said.lower():
        pull = f", or run: ollama pull {service.model}"
        remedy = f"check its name{pull if service.name.startswith('ollama:') else ''}"
        return f"{service} does not know the model {service.model!r} (404){said}: {remedy}"
    if status in (404, 405):
        hint = " (most such URLs end in /v1)" if service.name.startswith("openai:") else ""
        problem = f"{service} offers no embeddings at this address ({_named(status)}){said}"
        return f"{problem}: check the URL{hint}"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        target = service.redacted(without_secrets(answer.location or "nowhere"))
        return f"{service} redirects to {target} ({status}): use that service's own URL"
    return f"{service} refused the request ({_named(status)}){said}"


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _excerpt(answer: Answer, service: Service) -> str:
    """': "what the service says"', or nothing if it says nothing."""
    text = answer.body[: 64 * _EXCERPT].decode("utf-8", "replace")
    with contextlib.suppress(ValueError, RecursionError):
        text = _message_in(json.loads(answer.body)) or text
    text = "".join(c if c.isprintable() else " " for c in service.redacted(text))
    text = " ".join(text.split())
    if len(text) > _EXCERPT:
        text = f"{text[:_EXCERPT]}…"
    return f': "{text}"' if text else ""


def _message_in(value: object) -> str | None:
    """The message of {"error": {"message": …}}, {"error": …}, {"message": …} or {"detail": …}."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for key in ("error", "message", "detail"):
            if key in value:
                return _message_in(value[key])
    return None
