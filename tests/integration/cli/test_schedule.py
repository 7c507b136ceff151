"""`pgdex schedule`, and what other commands say of schedules and of git sources that can't be had."""

from pathlib import Path

import pytest

from pgdex.jobs.client.client import Client
from tests.integration.cli.commands import Environment, Run
from tests.support.git_repositories import Repository
from tests.support.sql_worker import SqlWorker, enqueue, tree

ADDRESS = "https://git.example.com/team/app.git"


@pytest.fixture
def source(client: Client) -> str:
    """A git source that is in the index."""
    enqueue(client.connection, ADDRESS)
    SqlWorker(client.connection).work_all(tree(2))
    client.connection.execute("delete from pgdex.procrastinate_workers")
    return ADDRESS


def test_a_schedule_is_set_shown_and_ended(run_pgdex: Run, source: str) -> None:
    assert "Nothing is scheduled" in run_pgdex("schedule").err
    done = run_pgdex("schedule", source, "*/15 * * * *")
    assert (done.code, "scheduled: */15 * * * * (UTC), next at " in done.out) == (0, True)
    assert "pgdex worker" in done.err, "no worker runs"
    (listed,) = run_pgdex("schedule", "--json").json
    assert (listed["repo_path"], listed["expression"], listed["failures"]) == (source, "*/15 * * * *", 0)
    assert "*/15 * * * *" in run_pgdex("repos").out
    (repository,) = run_pgdex("repos", "--json").json["repositories"]
    assert repository["views"][0]["schedule"] == "*/15 * * * *"
    assert "is no longer scheduled" in run_pgdex("schedule", "app", "--remove").out
    assert run_pgdex("schedule", "--json").json == []


@pytest.mark.parametrize(
    ("arguments", "saying"),
    [
        (["app", "* * *"], "five fields"),
        (["app", "99 * * * *"], "out of range"),
        (["app"], "give the times"),
        (["app", "* * * * *", "--remove"], "nothing else"),
        (["--remove"], "takes REPO"),
        (["nowhere", "* * * * *"], "nowhere is not in the index of project default. Indexed: https://"),
        (["app", "--remove"], "has no schedule"),
    ],
)
def test_what_is_wrong_is_said(run_pgdex: Run, source: str, arguments: list[str], saying: str) -> None:
    done = run_pgdex("schedule", *arguments)
    assert done.code == 2, done
    assert saying in done.err


def test_a_schedule_that_fails_is_shown_by_schedule_repos_and_the_doctor(
    run_pgdex: Run, source: str, client: Client
) -> None:
    run_pgdex("schedule", source, "*/15 * * * *")
    enqueue(client.connection, source)
    client.connection.execute("select pgdex.admit_jobs()")
    client.connection.execute("update pgdex.indexing_jobs set status = 'running' where status = 'pending'")
    client.connection.execute(
        "select pgdex.fail_job(id, 'no login for git.example.com', 'AuthenticationFailed')"
        " from pgdex.indexing_jobs where status = 'running'"
    )
    assert "no login for git.example.com" in " ".join(run_pgdex("schedule").out.split())
    assert "1 failure in a row" in run_pgdex("repos").out
    said = " ".join(run_pgdex("doctor").out.split())
    assert "app.git fails (1 failure in a row): no login for git.example.com" in said
    assert "no worker is alive to start the jobs" in said


def test_the_doctor_is_fine_without_git_until_a_git_source_is_indexed(
    run_pgdex: Run, client: Client, tmp_path: Path
) -> None:
    without_git = {"PATH": str(tmp_path)}
    assert "✓ git" in run_pgdex("doctor", env=without_git).out
    enqueue(client.connection, ADDRESS)
    said = run_pgdex("doctor", env=without_git).out
    assert "! git" in said
    assert "1 git source is indexed" in " ".join(said.split())
    assert "✓ git" in run_pgdex("doctor").out


@pytest.mark.usefixtures("worker")
def test_a_branch_that_does_not_exist_is_an_error_with_what_to_do_and_no_note_of_later_searches(
    run_pgdex: Run, environment: Environment, tmp_path: Path
) -> None:
    source = Repository.make(tmp_path / "app")
    source.commit({"a.py": "def first_function(): pass\n"})
    failed = run_pgdex("index", str(source.path), "--branch", "nowhere")
    assert failed.code == 1
    assert "has no branch nowhere" in failed.err
    assert "pgdex retry " in failed.err
    assert f"pgdex remove {source.path}@nowhere" in failed.err
    assert "nothing in project default has been indexed successfully yet" in run_pgdex("search", "first").err
    done = run_pgdex("index", f"file://{source.path}/.git", "--branch", "main")
    assert done.code == 0, done.err
    found = run_pgdex("search", "first_function", cwd=tmp_path)
    assert "a.py" in found.out
    assert "nowhere" not in found.err
    mirrors = [line for line in run_pgdex("doctor").out.splitlines() if "mirrors" in line]
    assert "1 mirror in " in mirrors[0]
    assert run_pgdex("remove", f"{source.path}@nowhere", "--yes").code == 0
