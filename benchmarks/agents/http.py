"""Asking a provider over HTTP: patient with what passes, and clear about what does not."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import anyio
import httpx2

from benchmarks.agents.conversation import ModelRefused, ModelUnavailable

TRIES: Final = 5
FIRST_WAIT_SECONDS: Final = 2.0
LONGEST_WAIT_SECONDS: Final = 60.0
TIMEOUT_SECONDS: Final = 300.0  # a long answer of a model that reasons first
_PASSES: Final = frozenset({408, 409, 429, 500, 502, 503, 504, 529})  # 529: Anthropic's "overloaded"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go, with the headers that carry the key."""

    url: str
    headers: Mapping[str, str]
    first_wait_seconds: float = FIRST_WAIT_SECONDS

    def __repr__(self) -> str:
        """Without the key."""
        return f"Endpoint({self.url!r})"

    async def post(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON object that answers `body`. Raises ModelUnavailable after several tries, ModelRefused at once where
        no try would help."""
        reason = ""
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
            for number in range(TRIES):
                wait = min(self.first_wait_seconds * 2**number, LONGEST_WAIT_SECONDS)
                try:
                    answer = await client.post(self.url, json=body, headers=dict(self.headers))
                except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
                    raise ModelRefused(f"{self.url} is no address: {error}") from None
                except httpx2.HTTPError as error:
                    reason = f"{self.url}: {type(error).__name__} {error}"
                else:
                    if answer.status_code == httpx2.codes.OK:
                        return self._object(answer)
                    reason = f"{self.url} answered {answer.status_code}: {answer.text[:500]}"
                    if answer.status_code not in _PASSES:
                        raise ModelRefused(reason)
                    wait = _asked_for(answer.headers.get("retry-after")) or wait
                if number + 1 < TRIES:
                    await anyio.sleep(wait)
        raise ModelUnavailable(f"{reason} (tried {TRIES} times)")

    def _object(self, answer: httpx2.Response) -> dict[str, Any]:
        try:
            parsed = answer.json()
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise ModelRefused(f"{self.url} answered with what is no JSON object: {answer.text[:200]!r}")
        return parsed


def key_from(variable: str) -> str:
    """A provider's key. Raises ModelRefused where the variable is not set."""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ModelRefused(f"{variable} is not set: it must hold the provider's API key")
    return key


def base_url(variable: str, default: str) -> str:
    """A provider's address, or another one that speaks its API."""
    return (os.environ.get(variable, "").strip() or default).rstrip("/")


def _asked_for(header: str | None) -> float | None:
    """The seconds of a Retry-After header, at most a minute; None without one, or where it is a date."""
    try:
        return min(max(float(header), 0.0), LONGEST_WAIT_SECONDS) if header else None
    except ValueError:
        return None
