"""pgdex: code repositories indexed in the background, on PostgreSQL alone, and searchable.

`pgdex.connect()` and `pgdex.connect_async()` are pgdex for Python programs, and `pgdex.errors` is what they raise.
`pgdex.app` is the procrastinate App whose workers do the work: `procrastinate --app=pgdex.app worker`.

Importing this package is cheap: whatever is heavy is imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgdex.jobs import errors
    from pgdex.jobs.api.asynchronous import AsyncPgdex
    from pgdex.jobs.api.connecting import connect, connect_async
    from pgdex.jobs.api.synchronous import Pgdex
    from pgdex.jobs.app import app

__all__ = ["AsyncPgdex", "Pgdex", "app", "connect", "connect_async", "errors"]

_LAZY = {
    "AsyncPgdex": "pgdex.jobs.api.asynchronous",
    "Pgdex": "pgdex.jobs.api.synchronous",
    "app": "pgdex.jobs.app",
    "connect": "pgdex.jobs.api.connecting",
    "connect_async": "pgdex.jobs.api.connecting",
    "errors": "pgdex.jobs.errors",
}


def __getattr__(name: str) -> Any:
    """What is imported on first use. Raises AttributeError."""
    if name not in _LAZY:
        raise AttributeError(f"module 'pgdex' has no attribute {name!r}")
    module = import_module(_LAZY[name])
    return module if name == "errors" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
