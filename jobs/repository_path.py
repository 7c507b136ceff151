"""Which folders may be indexed: asked by every door before a job is made, and again by the worker that does it."""

import os
from collections.abc import Sequence
from pathlib import Path

from pgdex.indexer.sources.roots import OpenedRoot
from pgdex.jobs.errors import InvalidRequest


def checked_root(repo_path: str | Path, *, allowed_roots: Sequence[Path] = ()) -> Path:
    """The absolute folder of `repo_path`, without symbolic links and '..'.

    With `allowed_roots` it must be one of them or lie below one. Raises InvalidRequest with what is wrong with it.
    """
    return _checked(repo_path, allowed_roots)[0]


def opened_root(repo_path: str | Path, *, allowed_roots: Sequence[Path] = (), for_listing: bool = False) -> OpenedRoot:
    """The folder of `repo_path`, opened: what was checked is what is used, whatever is exchanged afterwards.

    With `allowed_roots` it is reached from the one that it lies in, through folders and not through links. Raises
    InvalidRequest as `checked_root` does, and RootUnavailable where it can't be opened.
    """
    resolved, within = _checked(repo_path, allowed_roots)
    return OpenedRoot(resolved, within=within, for_listing=for_listing)


def _checked(repo_path: str | Path, allowed_roots: Sequence[Path]) -> tuple[Path, Path | None]:
    path = Path(repo_path)
    try:
        path = path.expanduser()
        if not path.is_absolute():
            raise InvalidRequest(f"the repository's path must be absolute, got {str(repo_path)!r}")
        resolved = path.resolve(strict=True)
    except PermissionError:
        raise InvalidRequest(f"the folder {path} can't be reached by this user") from None
    except (OSError, RuntimeError, ValueError):  # missing; a loop of links, or ~ of nobody; a NUL
        raise InvalidRequest(f"there is no folder {path}") from None
    # First of all: what lies outside is not described, not even as "not a folder".
    within = next((root for root in map(Path.resolve, allowed_roots) if resolved.is_relative_to(root)), None)
    if allowed_roots and within is None:
        allowed = ", ".join(str(root) for root in allowed_roots)
        leads = "" if resolved == path else f" leads to {resolved}, which"
        raise InvalidRequest(
            f"{path}{leads} lies outside of the folders that may be indexed ({allowed}): PGDEX_ALLOWED_ROOTS"
        )
    if not resolved.is_dir():
        raise InvalidRequest(f"{path} is not a folder")
    if not os.access(resolved, os.R_OK | os.X_OK):
        raise InvalidRequest(f"the folder {path} can't be read by this user")
    return resolved, within
