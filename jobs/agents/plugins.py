"""pgdex's plugin for Claude Code, where it is installed: it brings the MCP server and the skill that `pgdex install`
writes, so an agent with both has every tool twice.

`claude plugin install` records what is installed in plugins/installed_plugins.json of Claude Code's folder, and
switches it on in `enabledPlugins` of a settings file, under the name `pgdex@` and that of the marketplace (Claude Code
2.1.332, https://code.claude.com/docs/en/plugins-reference).
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgdex.jobs.agents import files, jsonc
from pgdex.jobs.agents.clients import SERVER, ClaudeCode, Client, Launch
from pgdex.jobs.agents.files import FileRefused
from pgdex.jobs.agents.jsonc import Unreadable
from pgdex.jobs.agents.machine import Machine
from pgdex.jobs.agents.registered import Registration


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed plugin: its name with that of the marketplace, and the settings file that switches it on."""

    client: Client
    name: str
    file: Path

    @property
    def registration(self) -> Registration:
        """How the agent starts the server: plugin/.mcp.json has the program's name alone."""
        return Registration(self.client, self.file, Launch(SERVER), None)


def active_plugin(client: Client, machine: Machine, project: Path | None) -> Plugin | None:
    """The plugin that an agent has everywhere or, if there is a project, in that one; None where it has none.

    The file that is nearest to the project decides, as for Claude Code. What can't be read says nothing.
    """
    if not isinstance(client, ClaudeCode):
        return None
    folder = client.folder(machine)
    places = [folder / "settings.json"]
    if project is not None:
        places += [project / ".claude" / name for name in ("settings.json", "settings.local.json")]
    decided: dict[str, Plugin | None] = {}
    for file in places:
        enabled = _member(file, "enabledPlugins")
        for name, value in enabled.items():
            if name.startswith(f"{SERVER}@"):
                decided[name] = Plugin(client, name, file) if value is True else None
    installed = _installed(folder)
    active = [one for name, one in decided.items() if one is not None and _is_there(installed.get(name), project)]
    return active[0] if active else None


def plugins_of_projects(client: Client, machine: Machine) -> list[tuple[Path, Plugin]]:
    """The projects for which alone an agent's plugin was installed, in byte order, and in which it is active."""
    if not isinstance(client, ClaudeCode):
        return []
    installed = _installed(client.folder(machine))
    records = [
        one for name, of_plugin in installed.items() if name.startswith(f"{SERVER}@") for one in _places(of_plugin)
    ]
    folders = sorted({one for one in records if isinstance(one, str)})
    found = [(Path(folder), active_plugin(client, machine, Path(folder))) for folder in folders]
    return [(folder, plugin) for folder, plugin in found if plugin is not None]


def _installed(folder: Path) -> dict[str, Any]:
    return _member(folder / "plugins" / "installed_plugins.json", "plugins")


def _is_there(records: Any, project: Path | None) -> bool:
    """Whether a plugin is installed for the user or the project: a project's settings may ask for one that is not."""
    places = _places(records)
    return None in places or (project is not None and os.path.realpath(project) in map(_real, places))


def _places(records: Any) -> list[Any]:
    """The projects that a plugin is installed for; None where it is for the user."""
    records = records if isinstance(records, list) else [records]  # the first format had one for each plugin
    return [one.get("projectPath") for one in records if isinstance(one, dict)]


def _real(place: Any) -> str:
    return os.path.realpath(place) if isinstance(place, str) else ""


def _member(file: Path, name: str) -> dict[str, Any]:
    try:
        text = files.read(file)
        value = jsonc.at(jsonc.value_of(text), (name,)) if text is not None else None
    except (FileRefused, Unreadable):
        return {}
    return value if isinstance(value, dict) else {}
