"""Git repositories as sources: an address in, the files of one commit out, without a working tree.

`GitUrl` says what an address means and refuses those that could run something or hold a password; `Mirrors` keeps what
was fetched in a bounded cache folder that the processes of a machine share; `GitSnapshot` lists and reads one commit.
The user's own `git` does the work, and nothing that a repository configures ever runs. All of `jobs` may import it; it
imports `sources` and nothing else of the indexer.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pgdex.indexer.git.errors import (
    AuthenticationFailed,
    CertificateRefused,
    CommitNotFound,
    DiskFull,
    EmptyRepository,
    GitAborted,
    GitError,
    GitFailed,
    GitMissing,
    GitTimedOut,
    HostKeyRefused,
    HostUnknown,
    MirrorDamaged,
    NotARepository,
    RefNotFound,
    SourceRefused,
    SourceUnreachable,
)

if TYPE_CHECKING:
    from pgdex.indexer.git.mirrors import Mirrors
    from pgdex.indexer.git.program import Git
    from pgdex.indexer.git.refs import Ref, Resolved
    from pgdex.indexer.git.running import Limits
    from pgdex.indexer.git.snapshot import GitSnapshot
    from pgdex.indexer.git.submodules import Submodule
    from pgdex.indexer.git.urls import GitUrl, require_allowed

__all__ = [
    "AuthenticationFailed",
    "CertificateRefused",
    "CommitNotFound",
    "DiskFull",
    "EmptyRepository",
    "Git",
    "GitAborted",
    "GitError",
    "GitFailed",
    "GitMissing",
    "GitSnapshot",
    "GitTimedOut",
    "GitUrl",
    "HostKeyRefused",
    "HostUnknown",
    "Limits",
    "MirrorDamaged",
    "Mirrors",
    "NotARepository",
    "Ref",
    "RefNotFound",
    "Resolved",
    "SourceRefused",
    "SourceUnreachable",
    "Submodule",
    "require_allowed",
]

_LAZY = {
    "Git": "pgdex.indexer.git.program",
    "GitSnapshot": "pgdex.indexer.git.snapshot",
    "GitUrl": "pgdex.indexer.git.urls",
    "Limits": "pgdex.indexer.git.running",
    "Mirrors": "pgdex.indexer.git.mirrors",
    "Ref": "pgdex.indexer.git.refs",
    "Resolved": "pgdex.indexer.git.refs",
    "Submodule": "pgdex.indexer.git.submodules",
    "require_allowed": "pgdex.indexer.git.urls",
}


def __getattr__(name: str) -> Any:
    """What is imported on first use: every worker must know what can go wrong, and few meet a git source. Raises
    AttributeError."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
