"""`pgdex watch` and `pgdex hooks` as users have them."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.client.client import Client
from tests.integration.cli.commands import Environment, Run, pgdex
from tests.support.waiting import wait_for

SECONDS = 60.0


@pytest.fixture
def configuration() -> dict[str, object]:
    """An embedder that is there at once."""
    return {"embedder": "hashing"}


class Watch:
    """`pgdex watch --json`, and what it has printed."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path) -> None:
        self.process = process
        self._out = out

    def said(self) -> list[dict[str, Any]]:
        """Every object so far."""
        return [json.loads(line) for line in self._out.read_text().splitlines()]

    def wait(self, event: str, *, times: int = 1) -> dict[str, Any]:
        """The latest of this kind, once there were so many."""

        def of_it() -> list[dict[str, Any]]:
            return [one for one in self.said() if one["event"] == event]

        wait_for(lambda: len(of_it()) >= times, what=f"{times} × {event}", seconds=SECONDS)
        return of_it()[times - 1]


@contextmanager
def watch(environment: Environment, folder: Path, *paths: str) -> Iterator[Watch]:
    """The command, in the background, with stdout in a file of `folder`."""
    out = folder / f"watch-{time.monotonic_ns()}.jsonl"
    with out.open("wb") as stdout:
        process = subprocess.Popen(
            pgdex("watch", "--json", *paths), env=environment, stdin=subprocess.DEVNULL, stdout=stdout
        )
    try:
        yield Watch(process, out)
    finally:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("worker", "heeds_ctrl_c")
def test_a_folder_is_indexed_first_then_kept_current_until_ctrl_c(
    environment: Environment, repository: Path, tmp_path: Path, client: Client
) -> None:
    with watch(environment, tmp_path, str(repository)) as seen:
        assert seen.wait("watching")["how"] == "events"
        seen.wait("completed")
        (repository / "src" / "added.py").write_text("def added_later():\n    return 1\n")
        assert seen.wait("changed", times=2)["paths"] == ["src/added.py"]
        assert seen.wait("completed", times=2)["status"] == "completed"
        seen.process.send_signal(signal.SIGINT)
        assert seen.process.wait(20) == ExitCode.DONE
    assert client.find("last").files_indexed == 1


@pytest.mark.usefixtures("worker")
def test_when_a_watcher_is_killed_the_next_one_takes_over(
    environment: Environment, repository: Path, tmp_path: Path
) -> None:
    with watch(environment, tmp_path, str(repository)) as first:
        first.wait("watching")
        with watch(environment, tmp_path, str(repository)) as second:
            second.wait("standing_by")
            first.process.kill()
            second.wait("watching")


def test_what_can_t_be_watched_is_said_at_once(run_pgdex: Run, tmp_path: Path) -> None:
    done = run_pgdex("watch", str(tmp_path / "nothing"))
    assert done.code == ExitCode.USAGE
    assert "there is no folder" in done.err


@pytest.mark.usefixtures("worker")
def test_hooks_have_a_commit_and_a_checkout_indexed_and_leave_other_repositories_alone(
    environment: Environment, repository: Path, run_pgdex: Run, client: Client, tmp_path: Path
) -> None:
    def git(folder: Path, *arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=folder, env=environment, check=True, capture_output=True)

    def found(query: str) -> bool:
        answer = run_pgdex("search", query, "--json", cwd=repository)
        return query in answer.out

    other = tmp_path / "other"
    other.mkdir()
    for folder in (repository, other):
        git(folder, "init", "--quiet")
    assert run_pgdex("index", str(repository)).code == ExitCode.DONE
    for folder in (repository, other):
        done = run_pgdex("hooks", "install", "--json", str(folder))
        assert done.code == ExitCode.DONE, done.err
        assert all(hook["installed"] for hook in done.json["hooks"])

    git(other, "commit", "--quiet", "--allow-empty", "--message", "one")
    (repository / "src" / "added.py").write_text("def added_by_commit():\n    return 1\n")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "one")
    wait_for(lambda: client.find("last").files_indexed == 1 and client.find("last").is_final, what="the commit")
    assert {job.repo_path for job in client.list_jobs().jobs} == {str(repository)}

    git(repository, "checkout", "--quiet", "--orphan", "empty")
    git(repository, "rm", "-r", "--quiet", "--force", "src/added.py")
    git(repository, "commit", "--quiet", "--message", "two")
    # By the checkout's job, if that looked late enough, or by the commit's.
    wait_for(lambda: sum(job.files_deleted for job in client.list_jobs().jobs) == 1, what="the removal")
    wait_for(lambda: client.find("last").is_final, what="the end of the last job")
    assert run_pgdex("hooks", "remove", str(repository)).code == ExitCode.DONE
    assert not any(hook["installed"] for hook in run_pgdex("hooks", "status", "--json", str(repository)).json["hooks"])


def test_doctor_says_whether_changes_are_reported(run_pgdex: Run, repository: Path) -> None:
    (check,) = [
        one for one in run_pgdex("doctor", "--json", cwd=repository).json["checks"] if one["name"] == "watching"
    ]
    assert str(os.path.realpath(repository)) in check["finding"]
