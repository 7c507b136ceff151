"""The command line as its users run it: processes, a database, and where it matters a terminal."""

import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest

from jobs.cli.exit_codes import BROKEN_PIPE, ExitCode
from jobs.client import Client
from jobs.database import Connection
from jobs.models import CancelledJob, JobEvent, JobPage, JobStatus, StartedJob, WorkerStatus
from tests.databases import settings_for
from tests.sql_worker import Found, SqlWorker, enqueue, tree

CHECKOUT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x9b]")
COLOUR = re.compile(rb"\x1b\[[0-9;]*3[0-7]m")

Environment = dict[str, str]


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> Environment:
    """The variables of a user who uses `database_url`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PGDEX_")}
    return {
        **kept,
        "PGDEX_DATABASE_URL": database_url,
        "PGDEX_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(CHECKOUT),
        "TERM": "xterm-256color",
        "COLUMNS": "",
    }


@pytest.fixture
def run_pgdex(environment: Environment) -> Callable[..., Finished]:
    """Runs a command to its end, without a terminal."""

    def run(*arguments: str, env: Environment | None = None, cwd: Path | None = None) -> Finished:
        done = subprocess.run(
            pgdex(*arguments),
            env=environment | (env or {}),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


Run = Callable[..., Finished]


def pgdex(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "jobs.cli", *arguments]


@contextmanager
def started(environment: Environment, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on while the test does something."""
    process = subprocess.Popen(
        pgdex(*arguments),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ended(process: subprocess.Popen[str]) -> Finished:
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return Finished(process.returncode, out, err)


class Terminal:
    """A command on a terminal of 80 columns."""

    def __init__(self, environment: Environment, *arguments: str) -> None:
        self._main, side = pty.openpty()
        ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(pgdex(*arguments), env=environment, stdin=side, stdout=side, stderr=side)
        os.close(side)
        self.shown = b""

    def read_until(self, wanted: str) -> None:
        """Read until `wanted` was shown."""
        while wanted.encode() not in self.shown:
            self.shown += os.read(self._main, 65536)

    def type(self, text: str) -> None:
        os.write(self._main, text.encode())

    def end(self) -> int:
        """Read to the end; returns the exit code."""
        with suppress(OSError):  # how Linux says that nobody holds the other side any more
            while part := os.read(self._main, 65536):
                self.shown += part
        os.close(self._main)
        return self.process.wait(PATIENCE_SECONDS)


def eventually(is_so: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.02)


@pytest.fixture
def worker(environment: Environment, database_url: str) -> Iterator[None]:
    """One worker process under `pgdex worker`."""
    process = subprocess.Popen(
        pgdex("worker", "--processes", "1"), env=environment, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    with Client.open(settings_for(database_url)) as client:
        eventually(lambda: any(one.alive for one in client.workers()), "a worker is alive")
    yield
    process.terminate()
    assert process.wait(PATIENCE_SECONDS) == 0


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small source tree."""
    root = tmp_path / "sources"
    (root / "src").mkdir(parents=True)
    for number in range(12):
        body = f"def handler_{number}(request):\n    return respond(request, {number})\n"
        (root / "src" / f"module_{number}.py").write_text(body)
    (root / "日本語.md").write_text("# 設定\n\n設定を読み込みます。\n")
    (root / "logo.png").write_bytes(b"\x89PNG\0\0")
    (root / "empty.py").touch()
    return root


def running_job(connection: Connection, path: str = "/repo", *, files: int = 4) -> tuple[UUID, SqlWorker, list[Found]]:
    """A job whose scan is done and whose batches wait."""
    found = tree(files)
    job_id = enqueue(connection, path)
    worker = SqlWorker(connection)
    worker.work(found)
    return job_id, worker, found


# --- index -----------------------------------------------------------------------------------------------------


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
    assert set(hits) == {"hits", "notes"}
    assert set(hits["hits"][0]) == {
        *("repository", "repo_path", "path", "start_line", "end_line", "kind", "symbol", "language", "score", "content")
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
    job = JobStatus.model_validate(again.json)
    assert set(again.json) == set(JobStatus.model_fields)
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


def test_workers_are_started_where_none_runs(
    run_pgdex: Run, environment: Environment, repository: Path, database_url: str
) -> None:
    try:
        done = run_pgdex("index", str(repository), env={"PGDEX_PROCESSES": "1"})
        assert done.code == ExitCode.DONE, done.err + (Path(environment["PGDEX_HOME"]) / "worker.log").read_text()
        workers = run_pgdex("workers", "--json").json
        assert {key for one in workers for key in one} == set(WorkerStatus.model_fields)
        assert [one["alive"] for one in workers] == [True]
        assert re.search(rf"^ *{workers[0]['id']}  yes ", run_pgdex("workers").out, re.MULTILINE)
    finally:
        with Client.open(settings_for(database_url)) as client:
            for one in client.workers():
                supervisor = psutil.Process(one.pid).parent()
                assert supervisor is not None
                supervisor.terminate()
                eventually(lambda process=supervisor: not process.is_running(), "the supervisor ends")  # type: ignore[misc]  # mypy can't infer a lambda with a default


def test_a_second_index_of_the_same_folder_follows_the_first_ones_job(
    connection: Connection, environment: Environment, repository: Path
) -> None:
    job_id, worker, found = running_job(connection, str(repository.resolve()))

    with started(environment, "index", str(repository)) as process:
        eventually(lambda: listeners(connection), "the command watches")
        worker.work_all(found)
        done = ended(process)

    assert done.code == ExitCode.DONE, done.err
    assert f"is being indexed already: this is job {str(job_id)[:8]}" in done.err
    assert "Indexed sources in" in done.out
    assert one_value(connection, "select count(*) from pgdex.indexing_jobs") == 1


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


def test_ctrl_c_leaves_the_job_running_and_tells_the_way_back(
    connection: Connection, environment: Environment, repository: Path
) -> None:
    job_id, _, _ = running_job(connection, str(repository.resolve()))

    with started(environment, "index", str(repository)) as process:
        eventually(lambda: listeners(connection), "the command watches")
        process.send_signal(signal.SIGINT)
        done = ended(process)

    short = str(job_id)[:8]
    assert done.code == ExitCode.INTERRUPTED
    assert "Traceback" not in done.err
    assert f"pgdex status {short} --watch" in done.err
    assert f"pgdex cancel {short}" in done.err
    assert one_value(connection, "select status from pgdex.indexing_jobs") == "running"


@pytest.mark.usefixtures("worker")
def test_detach_prints_the_id_and_nothing_else(run_pgdex: Run, repository: Path) -> None:
    detached = run_pgdex("index", str(repository), "--detach")

    assert detached.code == ExitCode.DONE
    job_id = UUID(detached.out.strip())
    assert run_pgdex("status", str(job_id), "--watch").code == ExitCode.DONE

    as_json = run_pgdex("index", str(repository), "--detach", "--json")
    assert set(as_json.json) == set(StartedJob.model_fields)
    assert as_json.err == ""


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
    assert refused.err.splitlines()[1] == "That is: pgdex index . --force. Or set PGDEX_EMBEDDER back."
    assert run_pgdex("index", ".", "--force", cwd=repository, env=other_model).code == ExitCode.DONE


# --- looking at jobs -------------------------------------------------------------------------------------------


def test_without_jobs_the_commands_say_how_to_start_one(run_pgdex: Run) -> None:
    assert "pgdex index PATH" in run_pgdex("list").err
    assert run_pgdex("list", "--json").json == {"jobs": [], "total_count": 0, "has_more": False}
    assert run_pgdex("status").code == ExitCode.NOT_FOUND
    assert run_pgdex("workers", "--json").json == []
    assert run_pgdex("skipped", "--json").json == {"total_count": 0, "by_reason": {}, "files": []}
    assert "Project default is empty" in run_pgdex("search", "anything").err


def test_json_has_the_keys_of_the_models(run_pgdex: Run, connection: Connection) -> None:
    job_id, worker, found = running_job(connection)
    worker.work_all(found)

    status = run_pgdex("status", "--json")
    assert set(status.json) == set(JobStatus.model_fields)
    assert JobStatus.model_validate(status.json).job_id == job_id
    page = JobPage.model_validate(run_pgdex("list", "--json").json)
    assert [job.job_id for job in page.jobs] == [job_id]
    events = [JobEvent.model_validate_json(line) for line in run_pgdex("events", "--json").out.splitlines()]
    assert [event.event_type for event in events if event.event_type != "progress"] == [
        *("created", "started", "scanned", "completed")
    ]


@pytest.mark.parametrize("given", ["last", "11112222", "1111", "11112222-3333-4444-8555-666666666666", "111122223333"])
def test_a_job_may_be_named_by_the_beginning_of_its_id(run_pgdex: Run, connection: Connection, given: str) -> None:
    enqueue(connection, "/other", job_id=UUID("11103333-3333-4444-8555-666666666666"))
    enqueue(connection, job_id=UUID("11112222-3333-4444-8555-666666666666"))

    assert run_pgdex("status", given, "--json").json["repo_path"] == "/repo"


def test_an_id_that_several_jobs_begin_with_is_refused_with_all_of_them(run_pgdex: Run, connection: Connection) -> None:
    ids = [UUID(f"11112222-3333-4444-8555-66666666666{last}") for last in range(2)]
    for number, job_id in enumerate(ids):
        enqueue(connection, f"/repo{number}", job_id=job_id)

    refused = run_pgdex("status", "1111")

    assert refused.code == ExitCode.USAGE
    assert all(str(job_id) in refused.err for job_id in ids)


@pytest.mark.parametrize(
    "command", [["status"], ["events"], ["cancel", "--yes"], ["status", "--watch"], ["events", "--follow"]]
)
def test_a_job_that_is_not_there_is_exit_code_4(run_pgdex: Run, command: list[str]) -> None:
    missing = run_pgdex(*command, "99999999")

    assert missing.code == ExitCode.NOT_FOUND
    assert missing.out == ""
    assert missing.err.startswith("Error: there is no job 99999999")


def test_the_list_is_narrowed_by_status_repository_project_and_time(run_pgdex: Run, connection: Connection) -> None:
    _, worker, found = running_job(connection, "/src/click")
    worker.work_all(found)
    enqueue(connection, "/src/rich", project="web")

    def names(*options: str) -> list[str]:
        return [job["repository"] for job in run_pgdex("list", "--json", *options).json["jobs"]]

    assert names() == ["rich", "click"]
    assert names("--status", "completed") == ["click"]
    assert names("--status", "completed", "--status", "pending") == ["rich", "click"]
    assert names("--repo", "LIC") == ["click"]
    assert names("--repo", "/src/rich") == ["rich"]
    assert names("--repo", "/src") == ["rich", "click"]
    assert names("--repo", "/src/ri") == []
    assert names("--project", "web") == ["rich"]
    assert names("--since", "2h") == ["rich", "click"]
    assert names("--since", "2100-01-01") == []
    assert names("--limit", "1", "--offset", "1") == ["click"]
    assert "Jobs 1 to 1 of 2. The next: --offset 1" in run_pgdex("list", "--limit", "1").err


def test_tables_fit_a_terminal_of_80_columns(environment: Environment, connection: Connection) -> None:
    enqueue(connection, "/src/" + "a-long-name-" * 10)
    terminal = Terminal(environment, "list")

    assert terminal.end() == ExitCode.DONE
    lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.shown.decode()).splitlines()
    assert len(lines) == 2
    assert all(len(line) <= 80 for line in lines)


def test_there_are_colours_on_a_terminal_but_not_with_no_color(
    environment: Environment, connection: Connection
) -> None:
    enqueue(connection)

    coloured = Terminal(environment, "list")
    coloured.end()
    plain = Terminal(environment | {"NO_COLOR": "1"}, "list")
    plain.end()

    assert COLOUR.search(coloured.shown)
    assert not COLOUR.search(plain.shown)
    assert b"pending" in plain.shown


def test_a_name_cannot_send_escape_sequences_to_the_terminal(environment: Environment, connection: Connection) -> None:
    enqueue(connection, "/src/x", name="evil\x1b]0;owned\x07")
    for command in ("list", "status", "events"):
        terminal = Terminal(environment, command)
        terminal.end()
        assert b"\x1b]0" not in terminal.shown


# --- watching --------------------------------------------------------------------------------------------------


def test_watching_ends_with_the_outcome_as_exit_code(connection: Connection, environment: Environment) -> None:
    def fail(job_id: UUID) -> None:
        connection.execute("select pgdex.fail_job(%s, 'the disk is full', 'DiskFull', 'trace')", [job_id])

    def cancel(job_id: UUID) -> None:
        connection.execute("select pgdex.cancel_job(%s)", [job_id])

    for end, code, message in (
        (fail, ExitCode.FAILED, "the disk is full"),
        (cancel, ExitCode.CANCELLED, "Cancelled"),
    ):
        job_id, _, _ = running_job(connection)
        with started(environment, "status", str(job_id), "--watch") as process:
            eventually(lambda: listeners(connection), "the command watches")
            end(job_id)
            done = ended(process)
        assert done.code == code
        assert message in done.out


def test_events_are_followed_to_the_end_each_once(connection: Connection, environment: Environment) -> None:
    job_id, worker, found = running_job(connection)

    with started(environment, "events", "--follow", "--json") as process:
        assert process.stdout is not None
        first = JobEvent.model_validate_json(process.stdout.readline())
        worker.work_all(found)
        rest = [JobEvent.model_validate_json(line) for line in process.stdout]

    seen = [event.event_id for event in (first, *rest)]
    stored = connection.execute("select id from pgdex.job_events where job_id = %s order by id", [job_id]).fetchall()
    assert seen == [row[0] for row in stored]
    assert rest[-1].event_type == "completed"


@pytest.mark.parametrize("command", [("status", "--watch"), ("events", "--follow")], ids=" ".join)
def test_a_database_that_goes_away_is_waited_for(
    connection: Connection, environment: Environment, command: tuple[str, ...]
) -> None:
    _, worker, found = running_job(connection)

    with started(environment, *command) as process:
        for _ in range(2):
            eventually(lambda: listeners(connection), "the command watches")
            connection.execute(f"select pg_terminate_backend(pid) from ({LISTENERS}) as l")
            eventually(lambda: not listeners(connection), "its connection is gone")
        eventually(lambda: listeners(connection), "the command watches again")
        worker.work_all(found)
        done = ended(process)

    assert done.code == ExitCode.DONE, done.err
    assert done.err.count("The database does not answer") == 2
    assert done.err.count("The database is back.") == 2
    assert "Completed" in done.out or "completed" in done.out


# --- cancelling ------------------------------------------------------------------------------------------------


def test_a_job_is_cancelled_once(run_pgdex: Run, connection: Connection) -> None:
    job_id = enqueue(connection)

    cancelled = run_pgdex("cancel", str(job_id), "--yes", "--json")
    assert cancelled.code == ExitCode.DONE
    assert CancelledJob.model_validate(cancelled.json).previous_status == "pending"

    again = run_pgdex("cancel", str(job_id), "--yes")
    assert again.code == ExitCode.FINAL
    assert "already cancelled" in again.err


def test_without_a_terminal_a_cancellation_needs_yes(run_pgdex: Run, connection: Connection) -> None:
    enqueue(connection)

    refused = run_pgdex("cancel", "last")

    assert refused.code == ExitCode.USAGE
    assert "--yes" in refused.err
    assert one_value(connection, "select status from pgdex.indexing_jobs") == "pending"


@pytest.mark.parametrize(("answer", "status"), [("y", "cancelled"), ("n", "running"), ("", "running")])
def test_on_a_terminal_a_cancellation_asks_and_says_what_is_lost(
    connection: Connection, environment: Environment, answer: str, status: str
) -> None:
    running_job(connection)
    terminal = Terminal(environment, "cancel", "last")

    terminal.read_until("Cancel it?")
    terminal.type(f"{answer}\n")

    assert terminal.end() == ExitCode.DONE
    assert b"kept:" in terminal.shown
    assert b"lost:" in terminal.shown
    assert one_value(connection, "select status from pgdex.indexing_jobs") == status


# --- pipes -----------------------------------------------------------------------------------------------------


def test_a_reader_that_has_enough_ends_the_command_silently(environment: Environment, connection: Connection) -> None:
    job_id = enqueue(connection)
    connection.execute(
        "insert into pgdex.job_events (job_id, event_type, event_data)"
        " select %s, 'progress', jsonb_build_object('progress_message', repeat('x', 500)) from generate_series(1, 999)",
        [job_id],
    )
    for command in (("events", "--json"), ("events",)):
        with started(environment, *command) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.stdout.close()
            process.stdout = None
            assert process.wait(PATIENCE_SECONDS) == BROKEN_PIPE
            assert process.stderr is not None
            assert process.stderr.read() == ""


def test_json_is_utf_8_whatever_the_locale(environment: Environment, connection: Connection) -> None:
    enqueue(connection, "/src/日本語")

    raw = subprocess.run(
        pgdex("status", "--json"),
        env=environment | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    ).stdout

    assert json.loads(raw.decode())["repository"] == "日本語"


@pytest.mark.parametrize("command", ["list", "status", "events"])
def test_a_locale_without_unicode_is_no_reason_to_fail(
    environment: Environment, connection: Connection, command: str
) -> None:
    enqueue(connection, "/src/日本語")

    done = subprocess.run(
        pgdex(command),
        env=environment | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert done.returncode == ExitCode.DONE, done.stderr


# --- database and doctor ---------------------------------------------------------------------------------------


def test_a_database_without_the_schema_is_told_how_to_get_it(run_pgdex: Run, empty_database_url: str) -> None:
    empty = {"PGDEX_DATABASE_URL": empty_database_url}

    behind = run_pgdex("list", env=empty)
    assert behind.code == ExitCode.DATABASE
    assert "pgdex db upgrade" in behind.err
    sick = run_pgdex("doctor", env=empty)
    assert sick.code == ExitCode.FAILED
    assert re.search(r"^✗ schema +not there yet", sick.out, re.MULTILINE)

    upgraded = run_pgdex("db", "upgrade", "--json", env=empty)
    assert upgraded.code == ExitCode.DONE
    assert set(upgraded.json) == {"database", "schema_version"}
    assert run_pgdex("list", env=empty).code == ExitCode.DONE
    assert run_pgdex("doctor", env=empty).code == ExitCode.DONE

    assert run_pgdex("db", "downgrade", "--to", "base", env=empty).code == ExitCode.USAGE
    assert run_pgdex("db", "downgrade", "--to", "base", "--yes", env=empty).code == ExitCode.DONE
    assert run_pgdex("list", env=empty).code == ExitCode.DATABASE


def test_the_doctor_finds_a_healthy_installation_in_order(run_pgdex: Run) -> None:
    checked = run_pgdex("doctor", "--json")

    assert checked.code == ExitCode.DONE, checked.out
    assert checked.json["ok"] is True
    assert [check["name"] for check in checked.json["checks"]] == [
        *("settings", "folder", "database", "pgvector", "schema", "login", "workers", "jobs", "embedder", "grammars")
    ]
    assert {check["outcome"] for check in checked.json["checks"]} == {"ok"}
    assert "Everything is in order." in run_pgdex("doctor").out


def test_the_doctor_finds_jobs_that_wait_for_nobody_and_old_ones(run_pgdex: Run, connection: Connection) -> None:
    job_id, worker, _ = running_job(connection)
    worker.die()
    connection.execute("alter table pgdex.indexing_jobs disable trigger user")
    connection.execute("update pgdex.indexing_jobs set created_at = now() - interval '8 days'")
    connection.execute("alter table pgdex.indexing_jobs enable trigger user")
    connection.execute("alter table pgdex.job_events disable trigger user")
    connection.execute("update pgdex.job_events set created_at = now() - interval '1 hour'")
    connection.execute("alter table pgdex.job_events enable trigger user")

    checked = run_pgdex("doctor", "--json")

    assert checked.code == ExitCode.FAILED
    findings = {(check["name"], check["outcome"], check["finding"]) for check in checked.json["checks"]}
    assert ("workers", "failed", "none is alive, and 1 job waits") in findings
    short = str(job_id)[:8]
    assert ("jobs", "warning", f"{short} (repo) made no progress for 1 h 0 min") in findings
    assert ("jobs", "warning", f"{short} (repo) is running since 8 d 0 h") in findings
    assert all(check["advice"] for check in checked.json["checks"] if check["outcome"] != "ok")


def test_the_doctor_says_what_is_wrong_with_the_embedder_and_the_database(run_pgdex: Run) -> None:
    url = "postgresql://me:s3cret@127.0.0.1:1/code"
    sick = run_pgdex("doctor", "--json", env={"PGDEX_DATABASE_URL": url, "PGDEX_EMBEDDER": "nonsense:x"})

    assert sick.code == ExitCode.FAILED
    outcomes = {check["name"]: check["outcome"] for check in sick.json["checks"]}
    assert outcomes["database"] == "failed"
    assert outcomes["embedder"] == "failed"
    assert outcomes["grammars"] == "ok"
    assert "s3cret" not in sick.out + sick.err


def test_the_databases_address_is_printed_without_its_password(run_pgdex: Run) -> None:
    secret = {"PGDEX_DATABASE_URL": "postgresql://me:s3cret@db.example/code"}

    hidden = run_pgdex("db", "url", env=secret)
    assert hidden.out == "postgresql://me@db.example/code\n"
    assert "s3cret" not in hidden.err
    assert run_pgdex("db", "url", "--show-password", env=secret).out == f"{secret['PGDEX_DATABASE_URL']}\n"
    assert run_pgdex("db", "url", "--json", env=secret).json == {"database_url": "postgresql://me@db.example/code"}


def test_psql_finds_the_tables_without_a_schema_in_front(run_pgdex: Run, connection: Connection) -> None:
    enqueue(connection, "/src/click")

    asked = run_pgdex("db", "psql", "-A", "-t", "-c", "select status, repository from job_status")

    assert asked.code == 0, asked.err
    assert asked.out == "pending|click\n"
    assert run_pgdex("db", "psql", "-v", "ON_ERROR_STOP=1", "-c", "select nonsense").code == 1


LISTENERS = (
    "select pid from pg_stat_activity where application_name = 'pgdex' and datname = current_database()"
    " and pid <> pg_backend_pid() and query = 'listen pgdex_events'"
)


def listeners(connection: Connection) -> int:
    """How many commands wait for news now."""
    return len(connection.execute(LISTENERS).fetchall())


def one_value(connection: Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]
