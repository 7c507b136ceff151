"""What commands print: on terminals, into pipes, in any locale."""

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from pgdex.jobs.cli.exit_codes import BROKEN_PIPE, ExitCode
from pgdex.jobs.database.connection import Connection
from tests.integration.cli.commands import Environment, pgdex, started
from tests.integration.cli.terminal import Terminal
from tests.support.job_checks import value
from tests.support.logins import PATIENCE_SECONDS
from tests.support.sql_worker import enqueue
from tests.support.trees import write_tree

COLOUR = re.compile(rb"\x1b\[[0-9;]*3[0-7]m")


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
    enqueue(connection, "/src/evil\x1b]0;owned\x07")
    for command in ("list", "status", "events"):
        terminal = Terminal(environment, command)
        terminal.end()
        assert b"\x1b]0" not in terminal.shown


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["status", "last"], ["--help"]])
def test_output_that_can_not_be_written_is_an_error_that_says_so(
    environment: Environment, connection: Connection, command: list[str], unbuffered: str
) -> None:
    enqueue(connection)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            pgdex(*command),
            env=environment | {"PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        ExitCode.FAILED,
        "Error: the output can't be written: No space left on device\n",
    )


def in_shell(
    script: str, command: Sequence[str], environment: Environment, *, folder: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """`command` as "$@" of a shell's script."""
    return subprocess.run(
        ["sh", "-c", script, "sh", *command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_whose_streams_were_closed_does_its_work(
    environment: Environment, connection: Connection, closed: str
) -> None:
    job_id = enqueue(connection)
    done = in_shell(f'"$@" {closed}', pgdex("cancel", str(job_id), "--yes"), environment)
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "unexpected" not in done.stderr
    assert value(connection, "select status from pgdex.indexing_jobs") == "cancelled"


@pytest.mark.parametrize("command", ["index", "skipped", "watch", "hooks status", "related a.py:1", "mcp"])
def test_a_folder_that_was_removed_under_the_user_is_said(
    environment: Environment, tmp_path: Path, command: str
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = in_shell(f'rmdir "{gone}" && exec "$@"', pgdex(*command.split()), environment, folder=gone)
    assert done.returncode == ExitCode.USAGE, done.stderr
    assert "the folder that you are in was removed" in done.stderr


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


def test_a_locale_of_another_encoding_takes_no_name_for_another(
    environment: Environment, connection: Connection, worker: None, tmp_path: Path
) -> None:
    odd = environment | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    odd.pop("PYTHONIOENCODING", None)
    write_tree(tmp_path / "größe", {"straße.py": "def umlaut(): pass\n"})

    def run(*arguments: str) -> str:
        done = subprocess.run(
            pgdex(*arguments), env=odd, capture_output=True, timeout=PATIENCE_SECONDS, check=False, cwd=tmp_path
        )
        assert done.returncode == ExitCode.DONE, done.stderr
        return done.stdout.decode(errors="replace")

    run("index", str(tmp_path / "größe"))
    assert "stra" in run("search", "umlaut", "--all")
    assert value(connection, "select path from pgdex.files") == "straße.py"


@pytest.mark.parametrize("level", ["1", "2", "3"])
def test_no_level_of_optimizing_takes_the_texts_away(environment: Environment, level: str) -> None:
    shown = subprocess.run(
        pgdex("search", "--help"),
        env=environment | {"PYTHONOPTIMIZE": level},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert "Search the indexed code" in shown.stdout or "Examples:" in shown.stdout


def test_workers_that_are_started_are_no_leak(environment: Environment, connection: Connection, tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", {"a.py": "def a(): pass\n"})
    done = subprocess.run(
        pgdex("index", "--detach", str(tmp_path / "tree")),
        env=environment | {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "ResourceWarning" not in done.stderr
