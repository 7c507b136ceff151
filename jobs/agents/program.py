"""Which program an agent is to start, and with which settings."""

import os
import re
import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from pgdex.jobs.errors import InvalidSetting, PgdexError

CACHES = ("archive-v0", "builds-v0", "environments-v2")
"""Folders of uv's cache; `uvx` runs from one, and `uv cache prune` removes it."""


PIPX_RUN = re.compile(r"/(pipx|\.cache)/[0-9a-f]{15}$")
"""Where `pipx run` makes its environments: in pipx's folder of the user's cache, or in .cache in PIPX_HOME."""
LOGIN = re.compile(r"://[^/?#]*@|://[^#]*\?")
"""An address with a login, or with a query, where some services want their key."""


class NoProgram(PgdexError):
    """There is no `pgdex` that would still be there when an agent starts it."""


def lasting_program() -> str:
    """The absolute path of the `pgdex` of this process: the name on the PATH if that leads to it, for an upgrade may
    move what it points to, else the program itself. Raises NoProgram."""
    program = _program()
    if not _is_utf_8(program):  # agents' files are UTF-8: one wrong byte, and the agent reads nothing of them
        shown = os.fsencode(program).decode("utf-8", "backslashreplace")
        raise NoProgram(
            f"the path of this program is not UTF-8, as agents' files are: {shown}. Install pgdex elsewhere"
        )
    return program


def _is_utf_8(text: str) -> bool:
    try:
        os.fsencode(text).decode("utf-8")
    except ValueError:
        return False
    return True


def _program() -> str:
    beside = Path(sys.executable).with_name("pgdex")
    if set(CACHES) & set(beside.parts) or set(CACHES) & set(Path(os.path.realpath(sys.prefix)).parts):
        raise NoProgram(
            "this pgdex runs from uvx's cache, which may be emptied at any time. Install it to stay "
            "(uv tool install pgdex, or pipx install pgdex), then run `pgdex install`"
        )
    if PIPX_RUN.search(sys.prefix):
        raise NoProgram(
            "this pgdex was started by `pipx run`, which removes it again after two weeks. Install it to stay "
            "(pipx install pgdex), then run `pgdex install`"
        )
    found = shutil.which("pgdex")
    if not os.access(beside, os.X_OK):
        if found is None:
            raise NoProgram("there is no program `pgdex` for an agent to start: install pgdex so that it has one")
        return os.path.abspath(found)
    is_same = found is not None and os.path.realpath(found) == os.path.realpath(beside)
    return os.path.abspath(found) if found and is_same else str(beside.absolute())


def starts_this_pgdex(program: str, path: str) -> bool:
    """Whether a program of this name or path, looked up on `path`, is the pgdex of this process or of this shell's
    PATH; or nothing at all, which starts nothing either."""
    if "/" in program and not os.path.isabs(program):
        return False
    found = shutil.which(program, path=path)
    ours = (str(Path(sys.executable).with_name("pgdex")), shutil.which("pgdex"))
    return found is None or os.path.realpath(found) in {os.path.realpath(one) for one in ours if one is not None}


def settings_to_hand_on(
    variables: Mapping[str, str], *, known: Collection[str], secret: Collection[str], home: Path
) -> tuple[dict[str, str], list[str]]:
    """The settings of this shell that an entry should carry, since the agent may be started elsewhere; and the names of
    those that are left out because they are secret, by their meaning (`secret`) or because an address holds a login.
    The database's address is only judged by `secret`. Raises InvalidSetting for a value that is not UTF-8.

    `known` and `secret` are names of variables; `home` is this process's PGDEX_HOME, which is handed on where a
    variable of this shell has moved it.
    """
    given = {name: variables[name] for name in sorted(known) if variables.get(name)}
    if variables.get("XDG_DATA_HOME"):
        given.setdefault("PGDEX_HOME", str(home))
    if "PGDEX_HOME" in given:
        given["PGDEX_HOME"] = str(home)  # absolute: an agent starts the server in another folder
    for name, value in given.items():
        if not _is_utf_8(value):
            raise InvalidSetting(f"{name} is not UTF-8, as agents' files are: change it, or unset it for this command")
    logins = {name for name, value in given.items() if name != "PGDEX_DATABASE_URL" and LOGIN.search(value)}
    left_out = [name for name in given if name in secret or name in logins]
    return {name: value for name, value in given.items() if name not in left_out}, left_out
