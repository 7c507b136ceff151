"""The user's own excludes: what `core.excludesFile` names in the user's and the system's configuration of git."""

import os
from pathlib import Path
from typing import Final

from pgdex.indexer.sources.git.config import MAX_CONFIG_BYTES, last, parsed
from pgdex.indexer.sources.git.reading import read_whole

_MOST_INCLUDES: Final = 20


def excludes_file() -> bytes | None:
    """Return the path of the user's excludes file, as git finds it; there may be none. None: there is no home either.

    Read from what the user and the system have configured, `include` followed and `includeIf` not, and never from a
    repository. A relative path does not count.
    """
    value = None
    for path in _config_files():
        value = _value_in(path, [_MOST_INCLUDES]) or value
    if value is not None:
        expanded = _expanded(value)
        return os.fsencode(expanded) if os.path.isabs(expanded) else None
    folder = _xdg_folder()
    return None if folder is None else os.fsencode(os.path.join(folder, "ignore"))


def is_own(folder: bytes) -> bool:
    """Return whether this process runs as the user who owns the folder."""
    try:
        return not hasattr(os, "geteuid") or os.stat(folder).st_uid == os.geteuid()
    except OSError:
        return False


def _config_files() -> list[str]:
    """The user's files last: the last value counts."""
    files = []
    if os.environ.get("GIT_CONFIG_NOSYSTEM", "0").lower() in ("", "0", "false", "no", "off"):
        files.append(os.environ.get("GIT_CONFIG_SYSTEM", "/etc/gitconfig"))
    if "GIT_CONFIG_GLOBAL" in os.environ:
        return [*files, os.environ["GIT_CONFIG_GLOBAL"]]
    if (folder := _xdg_folder()) is not None:
        files.append(os.path.join(folder, "config"))
    if home := os.environ.get("HOME"):
        files.append(os.path.join(home, ".gitconfig"))
    return files


def _xdg_folder() -> str | None:
    if configured := os.environ.get("XDG_CONFIG_HOME"):
        return os.path.join(configured, "git")
    home = os.environ.get("HOME")
    return os.path.join(home, ".config", "git") if home else None


def _value_in(path: str, includes_left: list[int]) -> str | None:
    """core.excludesFile of a file of configuration; what it includes comes before what it says itself."""
    read = read_whole(os.fsencode(path), MAX_CONFIG_BYTES, follow=True)
    config = None if read is None or not read[0] else parsed(read[0])
    if config is None:
        return None
    value = last(config, b"core", b"excludesfile")
    if value is not None:
        return os.fsdecode(value)
    found = None
    try:
        included = list(config.get_multivar((b"include",), b"path"))
    except KeyError:
        included = []
    for name in included:
        if includes_left[0] <= 0:
            break
        includes_left[0] -= 1
        found = _value_in(os.path.join(os.path.dirname(path), _expanded(os.fsdecode(name))), includes_left) or found
    return found


def _expanded(value: str) -> str:
    if value == "~" or value.startswith("~/"):
        return str(Path(os.environ.get("HOME", "~") + value[1:]))
    return os.path.expanduser(value)
