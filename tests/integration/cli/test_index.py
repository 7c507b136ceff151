"""`pgdex index`: a folder in, progress, the outcome; and the ways out before the end."""

import os
import re
import signal
from dataclasses import fields
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import TypeAdapter

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.watching import LOOK_SECONDS
from pgdex.jobs.client.models import JobStatus, StartedJob, WorkerStatus
from pgdex.jobs.database.connection import Connection
from tests.integration.cli.commands import Environment, Run, ended, started
from tests.integration.cli.terminal import Terminal
from tests.integration.cli.watched_jobs import listeners, running_job
from tests.support.job_checks import value
from tests.support.waiting import wait_for

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x9b]")


@pytest.mark.usefixtures("worker")
def test_a_folder_is_indexed_and_found_again(run_pgdex: Run, repository: Path) -> None:
    first = run_pgdex("index", ".", cwd=repository)

    assert first.code == ExitCode.DONE, first.err
    assert "Indexed sources in" in first.out
    assert "15 found: 13 indexed, 2 skipped" in first.out
    assert "1 binary, 1 empty" in first.out
    assert not CONTROL.search(first.out + first.err)
    assert "100.0 %  Completed" in first.err
    assert "pgdex search" in first.err

    found = run_pgdex("search", "handler_7", "--language", "py", "--path", "src/*", cwd=repository)
    assert found.code == ExitCode.DONE
    assert found.out.splitlines()[0].startswith("src/module_7.py:1-2  handler_7  function")
    assert "     1 def handler_7(request):" in found.out

    hits = run_pgdex("search", "handler_7", "--limit", "1", "--json").json
    assert set(hits) == {"hits", "notes", "searched"}
    assert set(hits["hits"][0]) == {
        *("repository", "repo_path", "path", "start_line", "end_line", "kind", "symbol", "language", "score"),
        *("content", "more", "also_in", "reasons", "is_outdated", "is_gone"),
    }
    assert hits["hits"][0]["path"] == "src/module_7.py"

    skipped = run_pgdex("skipped", ".", cwd=repository)
    assert skipped.out.splitlines()[0] == f"2 skipped files in {repository}"
    assert re.search(r"^binary +logo\.png", skipped.out, re.MULTILINE)
    listed = run_pgdex("skipped", "--json").json
    assert listed["by_reason"] == {"binary": 1, "empty": 1}
    assert [file["path"] for file in listed["files"]] == ["empty.py", "logo.png"]

    again = run_pgdex("index", str(repository), "--json")
    assert again.code == ExitCode.DONE
    job = TypeAdapter(JobStatus).validate_python(again.json)
    assert set(again.json) == {field.name for field in fields(JobStatus)}
    assert (job.status, job.files_indexed, job.files_unchanged) == ("completed", 0, 13)
    assert "Nothing to do" in run_pgdex("index", ".", cwd=repository).out


@pytest.mark.usefixtures("worker")
def test_a_terminal_shows_progress_that_never_goes_back(environment: Environment, repository: Path) -> None:
    terminal = Terminal(environment, "index", str(repository))

    code = terminal.end()

    assert code == ExitCode.DONE
    text = terminal.shown.decode()
    percentages = [float(number) for number in re.findall(r"(\d+\.\d) %", text)]
    assert percentages
    assert percentages == sorted(percentages)
    assert "Indexed sources in" in text


def test_workers_are_started_where_none_runs(run_pgdex: Run, environment: Environment, repository: Path) -> None:
    done = run_pgdex("index", str(repository), env={"PGDEX_PROCESSES": "1"})

    assert done.code == ExitCode.DONE, done.err + (Path(environment["PGDEX_HOME"]) / "worker.log").read_text()
    workers = run_pgdex("workers", "--json").json
    assert {key for one in workers for key in one} == {field.name for field in fields(WorkerStatus)}
    assert [one["alive"] for one in workers] == [True]
    assert re.search(rf"^ *{workers[0]['id']}  yes ", run_pgdex("workers").out, re.MULTILINE)


def of_workers(folder: Path, statement: str) -> dict[str, str]:
    """Variables with which each process of workers first runs a Python statement."""
    (folder / "sitecustomize.py").write_text(f"import os, sys, time\nif 'worker' in sys.orig_argv: {statement}\n")
    return {"PYTHONPATH": str(folder), "PGDEX_PROCESSES": "1"}


def test_workers_that_come_to_nothing_are_reported_at_once_with_their_log(
    environment: Environment, repository: Path, tmp_path: Path
) -> None:
    broken = environment | of_workers(tmp_path, "os._exit(3)")
    with started(broken, "index", str(repository)) as process:
        assert process.stderr is not None
        said = next(line for line in process.stderr if "workers" in line and "Starting" not in line)
    log = Path(environment["PGDEX_HOME"]) / "worker.log"
    assert said == f"The workers that were started exited with code 3. Their log says why: {log}\n"


def test_workers_that_take_their_time_are_no_reason_to_worry(
    environment: Environment, repository: Path, tmp_path: Path, run_pgdex: Run
) -> None:
    slow = of_workers(tmp_path, f"time.sleep({LOOK_SECONDS + 1})")
    done = run_pgdex("index", str(repository), env=slow)

    assert done.code == ExitCode.DONE, done.err
    assert "Starting workers" in done.err
    assert "log" not in done.err


def test_a_second_index_of_the_same_folder_follows_the_first_ones_job(
    connection: Connection, environment: Environment, repository: Path
) -> None:
    job_id, worker, found = running_job(connection, str(repository.resolve()))

    with started(environment, "index", str(repository)) as process:
        wait_for(lambda: listeners(connection), what="a command that watches")
        worker.work_all(found)
        done = ended(process)

    assert done.code == ExitCode.DONE, done.err
    assert f"is being indexed already: this is job {str(job_id)[:8]}" in done.err
    assert "Indexed sources in" in done.out
    assert value(connection, "select count(*) from pgdex.indexing_jobs") == 1


@pytest.mark.usefixtures("worker")
def test_two_commands_at_once_make_one_job_and_both_see_its_end(
    connection: Connection, environment: Environment, repository: Path
) -> None:
    with (
        started(environment, "index", str(repository), "--json") as one,
        started(environment, "index", str(repository), "--json") as other,
    ):
        both = [ended(one), ended(other)]

    assert [done.code for done in both] == [ExitCode.DONE, ExitCode.DONE]
    indexed = {done.json["job_id"]: done.json["files_indexed"] for done in both}
    # Where the second came after the end of the first's job, it has one of its own, with nothing to do.
    assert sum(indexed.values()) == 13
    stored = connection.execute("select id from pgdex.indexing_jobs").fetchall()
    assert set(indexed) == {str(row[0]) for row in stored}


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_ctrl_c_leaves_the_job_running_and_tells_the_way_back(
    connection: Connection, environment: Environment, repository: Path
) -> None:
    job_id, _, _ = running_job(connection, str(repository.resolve()))

    with started(environment, "index", str(repository)) as process:
        wait_for(lambda: listeners(connection), what="a command that watches")
        process.send_signal(signal.SIGINT)
        done = ended(process)

    short = str(job_id)[:8]
    assert done.code == ExitCode.INTERRUPTED
    assert "Traceback" not in done.err
    assert f"pgdex status {short} --watch" in done.err
    assert f"pgdex cancel {short}" in done.err
    assert value(connection, "select status from pgdex.indexing_jobs") == "running"


@pytest.mark.usefixtures("worker")
def test_detach_prints_the_id_and_nothing_else(run_pgdex: Run, repository: Path) -> None:
    detached = run_pgdex("index", str(repository), "--detach")

    assert detached.code == ExitCode.DONE
    job_id = UUID(detached.out.strip())
    assert run_pgdex("status", str(job_id), "--watch").code == ExitCode.DONE

    as_json = run_pgdex("index", str(repository), "--detach", "--json")
    assert set(as_json.json) == {field.name for field in fields(StartedJob)}
    assert as_json.err == ""


def test_the_job_is_made_where_workers_can_t_be_started_and_both_are_said(
    run_pgdex: Run, repository: Path, connection: Connection
) -> None:
    done = run_pgdex("index", str(repository), "--detach", env={"PGDEX_HOME": "/proc/nothing/pgdex"})
    assert str(value(connection, "select id from pgdex.indexing_jobs")) in done.out
    assert done.code != ExitCode.DONE
    assert "/proc/nothing/pgdex" in done.err


@pytest.mark.parametrize(
    ("path", "message"), [("nowhere", "there is no folder"), ("a_file", "is not a folder"), ("", "is not a folder")]
)
def test_what_is_no_folder_is_refused(run_pgdex: Run, tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "a_file").touch()

    refused = run_pgdex("index", path or "a_file", cwd=tmp_path)

    assert refused.code == ExitCode.USAGE
    assert refused.out == ""
    assert message in refused.err
    assert len(refused.err.splitlines()) == 1


def test_a_folder_whose_name_is_not_utf_8_is_refused(run_pgdex: Run, tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    os.mkdir(folder)

    refused = run_pgdex("index", ".", cwd=Path(folder))

    assert refused.code == ExitCode.USAGE
    assert "is not UTF-8" in refused.err


@pytest.mark.usefixtures("worker")
def test_another_embedding_model_is_explained_with_the_command_to_run(run_pgdex: Run, repository: Path) -> None:
    run_pgdex("index", str(repository))
    other_model = {"PGDEX_EMBEDDER": "hashing:512"}

    refused = run_pgdex("index", ".", cwd=repository, env=other_model)

    assert refused.code == ExitCode.USAGE
    assert refused.err.splitlines()[1] == "To do that: pgdex index . --force. Or set PGDEX_EMBEDDER back."
    assert run_pgdex("index", ".", "--force", cwd=repository, env=other_model).code == ExitCode.DONE
