"""Which project a command is about: the same as through the other agents, and it says so."""

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pgdex.jobs.cli.exit_codes import ExitCode
from tests.contract.agents import Agent, environment
from tests.contract.test_jobs import project
from tests.contract.test_projects_of_requests import with_project
from tests.support.logins import PGDEX, Finished, run_pgdex


@pytest.fixture
def variables(client_url: str, tmp_path: Path) -> dict[str, Any]:
    """The database of the other agents, under a login for which no workers are started."""
    return {"PGDEX_DATABASE_URL": client_url, "home": tmp_path / "home"}


def project_of(finished: Finished) -> str:
    """The project of the job that `pgdex index --detach --json` started."""
    assert finished.code == ExitCode.DONE, finished
    return str(json.loads(finished.out)["project_id"])


def test_a_file_above_the_folder_names_the_project_and_the_command_says_so(
    variables: dict[str, Any], repository: Path
) -> None:
    mine = project()
    file = with_project(repository, mine, home=variables["home"])

    by_path = run_pgdex("index", str(repository), "--detach", "--json", **variables)
    from_inside = run_pgdex("index", ".", "--detach", "--json", folder=repository, **variables)

    assert project_of(by_path) == project_of(from_inside) == mine
    assert f"Project {mine} (from {file})." in by_path.err
    assert json.loads(by_path.out)["job_id"] == json.loads(from_inside.out)["job_id"]


def test_the_option_comes_before_the_variable_and_the_variable_before_the_file(
    variables: dict[str, Any], repository: Path
) -> None:
    by_option, by_variable = project(), project()
    with_project(repository, project(), home=variables["home"])
    given = variables | {"PGDEX_PROJECT": by_variable}

    first = run_pgdex("index", str(repository), "--detach", "--json", "--project", by_option, **given)
    second = run_pgdex("index", str(repository), "--detach", "--json", **given)

    assert (project_of(first), project_of(second)) == (by_option, by_variable)
    assert f"Project {by_option}." in first.err
    assert f"Project {by_variable} (from PGDEX_PROJECT)." in second.err


def test_without_any_word_it_is_the_default_and_nothing_is_said_of_projects(
    variables: dict[str, Any], repository: Path
) -> None:
    finished = run_pgdex("index", str(repository), "--detach", "--json", **variables)

    assert project_of(finished) == "default"
    assert "Project" not in finished.err


def test_a_command_and_a_tool_come_to_the_same_job(
    variables: dict[str, Any], repository: Path, agents: Any, folder: Path
) -> None:
    with_project(repository, project(), home=folder / "home")
    variables |= {"home": folder / "home"}
    agent: Agent = agents.agent("stdio-2025-11-25")

    by_command = run_pgdex("index", str(repository), "--detach", "--json", **variables)
    by_tool = agent.call("start_indexing_background", repo_path=str(repository)).data

    assert by_tool["already_running"] is True
    assert by_tool["job_id"] == json.loads(by_command.out)["job_id"]
    assert by_tool["project_id"] == project_of(by_command)


@pytest.mark.parametrize("command", ["index", "skipped"])
def test_what_can_be_no_project_is_refused_with_its_name(
    command: str, variables: dict[str, Any], repository: Path
) -> None:
    file = repository / ".pgdex.toml"
    file.write_text("project = 'no spaces'\n")

    by_file = run_pgdex("allow", str(repository), **variables)
    by_option = run_pgdex(command, str(repository), "--project", "no spaces", **variables)

    assert (by_file.code, by_option.code) == (ExitCode.USAGE, ExitCode.USAGE)
    assert str(file) in by_file.err
    assert "'no spaces'" in by_option.err


def test_skipped_files_are_those_of_the_folder_s_project(variables: dict[str, Any], repository: Path) -> None:
    mine = project()
    with_project(repository, mine, home=variables["home"])

    by_path = run_pgdex("skipped", str(repository), **variables)
    run_pgdex("index", str(repository), "--detach", **variables)
    from_inside = run_pgdex("skipped", folder=repository, **variables)

    assert f"is not indexed in project {mine}" in by_path.err
    assert from_inside.code == ExitCode.DONE
    assert "No file was skipped" in from_inside.err


def test_a_cloned_file_is_believed_after_it_was_allowed(variables: dict[str, Any], repository: Path) -> None:
    theirs = project()
    file = with_project(repository, theirs, home=None)

    before = run_pgdex("index", str(repository), "--detach", "--json", **variables)
    allowing = run_pgdex("allow", folder=repository, **variables)
    after = run_pgdex("index", str(repository), "--detach", "--json", **variables)
    listed = run_pgdex("allow", "--list", **variables)
    file.write_text(f'project = "{theirs}"  # changed\n')
    changed = run_pgdex("search", "anything", folder=repository, **variables)
    revoked = run_pgdex("allow", "--revoke", str(repository), **variables)

    assert project_of(before) == "default"
    assert f"pgdex allow {file}" in before.err
    assert theirs in before.err
    assert f"{file} may choose the project {theirs}" in allowing.out
    assert project_of(after) == theirs
    assert str(file) in listed.out
    assert f"{file} was ignored" in changed.err
    assert revoked.code == ExitCode.DONE
    assert run_pgdex("allow", "--list", **variables).out == ""


def test_a_job_is_abbreviated_within_the_project_only(
    variables: dict[str, Any], repository: Path, tmp_path: Path
) -> None:
    his, hers = project(), project()
    job = json.loads(run_pgdex("index", str(repository), "--detach", "--json", "--project", hers, **variables).out)[
        "job_id"
    ]
    bob = variables | {"PGDEX_PROJECT": his, "folder": tmp_path}

    for name in ("last", job[:8], job):
        refused = run_pgdex("cancel", name, "--yes", **bob)
        assert refused.code == ExitCode.NOT_FOUND, refused
        assert name == "last" or f"--project {hers}" in refused.err
    for command in ("status", "events"):
        assert run_pgdex(command, **bob).code == ExitCode.NOT_FOUND
        assert run_pgdex(command, "last", **bob).code == ExitCode.NOT_FOUND
        assert run_pgdex(command, job[:8], **bob).code == ExitCode.NOT_FOUND
        assert run_pgdex(command, job, **bob).code == ExitCode.DONE
        assert run_pgdex(command, "last", "--project", hers, **bob).code == ExitCode.DONE
    assert run_pgdex("cancel", "last", "--yes", "--project", hers, **bob).code == ExitCode.DONE


def test_a_folder_that_was_removed_meanwhile_is_no_hindrance(variables: dict[str, Any], tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    arguments = [*PGDEX, "status", "--project", project()]
    given = {name: str(value) for name, value in variables.items() if name != "home"}
    script = f"cd {here} && rmdir {here} && exec {shlex.join(arguments)}"

    finished = subprocess.run(
        ["sh", "-c", script],
        env=environment(PGDEX_HOME=str(tmp_path / "home"), **given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert finished.returncode == ExitCode.NOT_FOUND, finished
    assert "no jobs in project" in finished.stderr
