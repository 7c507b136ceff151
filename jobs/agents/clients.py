"""The agents that `pgdex install` knows: where each keeps its files, and what an entry looks like there.

The places are those of the agents' own documentation, as of November 2026; docs/agents.md says which of the agents were
started with what is written here and which were only read about. A place that is not mentioned (None) does not exist
for that agent.
"""

import shlex
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from pgdex.jobs.agents.edits import Edit, JsonElement, JsonMember, Section, TomlTable, WholeFile
from pgdex.jobs.agents.installing import Target
from pgdex.jobs.agents.machine import Machine
from pgdex.jobs.agents.texts import SECTION, SKILL

SERVER = "pgdex"
HOOK_MARKS = ("pgdex", " hooks run ")
"""How a hook of ours is known again, whatever the path of the program in it."""

OPEN_FOLDER = "${workspaceFolder}"
"""What agents of the desktop replace with the folder that is open."""

Environment = Literal["shell", "codex", "desktop"]
"""What a server that the agent starts gets: all of its shell's variables, the few that Codex lets through, or those of
a desktop session."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started: an absolute path, its arguments, variables to set, and variables to hand on from the
    agent's own environment where it would keep them back."""

    program: str
    arguments: tuple[str, ...] = ("mcp",)
    variables: Mapping[str, str] = field(default_factory=dict)
    inherited: tuple[str, ...] = ()


class Client(ABC):
    """One agent. `project` is the folder of a project, or None for the user's own files."""

    name: ClassVar[str]
    title: ClassVar[str]
    programs: ClassVar[tuple[str, ...]]
    environment: ClassVar[Environment] = "shell"
    entry_path: ClassVar[tuple[str, str]] = ("mcpServers", SERVER)
    after: ClassVar[str] = ""
    """What the user still has to do for a project's entry."""

    @abstractmethod
    def folder(self, machine: Machine) -> Path:
        """Where it keeps the user's files; if that exists, the agent has been here."""

    @abstractmethod
    def entry_file(self, machine: Machine, project: Path | None) -> Path | None:
        """The file that lists MCP servers."""

    def skill_folder(self, machine: Machine, project: Path | None) -> Path | None:
        """Where its skills are: most agents read the shared folder of agentskills.io."""
        return (project or machine.home) / ".agents" / "skills"

    def instructions_file(self, machine: Machine, project: Path | None) -> Path | None:
        """What it reads at the start of every session."""
        return project / "AGENTS.md" if project else None

    def hooks(self, machine: Machine, project: Path | None, launch: Launch) -> list[tuple[Path, Edit]]:
        """What has the index refreshed when a session starts. Only for agents that run such a hook without asking and
        without waiting for it."""
        return []

    def is_here(self, machine: Machine) -> bool:
        """Whether the agent is installed, or has been used."""
        return self.folder(machine).exists() or any(machine.has_program(name) for name in self.programs)

    def entry(self, launch: Launch) -> dict[str, Any]:
        """The server's entry."""
        entry = {"command": launch.program, "args": list(launch.arguments)}
        return entry | ({"env": dict(launch.variables)} if launch.variables else {})

    def launch(self, entry: Mapping[str, Any]) -> Launch | None:
        """How the agent starts the server of an entry; None where it is not a command's."""
        command, arguments = entry.get("command"), entry.get("args", [])
        if not isinstance(command, str) or not isinstance(arguments, list):
            return None
        return Launch(command, tuple(map(str, arguments)), _texts(entry.get("env")))

    def entry_edit(self, launch: Launch) -> Edit:
        """What puts the entry in."""
        return JsonMember(self.entry_path, self.entry(launch))

    def targets(self, machine: Machine, project: Path | None, launch: Launch) -> list[Target]:
        """Everything that is written for this agent."""
        found: list[tuple[Path | None, Edit]] = [(self.entry_file(machine, project), self.entry_edit(launch))]
        skills = self.skill_folder(machine, project)
        found.append((skills / SERVER / "SKILL.md" if skills else None, WholeFile(SKILL)))
        found.append((self.instructions_file(machine, project), Section(SECTION)))
        found += self.hooks(machine, project, launch)
        return [Target(self.name, path, edit) for path, edit in found if path is not None]


class ClaudeCode(Client):
    """https://code.claude.com/docs/en/mcp, …/skills, …/hooks, …/memory."""

    name = "claude-code"
    title = "Claude Code"
    programs = ("claude",)
    after = "Claude Code asks for approval of a project's server when it is next started there."

    def folder(self, machine: Machine) -> Path:
        return machine.folder("CLAUDE_CONFIG_DIR", machine.home / ".claude")

    def entry_file(self, machine: Machine, project: Path | None) -> Path | None:
        if project:
            return project / ".mcp.json"
        return machine.folder("CLAUDE_CONFIG_DIR", machine.home) / ".claude.json"

    def skill_folder(self, machine: Machine, project: Path | None) -> Path | None:
        return (project / ".claude" if project else self.folder(machine)) / "skills"

    def instructions_file(self, machine: Machine, project: Path | None) -> Path | None:
        return (project or self.folder(machine)) / "CLAUDE.md"

    def hooks(self, machine: Machine, project: Path | None, launch: Launch) -> list[tuple[Path, Edit]]:
        command = {"type": "command", "command": _refresh(launch, "CLAUDE_PROJECT_DIR")}
        hook = {"matcher": "startup|resume", "hooks": [command]}
        folder = project / ".claude" if project else self.folder(machine)
        return [(folder / "settings.json", JsonElement(("hooks", "SessionStart"), hook, HOOK_MARKS))]

    def entry(self, launch: Launch) -> dict[str, Any]:
        return {"type": "stdio"} | super().entry(launch)


class ClaudeDesktop(Client):
    """https://modelcontextprotocol.io/docs/develop/connect-local-servers."""

    name = "claude-desktop"
    title = "Claude Desktop"
    programs = ("claude-desktop",)
    environment = "desktop"

    def folder(self, machine: Machine) -> Path:
        return machine.applications / "Claude"

    def entry_file(self, machine: Machine, project: Path | None) -> Path | None:
        return None if project else self.folder(machine) / "claude_desktop_config.json"

    def skill_folder(self, machine: Machine, project: Path | None) -> Path | None:
        return None  # its skills are uploaded, not read from a folder

    def instructions_file(self, machine: Machine, project: Path | None) -> Path | None:
        return None


class Cursor(Client):
    """https://cursor.com/docs/context/mcp, …/skills, …/agent/hooks.

    It starts the servers of the user's own file in the home folder, whatever project is open, and replaces
    ${workspaceFolder} in their arguments."""

    name = "cursor"
    title = "Cursor"
    programs = ("cursor", "cursor-agent")
    environment = "desktop"

    def folder(self, machine: Machine) -> Path:
        return machine.home / ".cursor"

    def entry_file(self, machine: Machine, project: Path | None) -> Path | None:
        return (project or machine.home) / ".cursor" / "mcp.json"

    def entry(self, launch: Launch) -> dict[str, Any]:
        return super().entry(replace(launch, arguments=(*launch.arguments, "--folder", OPEN_FOLDER)))

    def hooks(self, machine: Machine, project: Path | None, launch: Launch) -> list[tuple[Path, Edit]]:
        file = (project or machine.home) / ".cursor" / "hooks.json"
        hook = {"command": _refresh(launch, "CURSOR_PROJECT_DIR")}
        version = JsonMember(("version",), 1, only_if_missing=True)
        return [(file, version), (file, JsonElement(("hooks", "sessionStart"), hook, HOOK_MARKS))]


class VSCode(Client):
    """https://code.visualstudio.com/docs/copilot/reference/mcp-configuration, …/agent-customization/agent-skills."""

    name = "vscode"
    title = "VS Code"
    programs = ("code",)
    environment = "desktop"
    entry_path = ("servers", SERVER)

    def folder(self, machine: Machine) -> Path:
        portable = machine.variables.get("VSCODE_PORTABLE")
        if portable:
            return Path(portable) / "user-data" / "User"
        return machine.applications / "Code" / "User"

    def entry_file(self, machine: Machine, project: Path | None) -> Path | None:
        return project / ".vscode" / "mcp.json" if project else self.folder(machine) / "mcp.json"

    def entry(self, launch: Launch) -> dict[str, Any]:
        return {"type": "stdio"} | super().entry(launch)


class Codex(Client):
    """https://developers.openai.com/codex/mcp, …/skills, …/guides/agents-md.

    No hook: Codex skips a new one and warns at each start until the user has reviewed it."""

    name = "codex"
    title = "Codex"
    programs = ("codex",)
    environment = "codex"
    entry_path = ("mcp_servers", SERVER)
    after = "Codex reads a project's .codex/config.toml only if you trust the project."

    def folder(self, machine: Machine) -> Path:
        return machine.folder("CODEX_HOME", machine.home / ".codex")

    def entry_file(self, machine: Machine, project: Path | None) -> Path | None:
        return (project / ".codex" if project else self.folder(machine)) / "config.toml"

    def instructions_file(self, machine: Machine, project: Path | None) -> Path | None:
        return (project or self.folder(machine)) / "AGENTS.md"

    def entry(self, launch: Launch) -> dict[str, Any]:
        return super().entry(launch) | ({"env_vars": list(launch.inherited)} if launch.inherited else {})

    def launch(self, entry: Mapping[str, Any]) -> Launch | None:
        launch, names = super().launch(entry), entry.get("env_vars", [])
        return replace(launch, inherited=tuple(map(str, names))) if launch and isinstance(names, list) else launch

    def entry_edit(self, launch: Launch) -> Edit:
        return TomlTable(self.entry_path, self.entry(launch))


class Gemini(Client):
    """https://geminicli.com/docs/tools/mcp-server, …/cli/skills, …/hooks, …/cli/gemini-md."""

    name = "gemini"
    title = "Gemini CLI"
    programs = ("gemini",)
    after = "Gemini CLI reads a project's settings only if you trust the folder."

    def folder(self, machine: Machine) -> Path:
        return machine.folder("GEMINI_CLI_HOME", machine.home) / ".gemini"

    def entry_file(self, machine: Machine, project: Path | None) -> Path | None:
        return (project / ".gemini" if project else self.folder(machine)) / "settings.json"

    def skill_folder(self, machine: Machine, project: Path | None) -> Path | None:
        home = machine.folder("GEMINI_CLI_HOME", machine.home)
        return (project or home) / ".agents" / "skills"

    def instructions_file(self, machine: Machine, project: Path | None) -> Path | None:
        return (project or self.folder(machine)) / "GEMINI.md"

    def hooks(self, machine: Machine, project: Path | None, launch: Launch) -> list[tuple[Path, Edit]]:
        command = {"type": "command", "name": "pgdex", "command": _refresh(launch, "GEMINI_PROJECT_DIR")}
        file = (project / ".gemini" if project else self.folder(machine)) / "settings.json"
        return [(file, JsonElement(("hooks", "SessionStart"), {"hooks": [command]}, HOOK_MARKS))]


class Copilot(Client):
    """https://docs.github.com/en/copilot/reference/copilot-cli-reference/cli-config-dir-reference."""

    name = "copilot"
    title = "Copilot CLI"
    programs = ("copilot",)
    after = "Copilot CLI reads a project's servers only if you trust the folder."

    def folder(self, machine: Machine) -> Path:
        return machine.folder("COPILOT_HOME", machine.home / ".copilot")

    def entry_file(self, machine: Machine, project: Path | None) -> Path | None:
        return project / ".mcp.json" if project else self.folder(machine) / "mcp-config.json"

    def instructions_file(self, machine: Machine, project: Path | None) -> Path | None:
        return project / "AGENTS.md" if project else self.folder(machine) / "copilot-instructions.md"

    def targets(self, machine: Machine, project: Path | None, launch: Launch) -> list[Target]:
        found = super().targets(machine, project, launch)
        if project:  # the file that Claude Code reads too, so with the same entry
            edit = JsonMember(self.entry_path, ClaudeCode().entry(launch))
            found[0] = Target(self.name, found[0].path, edit)
        return found

    def entry(self, launch: Launch) -> dict[str, Any]:
        return {"type": "local"} | super().entry(launch) | {"tools": ["*"]}


class OpenCode(Client):
    """https://opencode.ai/docs/mcp-servers, …/config, …/skills, …/rules."""

    name = "opencode"
    title = "opencode"
    programs = ("opencode",)
    entry_path = ("mcp", SERVER)

    def folder(self, machine: Machine) -> Path:
        return machine.config / "opencode"

    def entry_file(self, machine: Machine, project: Path | None) -> Path | None:
        folder = project or self.folder(machine)
        commented = folder / "opencode.jsonc"
        return commented if commented.exists() else folder / "opencode.json"

    def instructions_file(self, machine: Machine, project: Path | None) -> Path | None:
        return (project or self.folder(machine)) / "AGENTS.md"

    def targets(self, machine: Machine, project: Path | None, launch: Launch) -> list[Target]:
        # opencode itself puts this line into a file that lacks it: then the file would not be ours to remove any more.
        schema = JsonMember(("$schema",), "https://opencode.ai/config.json", only_if_missing=True)
        found = super().targets(machine, project, launch)
        return [Target(self.name, found[0].path, schema), *found]

    def entry(self, launch: Launch) -> dict[str, Any]:
        entry = {"type": "local", "command": [launch.program, *launch.arguments], "enabled": True}
        return entry | ({"environment": dict(launch.variables)} if launch.variables else {})

    def launch(self, entry: Mapping[str, Any]) -> Launch | None:
        command = entry.get("command")
        if not isinstance(command, list) or not command:
            return None
        return Launch(str(command[0]), tuple(map(str, command[1:])), _texts(entry.get("environment")))


class Zed(Client):
    """https://zed.dev/docs/ai/mcp, …/ai/skills, …/ai/instructions. On macOS too it keeps to ~/.config."""

    name = "zed"
    title = "Zed"
    programs = ("zed", "zeditor")
    environment = "desktop"
    entry_path = ("context_servers", SERVER)

    def folder(self, machine: Machine) -> Path:
        if machine.is_mac:
            return machine.home / ".config" / "zed"
        return machine.folder("FLATPAK_XDG_CONFIG_HOME", machine.config) / "zed"

    def entry_file(self, machine: Machine, project: Path | None) -> Path | None:
        return (project / ".zed" if project else self.folder(machine)) / "settings.json"

    def instructions_file(self, machine: Machine, project: Path | None) -> Path | None:
        return (project or self.folder(machine)) / "AGENTS.md"


class Windsurf(Client):
    """https://docs.windsurf.com/windsurf/cascade/mcp, …/skills, …/memories. A project has no servers of its own."""

    name = "windsurf"
    title = "Windsurf"
    programs = ("windsurf",)
    environment = "desktop"

    def folder(self, machine: Machine) -> Path:
        return machine.home / ".codeium" / "windsurf"

    def entry_file(self, machine: Machine, project: Path | None) -> Path | None:
        return None if project else self.folder(machine) / "mcp_config.json"

    def skill_folder(self, machine: Machine, project: Path | None) -> Path | None:
        return (project / ".windsurf" if project else self.folder(machine)) / "skills"

    def instructions_file(self, machine: Machine, project: Path | None) -> Path | None:
        return project / "AGENTS.md" if project else self.folder(machine) / "memories" / "global_rules.md"


CLIENTS: dict[str, Client] = {
    client.name: client
    for client in (
        *(ClaudeCode(), ClaudeDesktop(), Cursor(), VSCode(), Codex()),
        *(Gemini(), Copilot(), OpenCode(), Zed(), Windsurf()),
    )
}
"""All agents by the name that --agent takes, in the order in which they are shown."""


def _refresh(launch: Launch, variable: str) -> str:
    """A line of shell that has pgdex look at the session's folder, in the background and without a word: an agent waits
    for its hooks, and some show or read what they print. A folder that is not indexed is left alone."""
    settings = "".join(f"{name}={shlex.quote(value)} " for name, value in launch.variables.items())
    program = shlex.quote(launch.program)
    return f'{settings}nohup {program} hooks run "${{{variable}:-.}}" </dev/null >/dev/null 2>&1 &'


def _texts(variables: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in variables.items()} if isinstance(variables, dict) else {}
