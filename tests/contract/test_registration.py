"""docs/agents.md: everything that is there to be copied is started once, exactly as it is written."""

import json
import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal
from mcp import Client, StdioServerParameters

from tests.contract.agents import Agent, environment, http_client, http_server
from tests.contract.test_tools import TOOLS

PAGE = (Path(__file__).parents[2] / "docs" / "agents.md").read_text("utf-8")
CLIENTS = ("Claude Code", "Cursor", "VS Code", "Codex")
TOP_KEYS = {"Claude Code": "mcpServers", "Cursor": "mcpServers", "VS Code": "servers", "Codex": "mcp_servers"}


def section(title: str) -> str:
    """The page's text under a heading."""
    found = re.search(rf"^#{{2,4}} {re.escape(title)}\n(.*?)(?=^##|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert found is not None, f"no section {title}"
    return found[1]


def blocks(title: str, language: str) -> list[str]:
    """The code blocks of a section in a language."""
    return re.findall(rf"```{language}\n(.*?)```", section(title), flags=re.DOTALL)


def entries(title: str) -> list[dict[str, Any]]:
    """The servers that a section's JSON and TOML register."""
    parsed = [json.loads(block) for block in blocks(title, "json")]
    parsed += [tomllib.loads(block) for block in blocks(title, "toml")]
    return [entry for one in parsed for entry in one[TOP_KEYS[title]].values()]


def is_stdio(entry: dict[str, Any]) -> bool:
    return "command" in entry


def assert_serves(
    portal: BlockingPortal, client_url: str, folder: Path, command: str, arguments: list[str], given: dict[str, str]
) -> None:
    """Start the command as a client does, found through PATH."""
    programs = Path(sys.executable).parent
    variables = environment(PGDEX_DATABASE_URL=client_url, PGDEX_HOME=str(folder))
    path = f"{programs}:{variables['PATH']}"
    server = StdioServerParameters(command=command, args=arguments, env=variables | {"PATH": path} | given, cwd=folder)
    with portal.wrap_async_context_manager(Client(server)) as client:
        assert {tool.name for tool in portal.call(client.list_tools).tools} == set(TOOLS)
        assert not Agent(portal, client).call("list_background_jobs").raw.is_error


@pytest.mark.parametrize("title", CLIENTS)
def test_each_client_s_registration_starts_a_server(
    title: str, portal: BlockingPortal, client_url: str, tmp_path: Path
) -> None:
    found = [entry for entry in entries(title) if is_stdio(entry)]

    assert found
    for entry in found:
        assert entry.get("type", "stdio") == "stdio"
        assert_serves(portal, client_url, tmp_path, entry["command"], entry.get("args", []), entry.get("env", {}))


def test_the_command_that_registers_with_claude_code_names_a_server_that_starts(
    portal: BlockingPortal, client_url: str, tmp_path: Path
) -> None:
    (line,) = [line for line in "".join(blocks("Claude Code", "sh")).splitlines() if line.startswith("claude mcp add")]
    words = shlex.split(line)[3:]
    options, command = words[: words.index("--")], words[words.index("--") + 1 :]

    assert options == ["-s", "project", "pgdex"]
    assert_serves(portal, client_url, tmp_path, command[0], command[1:], {})


def test_the_readme_has_the_same_line() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")

    assert "claude mcp add -s project pgdex -- pgdex mcp" in readme


def test_the_http_registrations_name_the_address_that_the_page_starts_a_server_at() -> None:
    (line,) = [line for line in "".join(blocks("Over HTTP", "sh")).splitlines() if line.startswith("pgdex mcp --http")]
    address = shlex.split(line)[3]
    (registration,) = [json.loads(block) for block in blocks("Over HTTP", "json")]

    (entry,) = registration["mcpServers"].values()
    assert entry["type"] == "http"
    assert entry["url"] == f"http://{address}/mcp"
    assert entry["headers"] == {"Authorization": "Bearer ${PGDEX_MCP_TOKEN}"}


def test_the_command_over_http_serves(portal: BlockingPortal, client_url: str, tmp_path: Path) -> None:
    with (
        http_server(tmp_path, PGDEX_DATABASE_URL=client_url, PGDEX_HOME=str(tmp_path)) as url,
        portal.wrap_async_context_manager(http_client(url)) as client,
    ):
        assert {tool.name for tool in portal.call(client.list_tools).tools} == set(TOOLS)


def test_the_page_names_every_tool_and_every_code() -> None:
    for name in TOOLS:
        assert f"`{name}`" in PAGE
    rows = set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, flags=re.MULTILINE))
    assert rows == {
        *("VALIDATION_ERROR", "JOB_NOT_FOUND", "JOB_IS_FINAL", "JOB_IS_LIVE", "MODEL_CHANGED"),
        "NOT_ENOUGH_DISK_SPACE",
        *("EMBEDDER_UNAVAILABLE", "DATABASE_ERROR", "BUSY", "NOT_ALLOWED", "INTERNAL_ERROR"),
    }
