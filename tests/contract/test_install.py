"""`pgdex install` as a user runs it, in a home folder of its own: what it writes starts, and it all goes again."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pgdex.jobs.agents.clients import CLIENTS, Launch
from tests.support.agent_homes import put_plugin
from tests.support.logins import CHECKOUT, PATIENCE_SECONDS, PGDEX, Finished, new_login
from tests.support.trees import write_tree
from tests.support.waiting import wait_for
from tests.support.workers import end_processes_in


class User:
    """A user with a home folder, whose pgdex uses the test's database."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.home = folder / "me"
        self.home.mkdir()
        self.variables = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "PGDEX_HOME": str(folder / "data"),
            "PGDEX_DATABASE_URL": database_url,
            "PYTHONPATH": str(CHECKOUT),
        }

    def pgdex(self, *arguments: str, cwd: Path | None = None, **variables: str) -> Finished:
        done = subprocess.run(
            [*PGDEX, *arguments],
            env=self.variables | variables,
            cwd=cwd or self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_SECONDS,  # a proof alone may take one
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Finished(done.returncode, done.stdout, done.stderr)

    def files(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.home)): path.read_bytes() for path in self.home.rglob("*") if path.is_file()}


@pytest.fixture
def user(tmp_path: Path, database_url: str) -> Iterator[User]:
    """Someone whose database's address has a password in it, and who has indexed nothing."""
    with new_login(database_url, "pgdex_client") as url:
        yield User(tmp_path, url)


def test_an_agent_gets_its_entry_which_is_started_and_searched_and_everything_goes_again(user: User) -> None:
    (user.home / ".claude.json").write_text('{\n  "numStartups": 1\n}\n')
    before = user.files()

    seen = user.pgdex("install", "--agent", "claude-code", "--dry-run")
    assert seen.code == 0, seen.err
    assert '"pgdex": {' in seen.out
    assert "Nothing was written." in seen.out
    assert user.files() == before

    done = user.pgdex("install", "--agent", "claude-code", "--yes")
    assert done.code == 0, done.err + done.out
    assert "✓ Claude Code" in done.out
    assert "tools; nothing is indexed yet, so a search had nothing to find" in done.out
    entry = json.loads((user.home / ".claude.json").read_text())["mcpServers"]["pgdex"]
    assert os.path.isabs(entry["command"])
    assert entry["env"] == {"PGDEX_HOME": user.variables["PGDEX_HOME"]}
    assert "postgresql://" not in "".join(content.decode() for content in user.files().values())

    checked = user.pgdex("doctor", "--json")
    agents = [check for check in json.loads(checked.out)["checks"] if check["name"] == "agents"]
    assert [check["outcome"] for check in agents] == ["ok"]
    assert agents[0]["finding"].startswith("Claude Code (~/.claude.json): ")

    (user.home / ".claude.json").write_text("{}")
    (agents,) = [one for one in json.loads(user.pgdex("doctor", "--json").out)["checks"] if one["name"] == "agents"]
    assert (agents["outcome"], "the entry has gone from ~/.claude.json" in agents["finding"]) == ("warning", True)
    user.pgdex("install", "--agent", "claude-code", "--yes")

    assert user.pgdex("install", "--agent", "claude-code", "--uninstall", "--yes").code == 0
    assert user.files() == before | {".claude.json": b"{}"}
    assert not Path(user.variables["PGDEX_HOME"], "agents.json").exists()


def test_the_proof_is_a_search_that_finds_something_of_what_is_indexed_wherever_it_is_made(
    database_url: str, tmp_path: Path
) -> None:
    user = User(tmp_path, database_url)
    write_tree(tmp_path / "till", {"prices.py": "def discount(price: float) -> float:\n    return price * 0.9\n"})
    write_tree(tmp_path / "empty", {"blank.py": ""})
    try:
        for name in ("till", "empty"):
            assert user.pgdex("index", str(tmp_path / name)).code == 0

        # In a folder without an index, the whole project is searched.
        done = user.pgdex("install", "--agent", "claude-code", "--yes")
        # In one with an index of nothing, a search finds nothing, which would be no proof.
        checked = user.pgdex("doctor", "--json", cwd=tmp_path / "empty")
    finally:
        end_processes_in(tmp_path / "data")

    assert done.code == 0, done.out
    assert f"tools; a search finds prices.py in {tmp_path / 'till'}" in " ".join(done.out.split())
    (agents,) = [one for one in json.loads(checked.out)["checks"] if one["name"] == "agents"]
    assert agents["outcome"] == "ok"
    assert agents["finding"].endswith(f"tools; a search finds prices.py in {tmp_path / 'till'}")


def test_a_project_with_the_plugin_is_pointed_out_when_the_user_gets_an_entry(user: User, tmp_path: Path) -> None:
    put_plugin(user.home / ".claude", project=tmp_path / "shop", scope="project")

    planned = user.pgdex("install", "--agent", "claude-code", "--dry-run")
    document = json.loads(user.pgdex("install", "--agent", "claude-code", "--dry-run", "--json").out)
    inside = json.loads(
        user.pgdex(
            *("install", "--agent", "claude-code", "--scope", "project", "--dry-run", "--json"), cwd=tmp_path / "shop"
        ).out
    )

    said = " ".join(planned.err.split())
    assert f"Claude Code has the plugin pgdex@market in {tmp_path / 'shop'}, and so every tool twice there" in said
    assert "claude plugin uninstall pgdex@market --scope project" in said
    assert [one["project"] for one in document["twice"]] == [str(tmp_path / "shop")]
    assert document["agents"] == ["claude-code"], "other projects need the entry"
    assert (inside["twice"], inside["agents"]) == ([], [])


def test_claude_code_with_the_plugin_is_left_alone_and_told_of_an_entry_beside_it(user: User) -> None:
    put_plugin(user.home / ".claude")
    user.variables["PATH"] = f"{Path(PGDEX[0]).parent}{os.pathsep}{os.environ['PATH']}"
    before = user.files()

    alone = user.pgdex("install", "--agent", "claude-code", "--yes")

    assert alone.code == 0, alone.out + alone.err
    assert "Claude Code is left alone: its plugin pgdex@market (~/.claude/settings.json) brings the same" in alone.err
    assert "twice" not in alone.err
    assert "✓ Claude Code" in alone.out, "the plugin's server is proven"
    assert user.files() == before

    entry = {"command": str(Path(PGDEX[0]).with_name("pgdex")), "args": ["mcp"]}
    (user.home / ".claude.json").write_text(json.dumps({"mcpServers": {"pgdex": entry}}))
    both = user.pgdex("install", "--agent", "claude-code", "--dry-run", "--json")
    (left_alone,) = json.loads(both.out)["left_alone"]
    assert "It has every tool twice now, since ~/.claude.json has an entry too" in left_alone["reason"]
    assert "pgdex install --uninstall --agent claude-code" in left_alone["reason"]
    checks = json.loads(user.pgdex("doctor", "--json").out)["checks"]
    twice = [one["outcome"] for one in checks if "has every tool of pgdex twice" in one["finding"]]
    assert twice == ["warning"]

    user.pgdex("install", "--agent", "claude-code", "--uninstall", "--yes")
    assert json.loads((user.home / ".claude.json").read_text()).get("mcpServers", {}) == {}


def test_an_entry_whose_program_is_gone_fails_the_doctor_with_what_to_do(user: User) -> None:
    entry = {"command": "/nowhere/pgdex", "args": ["mcp"]}
    (user.home / ".cursor").mkdir()
    (user.home / ".cursor/mcp.json").write_text(json.dumps({"mcpServers": {"pgdex": entry}}))

    checked = user.pgdex("doctor", "--json")

    assert checked.code == 1
    (agents,) = [check for check in json.loads(checked.out)["checks"] if check["name"] == "agents"]
    assert agents["outcome"] == "failed"
    assert "there is no program /nowhere/pgdex any more" in agents["finding"]
    assert "pgdex install --agent cursor" in agents["advice"]


def test_what_a_cloned_project_says_is_not_started_by_the_doctor(tmp_path: Path) -> None:
    entry = {"command": "/bin/sh", "args": ["-c", "touch ran"]}
    (tmp_path / "clone/.git").mkdir(parents=True)
    (tmp_path / "clone/.mcp.json").write_text(json.dumps({"mcpServers": {"pgdex": entry}}))

    checked = User(tmp_path, "postgresql://127.0.0.1:1/nothing").pgdex("doctor", "--json", cwd=tmp_path / "clone")

    (agents,) = [check for check in json.loads(checked.out)["checks"] if check["name"] == "agents"]
    assert agents["outcome"] == "warning"
    assert "not started: the project's entry starts another program, /bin/sh" in agents["finding"]
    assert not (tmp_path / "clone/ran").exists()


def test_a_project_s_entry_that_install_wrote_is_started_by_the_doctor(user: User) -> None:
    (user.home / "web/.git").mkdir(parents=True)

    done = user.pgdex("install", "--agent", "claude-code", "--scope", "project", "--yes", cwd=user.home / "web")
    checked = user.pgdex("doctor", "--json", cwd=user.home / "web")

    assert (done.code, "✓ Claude Code" in done.out) == (0, True), done.out + done.err
    (agents,) = [check for check in json.loads(checked.out)["checks"] if check["name"] == "agents"]
    assert agents["outcome"] == "ok", agents


def test_a_database_that_is_away_is_what_the_proof_says(user: User) -> None:
    done = user.pgdex(
        "install", "--agent", "claude-code", "--yes", PGDEX_DATABASE_URL="postgresql://127.0.0.1:1/nothing"
    )

    assert done.code == 1
    assert "✗ Claude Code it starts, but a search fails: DATABASE_ERROR" in done.out
    assert (user.home / ".claude.json").exists()


def test_without_an_agent_a_terminal_or_a_name_that_exists_nothing_is_written(user: User) -> None:
    nobody = user.pgdex("install", "--yes", PATH="/nonexistent")
    assert (nobody.code, "no coding agent was found" in nobody.err) == (2, True)

    unasked = user.pgdex("install", "--agent", "codex")
    assert (unasked.code, "add --yes" in unasked.err) == (2, True)

    unknown = user.pgdex("install", "--agent", "emacs", "--yes")
    assert (unknown.code, "claude-code" in unknown.err) == (2, True)

    homeless = user.pgdex("install", "--agent", "codex", "--yes", cwd=Path("/"), HOME="/nonexistent")
    assert (homeless.code, "home folder /nonexistent does not exist" in homeless.err) == (1, True)

    assert user.files() == {}


def test_a_broken_file_is_named_and_the_rest_is_written(user: User) -> None:
    (user.home / ".claude.json").write_text("{")

    done = user.pgdex("install", "--agent", "claude-code", "--yes", "--json")

    assert done.code == 1
    answer = json.loads(done.out)
    (problem,) = [file["problem"] for file in answer["files"] if file["problem"]]
    assert "line 1" in problem
    assert answer["proofs"] == []
    assert (user.home / ".claude/skills/pgdex/SKILL.md").exists()


def test_a_setting_of_this_shell_that_is_written_into_the_entries_is_named_before_anything_is_written(
    user: User,
) -> None:
    seen = user.pgdex("install", "--agent", "claude-code", "--dry-run", PGDEX_PROJECT="only-here")

    assert "PGDEX_PROJECT, which your shell sets, is written into the entries" in " ".join(seen.err.split())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder that is someone else's")
def test_root_writes_nothing_into_the_home_of_another_user(user: User) -> None:
    os.chown(user.home, 65534, 65534)

    done = user.pgdex("install", "--agent", "claude-code", "--yes", cwd=Path("/"))

    assert done.code == 1
    assert "is not root's" in done.err
    assert user.files() == {}


def test_cursor_s_server_works_in_the_folder_that_is_open_though_it_is_started_at_home(
    user: User, tmp_path: Path
) -> None:
    entry = CLIENTS["cursor"].entry(Launch(PGDEX[0], (*PGDEX[1:], "mcp")))
    project = tmp_path / "open project"
    project.mkdir()

    def command(opened: str) -> list[str]:
        return [entry["command"], *(argument.replace("${workspaceFolder}", opened) for argument in entry["args"])]

    server = subprocess.Popen(command(str(project)), cwd=user.home, env=user.variables, stdin=subprocess.PIPE)
    try:
        wait_for(lambda: Path(psutil.Process(server.pid).cwd()) == project, what="the server in the folder")
    finally:
        server.kill()
        server.communicate()
    # Nothing is open: Cursor leaves the text as it is.
    done = subprocess.run(
        command("${workspaceFolder}"), cwd=user.home, env=user.variables, input=b"", capture_output=True, check=True
    )
    assert f"works in {user.home} instead" in done.stderr.decode()


def test_json_without_a_decision_is_refused_before_anything_is_read(user: User) -> None:
    before = user.files()

    seen = user.pgdex("install", "--agent", "cursor", "--json")

    assert seen.code == 2
    assert "add --yes, or look with --dry-run" in seen.err
    assert user.files() == before
