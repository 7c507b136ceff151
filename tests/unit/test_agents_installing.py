"""Installing for every agent into a home folder, and taking it back: every file is what it was, to the byte."""

import hashlib
import json
import os
import re
import stat
import subprocess
import threading
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgdex.jobs.agents import files
from pgdex.jobs.agents.clients import CLIENTS, Launch
from pgdex.jobs.agents.files import FileChanged, FileRefused, alone_in
from pgdex.jobs.agents.installing import Change, carry_out, plan_install, plan_uninstall
from pgdex.jobs.agents.machine import Machine, project_root
from pgdex.jobs.agents.program import NoProgram, lasting_program, settings_to_hand_on
from pgdex.jobs.agents.receipts import FILE_NAME, load
from pgdex.jobs.agents.registered import Registration, reason_not_to_start, registrations
from pgdex.jobs.errors import InvalidSetting
from tests.support.waiting import wait_for

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
    for name, content in contents.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)


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


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path.resolve() / "home")


def test_two_home_folders_with_one_pgdex_home_don_t_touch_each_other(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path.resolve() / "other")
    other.state = home.state
    home.install("codex")
    other.install("codex")

    other.uninstall()

    assert tree(other.folder) == {}
    assert len(registrations(home.machine, None)) == 1
    home.uninstall()
    assert tree(home.folder) == {}


def problems(changes: list[Change]) -> list[str]:
    return [change.problem for change in changes if change.problem]


def test_uninstalling_leaves_every_file_and_folder_as_it_was(home: Home) -> None:
    fill(home.folder, THEIRS)
    before = tree(home.folder)

    assert problems(home.install()) == []
    assert all((home.folder / name).read_bytes() != content for name, content in THEIRS.items())
    assert problems(home.uninstall()) == []

    assert tree(home.folder) == before


def test_an_empty_home_is_empty_again(home: Home) -> None:
    home.install()
    assert (home.folder / ".agents/skills/pgdex/SKILL.md").exists()

    home.uninstall()

    assert tree(home.folder) == {}


def test_a_second_install_changes_nothing(home: Home) -> None:
    fill(home.folder, THEIRS)
    home.install()
    before = tree(home.folder)

    again = home.install()

    assert not any(change.changes_the_file for change in again)
    assert tree(home.folder) == before


def test_every_agent_s_entry_is_read_back_as_it_is_to_be_started(home: Home) -> None:
    fill(home.folder, THEIRS)
    home.install()

    found = registrations(home.machine, None)

    assert [one.client.name for one in found] == list(CLIENTS)
    assert all(one.launch == LAUNCH for one in found)


def test_what_a_program_has_written_since_survives_an_uninstall(home: Home) -> None:
    fill(home.folder, {".claude.json": b'{"a": 1}', ".codex/config.toml": b"a = 1\n"})
    home.install("claude-code", "codex")
    claude, codex = home.folder / ".claude.json", home.folder / ".codex/config.toml"
    document = json.loads(claude.read_text())
    claude.write_text(json.dumps(document | {"numStartups": 4}, indent=4))  # Claude Code prints all of it again
    codex.write_text('[projects."/x"]\ntrust_level = "trusted"\n\n' + codex.read_text().replace("args =", "args  ="))

    assert problems(home.uninstall()) == []

    assert json.loads(claude.read_text()) == {"a": 1, "numStartups": 4}
    assert tomllib.loads(codex.read_text()) == {"projects": {"/x": {"trust_level": "trusted", "a": 1}}}
    assert not (home.folder / ".claude").exists()


def test_text_that_a_user_has_added_around_it_stays_to_the_byte(home: Home) -> None:
    fill(home.folder, {".claude/CLAUDE.md": b"# Mine\n"})
    home.install("claude-code")
    file = home.folder / ".claude/CLAUDE.md"
    file.write_bytes(b"# First\r\n" + file.read_bytes() + b"\nLast")

    home.uninstall()

    assert file.read_bytes() == b"# First\r\n# Mine\n\nLast"


def test_an_install_with_a_program_elsewhere_replaces_the_entry_and_is_still_undone_to_the_byte(home: Home) -> None:
    fill(home.folder, THEIRS)
    before = tree(home.folder)
    home.install()

    home.install(launch=Launch("/new/pgdex"))

    launches = [one.launch for one in registrations(home.machine, None)]
    assert {launch.program for launch in launches if launch} == {"/new/pgdex"}
    home.uninstall()
    assert tree(home.folder) == before


def test_an_entry_made_by_hand_comes_back(home: Home) -> None:
    mine = b'{"mcpServers": {"pgdex": {"command": "pgdex", "args": ["mcp"], "timeout": 9}}}'
    fill(home.folder, {".cursor/mcp.json": mine})

    home.install("cursor")
    entry = json.loads((home.folder / ".cursor/mcp.json").read_text())["mcpServers"]["pgdex"]
    home.uninstall()

    assert (entry["command"], entry["timeout"]) == (LAUNCH.program, 9)
    assert (home.folder / ".cursor/mcp.json").read_bytes() == mine


def test_without_its_record_an_uninstall_goes_by_names(home: Home) -> None:
    fill(home.folder, THEIRS)
    home.install()
    (home.state / FILE_NAME).unlink()

    assert problems(home.uninstall()) == []

    assert registrations(home.machine, None) == []
    assert not list(home.folder.rglob("SKILL.md"))
    assert b"pgdex" not in b"".join(path.read_bytes() for path in home.folder.rglob("*") if path.is_file())


def test_a_file_that_two_agents_share_stays_until_both_are_gone(home: Home) -> None:
    home.install("codex", "gemini")
    skill = home.folder / ".agents/skills/pgdex/SKILL.md"

    home.uninstall("codex")
    assert skill.exists()
    assert [one.client.name for one in registrations(home.machine, None)] == ["gemini"]

    home.uninstall("gemini")
    assert tree(home.folder) == {}


def test_links_stay_links_and_modes_stay(home: Home) -> None:
    dotfiles = home.folder / "dotfiles"
    fill(dotfiles, {"claude.json": b'{"a": 1}\n', "codex.toml": b"a = 1\n"})
    (dotfiles / "claude.json").chmod(0o600)
    (home.folder / ".claude.json").symlink_to("dotfiles/claude.json")
    (home.folder / ".codex").mkdir()
    (home.folder / ".codex/config.toml").symlink_to(dotfiles / "codex.toml")
    before = tree(home.folder)

    home.install("claude-code", "codex")

    assert (home.folder / ".claude.json").is_symlink()
    assert stat.S_IMODE((dotfiles / "claude.json").stat().st_mode) == 0o600
    assert b"pgdex" in (dotfiles / "codex.toml").read_bytes()
    home.uninstall()
    assert tree(home.folder) == before


def test_settings_that_are_made_for_a_user_are_private_and_a_project_s_are_as_the_umask_says(
    home: Home, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    former = os.umask(0o022)
    try:
        home.install("claude-code", "codex")
        home.install("claude-code", project=project)
    finally:
        os.umask(former)

    modes = {str(path): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*.*") if path.is_file()}
    made = (".claude.json", ".claude/settings.json", ".codex/config.toml", ".claude/CLAUDE.md")
    assert [modes[str(home.folder / name)] for name in made] == [0o600, 0o600, 0o600, 0o644]
    assert modes[str(project / ".mcp.json")] == 0o644


def test_hard_links_stay_one_file(home: Home) -> None:
    fill(home.folder, {"dotfile": b'{"a": 1}', ".cursor/x": b""})
    os.link(home.folder / "dotfile", home.folder / ".cursor/mcp.json")

    home.install("cursor")
    assert b"pgdex" in (home.folder / "dotfile").read_bytes()

    home.uninstall()
    assert (home.folder / "dotfile").read_bytes() == b'{"a": 1}'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"mcpServers": {', "can't be understood: line 1, column 17"),
        (b'{"mcpServers": []}', "mcpServers is not an object"),
        (b"\xff\xfe{\0}\0", "is not a UTF-8 text file"),
        (b'{"a": 1, "a": 2, "mcpServers": {}, "mcpServers": {}}', "mcpServers is there more than once"),
    ],
)
def test_a_file_that_is_broken_is_left_alone_and_the_others_are_written(
    home: Home, content: bytes, reason: str
) -> None:
    fill(home.folder, {".claude.json": content})

    done = home.install("claude-code", "codex")

    (problem,) = problems(done)
    assert str(home.folder / ".claude.json") in problem
    assert reason in problem
    assert (home.folder / ".claude.json").read_bytes() == content
    assert [one.client.name for one in registrations(home.machine, None)] == ["codex"]


@pytest.mark.parametrize("place", [".codex/config.toml", ".codex"])
def test_what_is_read_only_is_refused_with_what_to_do(home: Home, place: str) -> None:
    fill(home.folder, {".codex/config.toml": b"a = 1\n", ".codex/AGENTS.md": b""})
    (home.folder / place).chmod(0o444 if place.endswith("toml") else 0o555)
    try:
        found = [problem for problem in problems(home.install("codex")) if "config.toml" in problem]
    finally:
        (home.folder / place).chmod(0o755)

    assert len(found) == 1
    assert "read-only" in found[0]
    assert (home.folder / ".codex/config.toml").read_bytes() == b"a = 1\n"


def test_a_folder_in_a_file_s_place_and_a_file_in_a_folder_s_place_are_refused(home: Home) -> None:
    (home.folder / ".claude.json").mkdir(parents=True)
    fill(home.folder, {".codex": b""})

    found = problems(home.install("claude-code", "codex"))

    assert any("is not a regular file" in one for one in found)
    assert any("is not a folder" in one for one in found)


def test_a_file_that_changes_between_reading_and_writing_is_not_written(home: Home) -> None:
    fill(home.folder, {"f": b"theirs"})

    with pytest.raises(FileChanged):
        files.write(home.folder / "f", "ours", expected="older")

    assert (home.folder / "f").read_bytes() == b"theirs"


@pytest.mark.parametrize("before", [b"first", None], ids=["a file", "no file"])
def test_what_another_program_writes_while_the_disk_is_waited_for_stays(
    home: Home, before: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(home.folder, {} if before is None else {"f": before})
    wait_for_disk = os.fsync

    def slow(descriptor: int) -> None:
        wait_for_disk(descriptor)
        (home.folder / "f").write_bytes(b"theirs")

    monkeypatch.setattr(os, "fsync", slow)
    with pytest.raises(FileChanged, match="run this again"):
        files.write(home.folder / "f", "ours", expected=None if before is None else before.decode())

    assert tree(home.folder).keys() == {"f"}
    assert (home.folder / "f").read_bytes() == b"theirs"


def test_no_backup_is_left_after_success(home: Home) -> None:
    fill(home.folder, THEIRS)

    home.install()

    assert [path for path in home.folder.rglob("*") if files.BACKUP_SUFFIX in path.name] == []


def test_what_is_recorded_is_readable_for_its_owner_only_and_has_nothing_of_the_rest(home: Home) -> None:
    fill(home.folder, {".gemini/settings.json": b'{\n  "a": "sk-secret",\n  "hooks": {},\n  "b": "sk-other"\n}\n'})
    home.install("gemini")

    record = home.state / FILE_NAME

    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert b"sk-" not in record.read_bytes()


def test_a_record_that_is_damaged_is_not_overwritten(home: Home) -> None:
    home.install("codex")
    (home.state / FILE_NAME).write_text("{")

    with pytest.raises(InvalidSetting, match="is damaged"):
        home.install("codex")


@pytest.mark.parametrize("at", [0, 1, 4, 20])
def test_a_killed_install_is_completed_and_undone_to_the_byte(
    home: Home, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(home.folder, THEIRS)
    before = tree(home.folder)
    calls = iter(range(100))
    write = files.write

    def killed(*args: object, **options: object) -> None:
        if next(calls) == at:
            raise KeyboardInterrupt
        write(*args, **options)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(files, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        home.install()
    monkeypatch.undo()

    home.install()
    home.uninstall()

    assert tree(home.folder) == before


def test_two_installs_at_once_lose_no_entry(home: Home) -> None:
    names = list(CLIENTS)
    shared = home.folder / "shared.json"
    shared.write_text("{}")
    found: list[BaseException] = []

    def run(name: str) -> None:
        try:
            with alone_in(home.folder):
                home.install(name)
                document = json.loads(shared.read_text())
                shared.write_text(json.dumps(document | {name: 1}))
        except BaseException as error:
            found.append(error)

    threads = [threading.Thread(target=run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert found == []
    assert set(json.loads(shared.read_text())) == set(names)
    assert [one.client.name for one in registrations(home.machine, None)] == names
    assert set(load(home.state).of[str(home.folder / ".agents/skills/pgdex/SKILL.md")].agents) >= {"codex", "gemini"}


def test_who_can_t_have_the_lock_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOCK_SECONDS", 0.2)
    with (
        alone_in(home.folder),
        pytest.raises(FileRefused, match="another `pgdex install` is at work"),
        alone_in(home.folder),
    ):
        pass


def test_a_project_s_files_are_apart_from_the_user_s(home: Home, tmp_path: Path) -> None:
    project = tmp_path.resolve() / "project"
    fill(project, {"AGENTS.md": b"# Rules\n", ".vscode/mcp.json": b'{"servers": {}}', "src/x": b""})
    (project / ".git").mkdir()
    before = tree(project)

    home.install()
    home.install(project=project)

    assert project_root(project / "src") == project
    assert (project / "AGENTS.md").read_bytes().count(b"pgdex:begin") == 1
    inside = {one.client.name for one in registrations(home.machine, project) if one.project}
    assert inside >= {"claude-code", "cursor", "vscode", "codex", "gemini", "opencode", "zed"}
    home.uninstall(project=project)
    assert tree(project) == before
    assert len(registrations(home.machine, project)) == len(CLIENTS)


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


def test_secret_settings_are_named_and_not_handed_on() -> None:
    variables = {"PGDEX_DATABASE_URL": "postgresql://u:p@h/d", "PGDEX_PROJECT": "web", "PGDEX_HOME": "x", "PATH": "y"}
    known = ["PGDEX_DATABASE_URL", "PGDEX_PROJECT", "PGDEX_HOME", "PGDEX_SLOTS"]

    given, left_out = settings_to_hand_on(variables, known=known, secret=known[:1], home=Path("/abs/x"))

    assert given == {"PGDEX_PROJECT": "web", "PGDEX_HOME": "/abs/x"}
    assert left_out == ["PGDEX_DATABASE_URL"]


@pytest.mark.parametrize("address", ["http://me:key@host/v1", "https://key@host", "https://host/v1?key=k"])
def test_an_address_of_a_service_that_holds_a_login_is_not_handed_on(address: str) -> None:
    variables = {
        "PGDEX_EMBEDDER_URL": address,
        "PGDEX_EMBEDDER": "openai:x@1",
        "PGDEX_DATABASE_URL": "postgresql://me@host/d?sslmode=require",
    }

    given, left_out = settings_to_hand_on(variables, known=list(variables), secret=[], home=Path("/abs/x"))

    assert left_out == ["PGDEX_EMBEDDER_URL"]
    assert given.keys() == {"PGDEX_EMBEDDER", "PGDEX_DATABASE_URL"}


def test_what_would_make_an_agent_s_file_unreadable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / os.fsdecode(b"m\xfcller")
    folder.mkdir()
    (folder / "pgdex").write_text("#!/bin/sh\n")
    (folder / "pgdex").chmod(0o755)
    monkeypatch.setattr("sys.executable", str(folder / "python"))

    with pytest.raises(NoProgram, match=r"not UTF-8.*m\\xfcller/pgdex"):
        lasting_program()
    with pytest.raises(InvalidSetting, match="PGDEX_PROJECT is not UTF-8"):
        settings_to_hand_on({"PGDEX_PROJECT": "\udcfc"}, known=["PGDEX_PROJECT"], secret=[], home=Path("/x"))


def test_the_program_is_the_name_on_the_path_only_if_it_leads_to_this_pgdex(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, other = tmp_path / "tool/bin", tmp_path / "other"
    for folder in (tool, other):
        folder.mkdir(parents=True)
        (folder / "pgdex").write_text("#!/bin/sh\n")
        (folder / "pgdex").chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/pgdex").symlink_to(tool / "pgdex")
    monkeypatch.setattr("sys.executable", str(tool / "python"))

    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert lasting_program() == str(tmp_path / "bin/pgdex")
    monkeypatch.setenv("PATH", str(other))
    assert lasting_program() == str(tool / "pgdex")
    monkeypatch.setattr("sys.executable", str(tmp_path / "uv/archive-v0/x/bin/python"))
    with pytest.raises(NoProgram, match="uvx"):
        lasting_program()


@pytest.mark.parametrize(
    ("launch", "reason"),
    [
        (Launch("OURS"), None),
        (Launch("pgdex"), None),
        (Launch("/nowhere/pgdex"), None),
        (Launch("/bin/sh", ("-c", "echo")), "another program, /bin/sh"),
        (Launch("other-pgdex"), "another program, other-pgdex"),
        (Launch("./pgdex"), "another program, ./pgdex"),
        (Launch("OURS", ("mcp", "--http", "0.0.0.0:80")), "other arguments"),
        (Launch("OURS", variables={"PYTHONPATH": "."}), "sets PYTHONPATH"),
    ],
)
def test_of_a_project_s_entries_only_those_of_this_pgdex_may_be_started_unasked(
    launch: Launch, reason: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("bin/pgdex", "path/other-pgdex"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin/python"))
    launch = replace(launch, program=launch.program.replace("OURS", str(tmp_path / "bin/pgdex")))
    path = f"{tmp_path}/path:{tmp_path}/bin"

    of_a_project, of_the_user = (
        reason_not_to_start(Registration(CLIENTS["cursor"], tmp_path / "mcp.json", launch, project), path)
        for project in (tmp_path, None)
    )

    assert of_the_user is None
    assert (of_a_project is None) if reason is None else (reason in (of_a_project or ""))


@pytest.mark.parametrize("name", ["claude-code", "cursor", "gemini"])
def test_a_hook_starts_pgdex_in_the_session_s_folder_and_neither_waits_nor_prints(name: str, tmp_path: Path) -> None:
    program = tmp_path / "it's here" / "pgdex"
    program.parent.mkdir()
    script = 'sleep 0.5\necho "$@, $PGDEX_PROJECT" > "$0.part"\nmv "$0.part" "$0.called"\n'
    program.write_text(f"#!/bin/sh\n{script}")
    called = program.with_name("pgdex.called")
    program.chmod(0o755)
    client = CLIENTS[name]
    launch = Launch(str(program), variables={"PGDEX_PROJECT": "my shop"})
    edits = [edit for _, edit in client.hooks(Machine(tmp_path, {}), None, launch)]
    command = re.search(r'"command": "(.*nohup .*)"', edits[-1].make("{}"))
    assert command is not None
    variables = {"PATH": os.environ["PATH"], f"{name.partition('-')[0].upper()}_PROJECT_DIR": "/my project"}

    line = ["/bin/sh", "-c", json.loads(f'"{command[1]}"')]
    done = subprocess.run(line, env=variables, cwd=tmp_path, capture_output=True, check=True, timeout=30)

    assert (done.stdout, done.stderr) == (b"", b"")
    assert not called.exists()
    wait_for(called.exists, what="the hook's program")
    assert called.read_text() == "hooks run /my project, my shop\n"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["install", "uninstall"]), st.sampled_from(list(CLIENTS))), max_size=6))
def test_whatever_the_order_of_installs_and_uninstalls_the_end_is_the_beginning(
    tmp_path: Path, steps: list[tuple[str, str]]
) -> None:
    name = hashlib.sha256(repr(steps).encode()).hexdigest()[:12]
    home = Home(tmp_path.resolve() / name)
    fill(home.folder, THEIRS)
    before = tree(home.folder)

    for step, agent in steps:
        assert problems(home.install(agent) if step == "install" else home.uninstall(agent)) == []
    home.uninstall()

    assert tree(home.folder) == before
