"""Real agents list the server that `pgdex install` has registered, and start it. Run with: make test-clients

The agents' npm packages, of the versions in package.json, are installed once into the user's cache folder (1.2 GB). No
agent is logged in anywhere and no model is asked: what is used of each is its own reading of its files, and its own
start of the server.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest
from filelock import FileLock

from tests.support.logins import CHECKOUT, PGDEX
from tests.support.waiting import wait_for
from tests.support.workers import end_processes_in

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

PACKAGES = (Path(__file__).parent / "package.json").read_bytes()
CACHE = platformdirs.user_cache_path("pgdex-tests") / f"clients-{hashlib.sha256(PACKAGES).hexdigest()[:12]}"
PROGRAM = Path(PGDEX[0]).with_name("pgdex")


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder with the agents' programs."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: the agents can't be")
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / "lock"):
        if not (CACHE / "complete").exists():
            (CACHE / "package.json").write_bytes(PACKAGES)
            command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
            subprocess.run(command, cwd=CACHE, check=True, timeout=280, stdin=subprocess.DEVNULL)
            (CACHE / "complete").touch()
    return CACHE / "node_modules" / ".bin"


class User:
    """A user with an empty home folder and these agents on the PATH."""

    def __init__(self, folder: Path, database_url: str, programs: Path) -> None:
        self.home = folder / "me"
        self.project = folder / "project"
        for made in (self.home, self.project):
            made.mkdir()
        self.variables = {
            "HOME": str(self.home),
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PGDEX_HOME": str(folder / "data"),
            "PGDEX_DATABASE_URL": database_url,
            "PYTHONPATH": str(CHECKOUT),
            "CI": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
        }

    def run(self, *command: str, cwd: Path | None = None, check: bool = True) -> str:
        """What a command says on both streams."""
        done = self._done(*command, cwd=cwd)
        said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        assert done.returncode == 0 or not check, said
        return said

    def out(self, *command: str) -> str:
        """What a command says on stdout."""
        done = self._done(*command, cwd=None)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _done(self, *command: str, cwd: Path | None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            env=self.variables,
            cwd=cwd or self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def install(self, *options: str, cwd: Path | None = None) -> str:
        return self.run(*PGDEX, "install", "--yes", *options, cwd=cwd)

    def files(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.home)): path.read_bytes() for path in self.home.rglob("*") if path.is_file()}


@pytest.fixture
def user(tmp_path: Path, database_url: str, programs: Path) -> Iterator[User]:
    yield User(tmp_path, database_url, programs)
    end_processes_in(tmp_path / "data")


def test_the_agents_on_the_path_are_found_and_each_is_proven(user: User) -> None:
    said = user.install()

    assert "Agents: Claude Code, Codex, Gemini CLI" in said
    for title in ("Claude Code", "Codex", "Gemini CLI"):
        assert re.search(rf"✓ {title} +\d+ tools; nothing is indexed yet", said), said


def test_claude_code_lists_the_server_starts_it_and_reads_its_settings(user: User) -> None:
    user.install("--agent", "claude-code")

    listed = user.run("claude", "mcp", "list")
    shown = user.run("claude", "mcp", "get", "pgdex")

    assert re.search(rf"pgdex: {re.escape(str(PROGRAM))} mcp .*Connected", listed), listed
    assert "User config" in shown
    assert "Connected" in shown
    assert "SessionStart" in json.loads((user.home / ".claude/settings.json").read_text())["hooks"]


def test_claude_code_finds_its_files_where_claude_config_dir_says(user: User) -> None:
    user.variables["CLAUDE_CONFIG_DIR"] = str(user.home / "elsewhere")

    user.install("--agent", "claude-code")

    assert "Connected" in user.run("claude", "mcp", "get", "pgdex")
    assert not (user.home / ".claude.json").exists()


def test_claude_code_sees_a_project_s_entry(user: User) -> None:
    user.install("--agent", "claude-code", "--scope", "project", cwd=user.project)

    shown = user.run("claude", "mcp", "get", "pgdex", cwd=user.project, check=False)

    assert "Project config" in shown, shown
    assert str(PROGRAM) in shown


def test_claude_code_with_the_plugin_gets_no_second_server(user: User) -> None:
    user.variables["PATH"] = f"{PROGRAM.parent}:{user.variables['PATH']}"
    user.run("claude", "plugin", "marketplace", "add", str(CHECKOUT))
    user.run("claude", "plugin", "install", "pgdex@pgdex")

    said = user.install("--agent", "claude-code")

    assert "Claude Code is left alone: its plugin pgdex@pgdex (~/.claude/settings.json) brings the same tools" in said
    assert re.search(r"✓ Claude Code +\d+ tools; nothing is indexed yet", said), said
    listed = user.run("claude", "mcp", "list")
    assert re.findall(r"^(\S*pgdex): .*Connected", listed, flags=re.MULTILINE) == ["plugin:pgdex:pgdex"], listed

    user.run("claude", "plugin", "disable", "pgdex@pgdex")
    assert "left alone" not in user.install("--agent", "claude-code")
    listed = user.run("claude", "mcp", "list")
    assert re.findall(r"^(\S*pgdex): .*Connected", listed, flags=re.MULTILINE) == ["pgdex"], listed


def test_codex_lists_the_server_with_its_command_and_the_variables_that_it_hands_on(user: User) -> None:
    (user.home / ".codex").mkdir()
    (user.home / ".codex/config.toml").write_text('# mine\nmodel = "gpt-5" # best\n')
    url = user.variables["PGDEX_DATABASE_URL"]
    user.variables["PGDEX_DATABASE_URL"] = f"{url}{'&' if '?' in url else '?'}password=s3cret"

    user.install("--agent", "codex")

    assert re.search(rf"pgdex +{re.escape(str(PROGRAM))} +mcp", user.run("codex", "mcp", "list"))
    (entry,) = json.loads(user.out("codex", "mcp", "list", "--json"))
    assert entry["enabled"] is True
    assert (entry["transport"]["command"], entry["transport"]["args"]) == (str(PROGRAM), ["mcp"])
    assert entry["transport"]["env_vars"] == ["PGDEX_DATABASE_URL"]
    written = (user.home / ".codex/config.toml").read_text()
    assert written.startswith('# mine\nmodel = "gpt-5" # best\n')
    assert "s3cret" not in written


def test_gemini_lists_the_server_starts_it_and_has_the_skill(user: User) -> None:
    (user.home / ".gemini").mkdir()
    (user.home / ".gemini/settings.json").write_text('{\n  // mine\n  "ui": {"theme": "GitHub"}\n}\n')
    (user.home / ".gemini/trustedFolders.json").write_text(json.dumps({str(user.home): "TRUST_FOLDER"}))

    user.install("--agent", "gemini")
    line = rf"pgdex: {re.escape(str(PROGRAM))} mcp \(stdio\) - Connected"
    # This list, unlike a session, gives a server five seconds, which on a busy machine are too few.
    wait_for(lambda: re.search(line, user.run("gemini", "mcp", "list")), what="Gemini CLI's connection", seconds=120)
    skills = user.run("gemini", "skills", "list")

    assert "pgdex [Enabled]" in skills
    assert "// mine" in (user.home / ".gemini/settings.json").read_text()


def test_what_an_agent_has_written_itself_in_between_stays_after_an_uninstall(user: User) -> None:
    user.install("--agent", "claude-code", "--agent", "codex")
    user.run("claude", "mcp", "add", "-s", "user", "other", "--", "/bin/other")
    user.run("codex", "mcp", "add", "other", "--", "/bin/other")

    user.install("--uninstall")

    servers = json.loads((user.home / ".claude.json").read_text())["mcpServers"]
    assert list(servers) == ["other"]
    assert [one["name"] for one in json.loads(user.out("codex", "mcp", "list", "--json"))] == ["other"]
    assert not [name for name in user.files() if "pgdex" in name]


@pytest.mark.parametrize(("agent", "file"), [("claude-code", ".claude.json"), ("cursor", ".cursor/mcp.json")])
def test_the_inspector_starts_the_server_from_the_file_and_searches(user: User, agent: str, file: str) -> None:
    user.install("--agent", agent)
    config = [str(user.home / file), "--server", "pgdex"]
    inspector = ["mcp-inspector", "--cli", "--config", *config]

    tools = json.loads(user.out(*inspector, "--method", "tools/list"))["tools"]
    answer = user.run(*inspector, "--method", "tools/call", "--tool-name", "search_code", "--tool-arg", "query=parse")

    assert {"search_code", "start_indexing_background"} <= {tool["name"] for tool in tools}
    assert "Nothing is indexed" in answer
