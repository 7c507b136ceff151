"""The processes of pgdex that the present user runs with one PGDEX_HOME, found by their command and environment.

Not by files with numbers in them: a number proves nothing after a crash, and workers of a service write none.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pgdex.jobs.settings import default_home

if TYPE_CHECKING:
    import psutil

Role = Literal["watcher", "agent server", "supervisor", "worker", "command"]
"""What a process does; a command is everything that someone runs in the foreground."""

ROLES: Mapping[str, Role] = {"watch": "watcher", "mcp": "agent server", "worker": "supervisor"}
HOME_VARIABLES = ("HOME", "XDG_DATA_HOME")  # what the default of PGDEX_HOME is made of


@dataclass(frozen=True, slots=True)
class Running:
    """One process; `command` is its command line from `pgdex` on."""

    process: "psutil.Process"
    role: Role
    command: str

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid


def running(home: Path, *, uses: Callable[[str | None], bool] = lambda _: True) -> list[Running]:
    """The present user's processes with this PGDEX_HOME whose PGDEX_DATABASE_URL (None: unset) `uses` accepts.

    Without this process and those that it was started by.
    """
    import psutil

    own = psutil.Process()
    left_out = {own.pid, *(parent.pid for parent in own.parents())}
    found = []
    for process in psutil.process_iter():
        # One that ends meanwhile, and one that may not be looked at: that is not ours.
        with suppress(psutil.Error, OSError):
            if process.pid in left_out or not _is_mine(process, own):
                continue
            recognised = role_of(process.cmdline())
            if recognised is None or process.status() == psutil.STATUS_ZOMBIE:
                continue
            variables = process.environ()
            if _home_of(process, variables) == home.resolve() and uses(variables.get("PGDEX_DATABASE_URL") or None):
                found.append(Running(process, *recognised))
    return found


def role_of(arguments: Sequence[str]) -> tuple[Role, str] | None:
    """What a command line does, and the command from `pgdex` on; None for what is not pgdex's."""
    for rest in _program_and_rest(arguments):
        program, *given = rest
        if program == "procrastinate":
            return ("worker", "worker process") if "--app=pgdex.app" in given and "worker" in given else None
        if program in ("pgdex", "pgdex.jobs.cli"):
            verb = next((word for word in given if not word.startswith("-")), None)
            return ROLES.get(verb or "", "command"), " ".join(["pgdex", *given])
    return None


def _program_and_rest(arguments: Sequence[str]) -> Iterator[Sequence[str]]:
    """The program that a command line runs with its arguments: what stands there, or what Python runs."""
    if not arguments:
        return
    first = Path(arguments[0]).name
    if not first.startswith("python"):
        yield (first, *arguments[1:])
        return
    for number, word in enumerate(arguments[1:], 1):
        if word == "-m":
            yield tuple(arguments[number + 1 :]) or ("",)
            return
        if word == "-c":
            return
        if not word.startswith("-"):
            yield (Path(word).name, *arguments[number + 1 :])
            return


def _is_mine(process: "psutil.Process", own: "psutil.Process") -> bool:
    if hasattr(os, "geteuid"):
        return bool(process.uids().effective == os.geteuid())
    return process.username() == own.username()


def _home_of(process: "psutil.Process", variables: Mapping[str, str]) -> Path | None:
    """The PGDEX_HOME that it has; None where it can't be told."""
    given = variables.get("PGDEX_HOME")
    if given:
        with suppress(RuntimeError):
            return Path(process.cwd(), Path(given).expanduser()).resolve()
        return None
    is_same = all(variables.get(name) == os.environ.get(name) for name in HOME_VARIABLES)
    return default_home().resolve() if is_same else None
