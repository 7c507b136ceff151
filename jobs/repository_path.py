"""A repository's path: its one spelling, and which folders may be indexed, which every front end asks before a job is
made and the worker that does it asks again."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pgdex.jobs.errors import InvalidRequest

if TYPE_CHECKING:
    from pgdex.indexer.sources import OpenedRoot

WINDOWS_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def normalized_path(path: str) -> str:
    """One spelling for each absolute path, without looking at any disk: the mirror of the SQL function of that name.

    No `.` and `..`, no double and no trailing slashes; `..` above the root stays at the root. Of a Windows path only
    slashes at its end go.
    """
    if WINDOWS_DRIVE.match(path):
        return path[:3] + path[3:].rstrip("/\\")
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def real_path(path: str | Path, *, strict: bool = False) -> Path:
    """`path` as a client names it to the database: absolute, `~` expanded, no links and no `..` in it.

    A relative one begins at the present folder. It need not exist, unless `strict` is set. Raises OSError (missing; a
    loop of links), RuntimeError (`~` of nobody), ValueError (a NUL; UnicodeEncodeError for a name that is not UTF-8,
    which no database text holds).
    """
    resolved = os.path.realpath(Path(path).expanduser(), strict=strict)
    resolved.encode()
    return Path(resolved)


def spellings(text: str) -> list[str]:
    """The paths under which the database may know the folder that `text` names: as it was enqueued through a client,
    which follows links, and as SQL takes it, which does not."""
    if not text:
        return []
    if WINDOWS_DRIVE.match(text):
        return [normalized_path(text)]
    return list(dict.fromkeys((normalized_path(str(Path(text).expanduser().absolute())), str(real_path(text)))))


def resolve_root(repo_path: str | Path, *, allowed_roots: Sequence[Path] = ()) -> Path:
    """The absolute folder of `repo_path`, without symbolic links and '..'.

    With `allowed_roots` it must be one of them or lie below one. Raises InvalidRequest with what is wrong with it.
    """
    return _checked(repo_path, allowed_roots)[0]


def opened_root(
    repo_path: str | Path, *, allowed_roots: Sequence[Path] = (), for_listing: bool = False
) -> "OpenedRoot":
    """The folder of `repo_path`, opened: what was checked is what is used, whatever is exchanged afterwards.

    With `allowed_roots` it is reached from the one that it lies in, through folders and not through links. Raises
    InvalidRequest as `resolve_root` does, and RootUnavailable where it can't be opened.
    """
    resolved, within = _checked(repo_path, allowed_roots)
    from pgdex.indexer.sources import OpenedRoot  # most commands name a folder, and open none

    return OpenedRoot(resolved, within=within, for_listing=for_listing)


def is_gone(root: str | Path, *, is_local: bool) -> bool:
    """Whether a folder was moved or deleted, and is not just out of this machine's sight.

    `is_local`: all that is indexed was on this machine, as with the embedded server. Elsewhere a folder is gone where
    the folder above it is there; else a disk may not be mounted, or the folder is another machine's.
    """
    try:
        return not os.path.lexists(root) and (is_local or Path(root).parent.is_dir())
    except (OSError, ValueError):
        return False


def _checked(repo_path: str | Path, allowed_roots: Sequence[Path]) -> tuple[Path, Path | None]:
    path = Path(repo_path)
    try:
        path = path.expanduser()
        if not path.is_absolute():
            raise InvalidRequest(f"the repository's path must be absolute, got {str(repo_path)!r}")
        resolved = real_path(path, strict=True)
    except PermissionError:
        raise InvalidRequest(f"the folder {path} can't be reached by this user") from None
    except UnicodeEncodeError:
        raise InvalidRequest(f"the name of the folder {str(path)!r} is not UTF-8: rename it") from None
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
