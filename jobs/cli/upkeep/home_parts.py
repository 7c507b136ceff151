"""What pgdex puts into PGDEX_HOME, and how much disk space each part takes. Nothing else there is pgdex's."""

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

PartKind = Literal["index", "mirrors", "logs", "programs", "settings", "locks"]

MEANINGS: Final[dict[PartKind, str]] = {
    "index": "the embedded PostgreSQL's data",
    "mirrors": "what was fetched of git repositories",
    "logs": "logs",
    "programs": "a copy of PostgreSQL's programs",
    "settings": "the MCP token and what you allowed",
    "locks": "locks and the socket",
}
# By name, each with its kind. A folder of a user that happens to have such a name is told by what is in it.
NAMES: Final[tuple[tuple[str, PartKind], ...]] = (
    (r"data", "index"),
    (r"data\.unfinished|initdb\.unfinished", "index"),
    (r"mirrors", "mirrors"),
    (r"(worker|server)\.log(\.\d)?(\.new)?", "logs"),
    (r"server-\d[\w.+-]*|server\.unfinished", "programs"),
    (r"mcp-token|allowed|agents\.json|\.(mcp-token|agents\.json)\.[0-9a-f]{16}", "settings"),
    (r"(users|start|server|keeper|supervisor|worker\.log)\.lock|run", "locks"),
)
MIRROR: Final = re.compile(r".+\.(at|aside|new)-.+|locks")
SURE_SIGNS: Final = frozenset({"users.lock", "keeper.lock", "mcp-token", "agents.json", "data"})


@dataclass(frozen=True, slots=True)
class Part:
    """One file or folder of pgdex's in PGDEX_HOME."""

    path: Path
    kind: PartKind


def home_parts(home: Path) -> tuple[list[Part], list[Path]]:
    """What is pgdex's in `home`, and what is there beside it; both empty where there is no such folder.

    Raises OSError where the folder can't be listed.
    """
    parts: list[Part] = []
    others: list[Path] = []
    try:
        names = sorted(os.listdir(home))
    except FileNotFoundError:
        return parts, others
    for name in names:
        path = home / name
        kind = next((kind for pattern, kind in NAMES if re.fullmatch(pattern, name)), None)
        if kind is not None and _looks_ours(path, kind):
            parts.append(Part(path, kind))
        else:
            others.append(path)
    return parts, others


def is_home(parts: list[Part]) -> bool:
    """Whether these can only be of a PGDEX_HOME: many a folder holds a `server.log` by chance."""
    return any(part.path.name in SURE_SIGNS or _is_worker_log(part.path) for part in parts)


def bytes_on_disk(path: Path, *, progress: Callable[[], object] = lambda: None) -> tuple[int, int]:
    """The bytes that `path` and all below it take up on disk, and how many folders could not be read.

    A file with several names counts once; links are not followed.
    """
    total = unreadable = 0
    seen: set[tuple[int, int]] = set()
    for entry in _walk(path):
        progress()
        if entry is None:
            unreadable += 1
            continue
        identity = (entry.st_dev, entry.st_ino)
        if entry.st_nlink > 1 and not stat.S_ISDIR(entry.st_mode):
            if identity in seen:
                continue
            seen.add(identity)
        total += getattr(entry, "st_blocks", -(-entry.st_size // 512)) * 512
    return total, unreadable


def _walk(path: Path) -> Iterator[os.stat_result | None]:
    """The state of everything below; None for what may not be read."""
    waiting = [str(path)]
    while waiting:
        name = waiting.pop()
        try:
            found = os.lstat(name)
            yield found
            if stat.S_ISDIR(found.st_mode):
                waiting += [f"{name}/{below}" for below in os.listdir(name)]
        except FileNotFoundError:  # a table that was dropped meanwhile
            continue
        except OSError:
            yield None


def _looks_ours(path: Path, kind: PartKind) -> bool:
    """Whether the content fits the name. A link never does: what it leads to was put there by someone."""
    try:
        mode = path.lstat().st_mode
        names = os.listdir(path) if stat.S_ISDIR(mode) else None
    except OSError:
        return False
    if names is None:
        return stat.S_ISREG(mode) and path.name not in ("data", "mirrors", "run", "allowed")
    if path.name == "data":
        return "pgdex.conf" in names
    if kind == "mirrors":
        return all(MIRROR.fullmatch(name) for name in names)
    if path.name == "run":
        return all(name.startswith(".s.PGSQL.") for name in names)
    return path.name in ("data.unfinished", "server.unfinished", "allowed") or kind == "programs"


def _is_worker_log(path: Path) -> bool:
    """Whether a log begins as workers write it; where there is no database of pgdex's own it is all there is."""
    if path.name != "worker.log":
        return False
    try:
        with path.open("rb") as file:
            return file.read(9) == b'{"time": '
    except OSError:
        return False
