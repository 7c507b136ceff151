"""The result of one check."""

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, and what to do about it (None where there is nothing to do)."""

    name: str
    outcome: Outcome
    finding: str
    advice: str | None = None


def ok(name: str, finding: str) -> Check:
    """All is well."""
    return Check(name, "ok", finding)


def warning(name: str, finding: str, advice: str) -> Check:
    """It works, and someone should know."""
    return Check(name, "warning", finding, advice)


def failed(name: str, finding: str, advice: str) -> Check:
    """pgdex can't do its work like this."""
    return Check(name, "failed", finding, advice)
