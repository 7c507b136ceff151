"""A repository's own configuration, as far as it says what the repository is."""

import logging
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

from pgdex.indexer.sources.git.remotes import normalised_remote

if TYPE_CHECKING:
    from dulwich.config import ConfigFile

# Of 400 KB that git writes, the branches are nearly all; parsing this much takes 0.2 s.
MAX_CONFIG_BYTES: Final = 1 << 18

logger = logging.getLogger("pgdex.indexer")


@dataclass(frozen=True, slots=True)
class RepositoryConfig:
    """What counts of a repository's configuration. `worktree` is core.worktree as it is written."""

    remote: str | None = None
    is_bare: bool = False
    worktree: bytes | None = None
    object_format: str = "sha1"
    per_worktree: bool = False


def parsed(content: bytes) -> "ConfigFile | None":
    """Return a configuration without what it includes; None where it is malformed."""
    from dulwich.config import ConfigFile  # 22 ms

    try:
        return ConfigFile.from_file(BytesIO(content), expand_includes=False)
    except Exception as error:  # dulwich raises what it happens to stumble over
        logger.debug("a git configuration was not understood: %s", error)
        return None


def repository_config(content: bytes) -> RepositoryConfig | None:
    """Return what a repository's configuration says; None where it is malformed."""
    config = parsed(content)
    if config is None:
        return None
    return RepositoryConfig(
        remote=_remote(config),
        is_bare=_is_true(last(config, b"core", b"bare")),
        worktree=last(config, b"core", b"worktree"),
        object_format=(last(config, b"extensions", b"objectformat") or b"sha1").decode("ascii", "replace").lower(),
        per_worktree=_is_true(last(config, b"extensions", b"worktreeconfig")),
    )


def last(config: "ConfigFile", section: bytes, name: bytes) -> bytes | None:
    """Return the value that counts, which is the last one; None: there is none."""
    try:
        return list(config.get_multivar((section,), name))[-1]
    except (KeyError, IndexError):
        return None


def _is_true(value: bytes | None) -> bool:
    return value is not None and value.strip().lower() in (b"true", b"yes", b"on", b"1")


def _remote(config: "ConfigFile") -> str | None:
    """The address of `origin`, else of the only remote there is."""
    urls: dict[bytes, bytes] = {}
    for section in config.sections():
        if len(section) == 2 and section[0].lower() == b"remote":
            try:
                urls[section[1]] = next(iter(config.get_multivar(section, b"url")))  # git fetches from the first
            except (KeyError, StopIteration):
                continue
    url = urls.get(b"origin") or (next(iter(urls.values())) if len(urls) == 1 else None)
    return None if url is None else normalised_remote(url.decode(errors="replace"))
