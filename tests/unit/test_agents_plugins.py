"""Whether Claude Code has pgdex's plugin, by the files that it keeps."""

from pathlib import Path

import pytest

from pgdex.jobs.agents.clients import CLIENTS
from pgdex.jobs.agents.machine import Machine
from pgdex.jobs.agents.plugins import active_plugin, plugins_of_projects
from tests.support.agent_homes import put_plugin


@pytest.fixture
def claude(tmp_path: Path) -> Path:
    return tmp_path / ".claude"


def name_in(home: Path, project: Path | None = None, **variables: str) -> str | None:
    found = active_plugin(CLIENTS["claude-code"], Machine(home, variables), project)
    return found.name if found else None


def test_a_plugin_of_the_user_is_there_in_every_project(tmp_path: Path, claude: Path) -> None:
    put_plugin(claude)
    assert name_in(tmp_path) == name_in(tmp_path, tmp_path / "p") == "pgdex@market"
    assert active_plugin(CLIENTS["codex"], Machine(tmp_path, {}), None) is None


def test_a_plugin_moves_with_claude_config_dir(tmp_path: Path) -> None:
    put_plugin(tmp_path / "elsewhere")
    assert name_in(tmp_path) is None
    assert name_in(tmp_path, CLAUDE_CONFIG_DIR=str(tmp_path / "elsewhere")) == "pgdex@market"


@pytest.mark.parametrize("scope", ["project", "local"])
def test_a_plugin_of_a_project_is_there_in_that_one_alone(tmp_path: Path, claude: Path, scope: str) -> None:
    put_plugin(claude, project=tmp_path / "p", scope=scope)
    assert name_in(tmp_path, tmp_path / "p") == "pgdex@market"
    assert name_in(tmp_path) is None
    assert name_in(tmp_path, tmp_path / "other") is None


def test_the_projects_that_have_it_for_themselves_are_known(tmp_path: Path, claude: Path) -> None:
    put_plugin(claude, project=tmp_path / "b", scope="local")
    put_plugin(claude, project=tmp_path / "a", scope="project")
    put_plugin(claude, project=tmp_path / "off", scope="project", enabled=False)
    put_plugin(claude, project=tmp_path / "gone", scope="project")
    (tmp_path / "gone/.claude/settings.json").unlink()

    found = plugins_of_projects(CLIENTS["claude-code"], Machine(tmp_path, {}))

    assert [(folder.name, plugin.name, plugin.file.name) for folder, plugin in found] == [
        ("a", "pgdex@market", "settings.json"),
        ("b", "pgdex@market", "settings.local.json"),
    ]
    assert plugins_of_projects(CLIENTS["codex"], Machine(tmp_path, {})) == []


def test_what_is_nearest_to_the_project_decides(tmp_path: Path, claude: Path) -> None:
    put_plugin(claude)
    put_plugin(claude, project=tmp_path / "p", scope="local", enabled=False)
    assert name_in(tmp_path) == "pgdex@market"
    assert name_in(tmp_path, tmp_path / "p") is None


def test_a_plugin_that_is_switched_off_or_asked_for_and_not_installed_is_none(tmp_path: Path, claude: Path) -> None:
    put_plugin(claude, enabled=False)
    assert name_in(tmp_path) is None
    put_plugin(claude)
    assert name_in(tmp_path) == "pgdex@market"
    (claude / "plugins/installed_plugins.json").write_text('{"version": 2, "plugins": {}}')
    assert name_in(tmp_path) is None


@pytest.mark.parametrize(
    "rubbish", ["", "{", "[]", '{"enabledPlugins": [1]}', '{"plugins": {"pgdex@market": [1, {"projectPath": 7}]}}']
)
@pytest.mark.parametrize("file", ["settings.json", "plugins/installed_plugins.json"])
def test_a_file_that_is_none_of_claude_code_s_says_nothing(
    tmp_path: Path, claude: Path, file: str, rubbish: str
) -> None:
    put_plugin(claude)
    (claude / file).write_text(rubbish)
    assert name_in(tmp_path, tmp_path / "p") is None
    assert plugins_of_projects(CLIENTS["claude-code"], Machine(tmp_path, {})) == []
