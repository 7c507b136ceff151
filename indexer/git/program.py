"""The user's `git`: where it is, whether it is recent enough, and how it is called so that only what we ask for runs.

What a user set up for git counts: the configuration of the machine and of the user (credential helpers, proxies, ssh),
GIT_SSH_COMMAND, certificates. What a repository configures never does, and no call waits for a person.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Self

from pgdex.indexer.git.errors import GitMissing

# The first with --no-write-fetch-head, --no-auto-maintenance and repositories in SHA-256 (October 2020).
OLDEST: Final = (2, 29)

# Variables of git that a user sets about servers and logins. All others stay outside: a hook or an alias that starts
# us has GIT_DIR, GIT_INDEX_FILE, GIT_CONFIG_PARAMETERS … of its own repository, and GIT_TRACE* writes URLs into logs.
_KEPT = re.compile(
    r"GIT_(?:SSH|SSH_COMMAND|SSH_VARIANT|EXEC_PATH|SSL_[A-Z_]+|PROXY_SSL_[A-Z_]+|HTTP_[A-Z_]+"
    r"|CONFIG_(?:GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_\d+|VALUE_\d+))"
)
# With one of these a program would ask a person, in a window.
_ASKING: Final = ("SSH_ASKPASS", "DISPLAY", "WAYLAND_DISPLAY")

# Before every command. On the command line they stand above every file, a repository's own among them.
_SETTINGS: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.attributesFile=/dev/null",
    "core.pager=cat",
    "core.askPass=",
    "credential.interactive=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "fetch.writeCommitGraph=false",
    # A pack each time: it appears whole or not at all, where loose objects appear one by one.
    "fetch.unpackLimit=1",
    "transfer.unpackLimit=1",
    # A server may not send us to other places for parts of what it serves.
    "transfer.bundleURI=false",
    "fetch.uriProtocols=",
    "protocol.version=2",
    "http.lowSpeedLimit=1",
    "advice.detachedHead=false",
)

# What serves a repository on this machine runs in that repository and reads its configuration, which may be anyone's.
# Git does not hand our settings (-c) to it, so it is started with its own. No protocol is allowed: a repository that
# says that parts of it are elsewhere (a "promisor") would have them fetched, by any program that it names. Ownership
# (safe.directory) is git's guard against just that configuration, and would keep a worker out of other users'
# repositories. `--strict`: this folder, and none that git would guess from its name.
UPLOAD_PACK: Final = (
    "GIT_ALLOW_PROTOCOL= GIT_NO_LAZY_FETCH=1 git -c safe.directory='*' "
    + " ".join(
        f"-c {setting}"
        for setting in (
            *("core.hooksPath=/dev/null", "core.fsmonitor=false", "core.sshCommand=false"),
            *("gc.auto=0", "maintenance.auto=false"),
            # A commit by its id is served whatever the repository says of it, as protocol 2 does.
            *("uploadpack.allowAnySHA1InWant=true", "uploadpack.allowFilter=false"),
        )
    )
    + " upload-pack --strict"
)


@dataclass(frozen=True, slots=True)
class Git:
    """The program: its path, and its version as (2, 39, 5)."""

    path: str
    version: tuple[int, ...]

    @classmethod
    def find(cls) -> Self:
        """The `git` of PATH. Raises GitMissing where there is none, or one that is too old."""
        path = shutil.which("git")
        if path is None:
            raise GitMissing(
                "git is not installed on this machine (no `git` in PATH); repositories at a URL need it, "
                f"version {OLDEST[0]}.{OLDEST[1]} or newer"
            )
        version = _version(path)
        if version < OLDEST:
            raise GitMissing(
                f"{path} is git {'.'.join(map(str, version))}; repositories at a URL need {OLDEST[0]}.{OLDEST[1]} or "
                "newer"
            )
        return cls(path, version)

    def command(self, arguments: Sequence[str], *, settings: Iterable[str] = ()) -> list[str]:
        """The argument list of a call; `settings` are further ones, as `name=value`."""
        given = [part for setting in (*_SETTINGS, *settings) for part in ("-c", setting)]
        return [self.path, "--no-pager", "--literal-pathspecs", *given, *arguments]

    def environment(self, *, protocols: str = "", folder: str, in_repository: bool) -> dict[str, str]:
        """The environment of a call that runs in `folder`, which is a bare repository or else in none.

        `protocols` are those that it may use (`https:ssh`); none by default.
        """
        kept = {
            name: value
            for name, value in _user_environment(os.environ).items()
            if not name.startswith("GIT_") or _KEPT.fullmatch(name)
        }
        fixed = {
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",  # none, where an unset one would let git look for another
            "SSH_ASKPASS_REQUIRE": "never",
            "GCM_INTERACTIVE": "never",
            "GIT_ALLOW_PROTOCOL": protocols,
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
        }
        # As ".", so that a process stays with its mirror when that is moved aside. With an explicit GIT_DIR, git does
        # not ask whose folder it is: the mirrors are our own.
        place = {"GIT_DIR": "."} if in_repository else {"GIT_CEILING_DIRECTORIES": os.path.dirname(folder)}
        return kept | fixed | place


def _user_environment(environment: Mapping[str, str]) -> dict[str, str]:
    dropped = {*_ASKING, "LANGUAGE", "LC_MESSAGES"}
    return {name: value for name, value in environment.items() if name not in dropped}


@cache
def _version(path: str) -> tuple[int, ...]:
    try:
        done = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitMissing(f"{path} could not be run: {error}") from error
    found = re.search(r"git version (\d+)\.(\d+)(?:\.(\d+))?", done.stdout)
    if found is None:
        raise GitMissing(f"{path} is not git, or is broken: `git --version` says {done.stdout.strip()[:100]!r}")
    return tuple(int(part) for part in found.groups() if part is not None)
