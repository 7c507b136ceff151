"""Installing for every agent into a home folder, and taking it back: every file is what it was, to the byte."""

import hashlib
import json
import os
import stat
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgdex.jobs.agents import files
from pgdex.jobs.agents.clients import CLIENTS, Launch
from pgdex.jobs.agents.machine import project_root
from pgdex.jobs.agents.receipts import FILE_NAME
from pgdex.jobs.agents.registered import registrations
from tests.support.agent_homes import LAUNCH, THEIRS, Home, fill, problems, tree


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
    # Cursor alone has to be told which folder is open.
    added = {one.client.name: one.launch.arguments[1:] for one in found if one.launch and one.launch.arguments[1:]}
    assert added == {"cursor": ("--folder", "${workspaceFolder}")}
    assert all(one.launch and replace(one.launch, arguments=LAUNCH.arguments) == LAUNCH for one in found)


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
