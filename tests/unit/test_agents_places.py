"""Which agents are on a machine, and where each of them keeps its files."""

from pathlib import Path

import pytest

from pgdex.jobs.agents.clients import CLIENTS
from pgdex.jobs.agents.machine import Machine


@pytest.mark.parametrize(
    ("name", "variables", "file"),
    [
        ("claude-code", {}, ".claude.json"),
        ("claude-code", {"CLAUDE_CONFIG_DIR": "~/c"}, "c/.claude.json"),
        ("claude-desktop", {}, ".config/Claude/claude_desktop_config.json"),
        ("vscode", {"XDG_CONFIG_HOME": "HOME/x"}, "x/Code/User/mcp.json"),
        ("vscode", {"VSCODE_PORTABLE": "HOME/p"}, "p/user-data/User/mcp.json"),
        ("codex", {"CODEX_HOME": "HOME/x"}, "x/config.toml"),
        ("gemini", {"GEMINI_CLI_HOME": "HOME/x"}, "x/.gemini/settings.json"),
        ("copilot", {"COPILOT_HOME": "HOME/x"}, "x/mcp-config.json"),
        ("opencode", {"XDG_CONFIG_HOME": "HOME/x"}, "x/opencode/opencode.json"),
        ("zed", {"XDG_CONFIG_HOME": "HOME/x"}, "x/zed/settings.json"),
        ("windsurf", {}, ".codeium/windsurf/mcp_config.json"),
    ],
)
def test_variables_move_an_agent_s_files(name: str, variables: dict[str, str], file: str, tmp_path: Path) -> None:
    given = {key: value.replace("HOME", str(tmp_path)) for key, value in variables.items()}

    assert CLIENTS[name].entry_file(Machine(tmp_path, given), None) == tmp_path / file


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("claude-desktop", "Library/Application Support/Claude/claude_desktop_config.json"),
        ("vscode", "Library/Application Support/Code/User/mcp.json"),
        ("zed", ".config/zed/settings.json"),
    ],
)
def test_on_a_mac_programs_of_the_desktop_have_their_own_folder(name: str, file: str, tmp_path: Path) -> None:
    assert CLIENTS[name].entry_file(Machine(tmp_path, {}, is_mac=True), None) == tmp_path / file


def test_an_agent_is_found_by_its_folder_or_by_its_program(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/codex").write_text("#!/bin/sh\n")
    (tmp_path / "bin/codex").chmod(0o755)
    (tmp_path / ".gemini").mkdir()
    machine = Machine(tmp_path, {"PATH": str(tmp_path / "bin")})

    assert [client.name for client in CLIENTS.values() if client.is_here(machine)] == ["codex", "gemini"]
