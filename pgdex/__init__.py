"""pgdex: code repositories indexed in the background, on PostgreSQL alone, and searchable.

Importing this package is cheap: whatever is heavy is imported when it is asked for. `pgdex.app` is the procrastinate
App whose workers do the work: `procrastinate --app=pgdex.app worker`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgdex.jobs.app import app

__all__ = ["app"]

_LAZY = {"app": "pgdex.jobs.app"}


def __getattr__(name: str) -> Any:
    """What is imported on first use. Raises AttributeError."""
    if name not in _LAZY:
        raise AttributeError(f"module 'pgdex' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
