"""A user's home folder with what people have in their agents' files, and `pgdex install` for it."""

import json
import os
import stat
from pathlib import Path

from pgdex.jobs.agents.clients import CLIENTS, Launch
from pgdex.jobs.agents.installing import Change, carry_out, plan_install, plan_uninstall
from pgdex.jobs.agents.machine import Machine
from pgdex.jobs.agents.receipts import load

LAUNCH = Launch("/opt/py dex/pgdex", variables={"PGDEX_HOME": "/data/ü"})

# What people have in these files before, in the shapes that an edit could damage.
THEIRS = {
    ".claude.json": b'{\r\n\t"numStartups": 3,\r\n\t"mcpServers": {}\r\n}',
    ".claude/settings.json": b'{"hooks":{"SessionStart":[{"hooks":[{"type":"command","command":"echo hi"}]}]}}',
    ".claude/CLAUDE.md": b"# Mine\nno newline at the end",
    ".codex/config.toml": b'# my model\nmodel = "o" # best\n\n[mcp_servers.other]\ncommand = "x"\n',
    ".codex/AGENTS.md": b"\xef\xbb\xbf# BOM\r\n",
    ".gemini/settings.json": b'{\n    // theme\n    "theme": "x",\n}\n',
    ".gemini/GEMINI.md": b"latin-1: \xe4\n",
    ".config/Code/User/mcp.json": b'\xef\xbb\xbf{"servers": {"o": {"command": "x"}}, "inputs": []}\n',
    ".config/zed/settings.json": b'// Zed\n{\n  "context_servers": {\n    // none\n  },\n  "theme": "One",\n}\n',
    ".config/opencode/opencode.jsonc": b'{"$schema": "https://opencode.ai/config.json"}',
    ".copilot/mcp-config.json": b"",
    ".cursor/mcp.json": b"{}",
}


def fill(home: Path, contents: dict[str, bytes]) -> None:
    """Write these files below a folder, by their names relative to it."""
    for name, content in contents.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)


def put_plugin(folder: Path, *, project: Path | None = None, scope: str = "user", enabled: bool = True) -> None:
    """pgdex's plugin in Claude Code's folder, as Claude Code 2.1.332 records it after `claude plugin install`."""
    name = "pgdex@market"
    record = {"scope": scope, "installPath": str(folder / "plugins/cache/market/pgdex/0.1.0"), "version": "0.1.0"}
    place = folder if project is None else project / ".claude"
    file = place / ("settings.local.json" if scope == "local" else "settings.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    settings = json.loads(file.read_bytes()) if file.exists() else {}
    file.write_text(json.dumps(settings | {"enabledPlugins": {name: enabled}}))
    registry = folder / "plugins" / "installed_plugins.json"
    registry.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(registry.read_bytes())["plugins"].get(name, []) if registry.exists() else []
    known.append(record | ({"projectPath": str(project)} if project else {}))
    registry.write_text(json.dumps({"version": 2, "plugins": {name: known}}))


def tree(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """Everything below a folder: modes and contents, links as links."""
    found: dict[str, tuple[int, bytes | str]] = {}
    for path in sorted(folder.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if path.is_symlink():
            found[str(path.relative_to(folder))] = (0, os.readlink(path))
        else:
            found[str(path.relative_to(folder))] = (mode, b"" if path.is_dir() else path.read_bytes())
    return found


class Home:
    """A user's home folder, and `pgdex install` for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(exist_ok=True)
        self.state = folder / ".local/share/pgdex"
        self.machine = Machine(folder, {"PATH": ""})

    def install(
        self, *names: str, project: Path | None = None, launch: Launch = LAUNCH, machine: Machine | None = None
    ) -> list[Change]:
        agents = [CLIENTS[name] for name in names or CLIENTS]
        targets = [target for one in agents for target in one.targets(machine or self.machine, project, launch)]
        kept = load(self.state)
        return carry_out(plan_install(targets, kept, home=self.folder, project=project), kept, state=self.state)

    def uninstall(self, *names: str, project: Path | None = None) -> list[Change]:
        agents = [CLIENTS[name] for name in names or CLIENTS]
        targets = [target for one in agents for target in one.targets(self.machine, project, Launch("pgdex"))]
        kept = load(self.state)
        plan = plan_uninstall(targets, kept, agents={one.name for one in agents}, home=self.folder, project=project)
        return carry_out(plan, kept, state=self.state)


def problems(changes: list[Change]) -> list[str]:
    """What was refused, as the user reads it."""
    return [change.problem for change in changes if change.problem]
