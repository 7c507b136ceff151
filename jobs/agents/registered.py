"""Which agents have pgdex registered, and how they start it, by what their files say now."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgdex.jobs.agents import files, jsonc, toml
from pgdex.jobs.agents.clients import CLIENTS, Client, Launch
from pgdex.jobs.agents.files import FileRefused
from pgdex.jobs.agents.jsonc import Unreadable
from pgdex.jobs.agents.machine import Machine
from pgdex.jobs.agents.program import starts_this_pgdex


@dataclass(frozen=True, slots=True)
class Registration:
    """An entry of an agent's file. `launch` is None where it is not one for a command: a server over HTTP."""

    client: Client
    file: Path
    launch: Launch | None
    project: Path | None


def reason_not_to_start(one: Registration, path: str) -> str | None:
    """Why pgdex must not start what an entry says by itself, or None.

    The user's own entries may be started. A project's files may have come with a clone, which is why agents ask before
    they start a project's server: of these only an entry that starts this pgdex (looked up on `path`) as
    `pgdex install` would, with nothing added.
    """
    if one.project is None or one.launch is None:
        return None
    if not starts_this_pgdex(one.launch.program, path):
        return f"the project's entry starts another program, {one.launch.program}"
    if one.launch.arguments not in (Launch("pgdex").arguments, _arguments(one.client)):
        return "the project's entry starts pgdex with other arguments than `mcp`"
    if one.launch.variables:
        return f"the project's entry sets {', '.join(one.launch.variables)}"
    return None


def registrations(machine: Machine, project: Path | None) -> list[Registration]:
    """The entries in the user's files and, if there is a project, in its files; one that two agents share counts once.

    What can't be read is passed over: an agent can't read it either.
    """
    found: list[Registration] = []
    for place in (None, project) if project else (None,):
        for client in CLIENTS.values():
            file = client.entry_file(machine, place)
            if file is None or (place and any(one.file == file for one in found)):
                continue
            one = registration(client, file, project=place)
            if one is not None:
                found.append(one)
    return found


def registration(client: Client, file: Path, *, project: Path | None) -> Registration | None:
    """The entry in this file, or None."""
    try:
        text = files.read(file)
        document: Any = {} if text is None else _parsed(file, text)
    except (FileRefused, Unreadable):
        return None
    entry = jsonc.at(document, client.entry_path)
    return Registration(client, file, client.launch(entry), project) if isinstance(entry, dict) else None


def _parsed(file: Path, text: str) -> Any:
    return toml.value_of(text) if file.suffix == ".toml" else jsonc.value_of(text)


def _arguments(client: Client) -> tuple[str, ...]:
    """Those that `pgdex install` writes for this agent."""
    launch = client.launch(client.entry(Launch("pgdex")))
    assert launch is not None, "an entry that pgdex makes starts a command"
    return launch.arguments
