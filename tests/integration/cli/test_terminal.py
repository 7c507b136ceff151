"""What a person sees in a terminal: nothing left behind, the best first, and the words that matter."""

import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import Connection
from tests.integration.cli.commands import Environment, Run, pgdex
from tests.integration.cli.terminal import Terminal
from tests.integration.cli.watched_jobs import running_job
from tests.support.databases import settings_for
from tests.support.sql_worker import enqueue

COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
BAR = re.compile(r"[━╸╺]|\d\.\d %")


def has_bar(lines: list[str]) -> bool:
    return any(BAR.search(line) for line in lines)


def test_keys_and_a_narrower_window_leave_nothing_of_the_bar_behind(
    environment: Environment, connection: Connection
) -> None:
    job_id, _, _ = running_job(connection)
    terminal = Terminal(environment, "status", "--watch", columns=100)
    terminal.wait_for_screen(has_bar)

    terminal.type("what is this\r\r\r")
    for columns in (70, 40, 90):
        terminal.resize(columns)
        terminal.shown += b""
        drawn = terminal.wait_for_screen(lambda lines: len(lines) == 2 and has_bar(lines))
        assert "what is this" not in "\n".join(drawn)
    connection.execute("select pgdex.cancel_job(%s)", [job_id])
    code = terminal.end()

    assert code == ExitCode.CANCELLED
    shown = terminal.screen()
    assert shown[0].split()[0] == "Job"
    assert sum(BAR.search(line) is not None for line in shown) == 1, shown  # the table's own line of progress


@pytest.mark.skipif(shutil.which("setsid") is None, reason="nothing here gives a shell the control of its terminal")
def test_a_bar_that_is_stopped_gives_the_terminal_back_and_goes_on_in_the_foreground(
    environment: Environment, connection: Connection
) -> None:
    job_id, _, _ = running_job(connection)
    shell = Terminal(
        environment | {"PS1": "> ", "TERM": "xterm"},
        command=["setsid", "--ctty", "--wait", "bash", "--noprofile", "--norc", "-i"],
    )
    shell.wait_for_screen(lambda lines: lines[-1:] == [">"])
    shell.type(" ".join([*pgdex("status", "--watch"), "\r"]))
    shell.wait_for_screen(has_bar)

    shell.type("\x1a")
    stopped = shell.wait_for_screen(lambda lines: lines[-1:] == [">"] and any("Stopped" in line for line in lines))
    assert not has_bar(stopped)
    shell.type("echo typed\r")
    shell.wait_for_screen(lambda lines: "> echo typed" in lines and "typed" in lines)
    shell.type("fg\r")
    shell.wait_for_screen(has_bar)
    connection.execute("select pgdex.cancel_job(%s)", [job_id])
    shell.wait_for_screen(lambda lines: lines[-1:] == [">"] and any("cancelled" in line for line in lines))
    shell.type("exit\r")
    assert shell.end() == ExitCode.CANCELLED


def test_a_watching_command_that_is_terminated_erases_its_bar_and_lets_keys_be_seen_again(
    environment: Environment, connection: Connection
) -> None:
    running_job(connection)
    terminal = Terminal(environment, "status", "--watch")
    terminal.wait_for_screen(has_bar)

    terminal.process.send_signal(signal.SIGTERM)

    assert terminal.end() == -signal.SIGTERM
    assert terminal.screen() == []
    assert terminal.shown.endswith(b"\x1b[?25h")


@pytest.fixture
def many_hits(repository: Path, run_pgdex: Run) -> Path:
    """A folder of which a search finds more than a terminal shows."""
    assert run_pgdex("index", str(repository)).code == ExitCode.DONE
    return repository


@pytest.mark.usefixtures("worker")
def test_a_search_shows_the_best_first_in_a_pager_and_words_need_no_quotes(
    environment: Environment, many_hits: Path, tmp_path: Path, run_pgdex: Run
) -> None:
    pager = tmp_path / "pager"
    pager.write_text(f'#!/bin/sh\necho "LESS=$LESS" > {tmp_path}/called; cat > {tmp_path}/shown\n')
    pager.chmod(0o755)
    used = environment | {"PAGER": str(pager), "TERM": "xterm"}
    used.pop("LESS", None)

    terminal = Terminal(used, "search", "respond", "to", "a", "request", cwd=many_hits)
    assert terminal.end() == ExitCode.DONE
    assert (tmp_path / "called").read_text() == "LESS=FRX\n"
    paged = (tmp_path / "shown").read_text()
    assert COLOUR.search(paged)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", paged)
    piped = run_pgdex("search", "respond to a request", cwd=many_hits)
    assert plain.splitlines() == piped.out.splitlines()
    # From the fourth hit on a place and two lines of code, so that ten are seen at a glance.
    assert max(map(len, (block.splitlines() for block in plain.split("\n\n")[3:]))) <= 3

    (tmp_path / "called").unlink()
    for options, variables in ((["--no-pager"], {}), ([], {"PGDEX_PAGER": "cat"}), (["-n", "1"], {})):
        direct = Terminal(used | variables, "search", "respond", "to", "a", "request", *options, cwd=many_hits)
        assert direct.end() == ExitCode.DONE
        assert b"handler_" in direct.shown
    assert not (tmp_path / "called").exists()


@pytest.mark.usefixtures("worker")
def test_an_answer_in_which_nothing_fits_says_so_first(run_pgdex: Run, many_hits: Path) -> None:
    found = run_pgdex("search", "bake", "a", "chocolate", "cake", cwd=many_hits)

    assert found.out.startswith("Nothing fits well: no hit has the query's 3 words.")
    assert re.search(r"^[^ ]+:\d+-\d+ ", found.out, re.MULTILINE)
    assert any("Nothing fits well" in note for note in run_pgdex("search", "bake cake", "--json").json["notes"])
    assert "Nothing fits" not in run_pgdex("search", "respond to a request", cwd=many_hits).out


@pytest.mark.usefixtures("worker")
def test_index_without_a_path_takes_the_folder_that_one_stands_in(run_pgdex: Run, repository: Path) -> None:
    assert "Indexed sources in" in run_pgdex("index", cwd=repository).out


def test_colours_can_be_forced_into_a_pipe_and_no_color_is_stronger(run_pgdex: Run, connection: Connection) -> None:
    enqueue(connection)

    assert COLOUR.search(run_pgdex("list", env={"FORCE_COLOR": "1"}).out)
    for variables in ({}, {"FORCE_COLOR": "0"}, {"FORCE_COLOR": ""}, {"FORCE_COLOR": "1", "NO_COLOR": "1"}):
        assert "\x1b" not in run_pgdex("list", env=variables).out
    # Colours, and nothing else that belongs on a terminal.
    assert "\x1b[?25" not in run_pgdex("list", env={"FORCE_COLOR": "1"}).out


@pytest.mark.parametrize("columns", [80, 60, 50, 40])
def test_the_list_keeps_the_repositories_in_a_narrow_window(
    environment: Environment, connection: Connection, columns: int
) -> None:
    enqueue(connection, "/src/click")
    enqueue(connection, "/src/another-name", project="another-project")
    terminal = Terminal(environment, "list", columns=columns)
    terminal.end()

    shown = terminal.screen()
    assert len(shown) == 3
    assert "REPOSITORY" in shown[0]
    assert "another-name" in shown[1]
    assert "click" in shown[2]


@pytest.mark.usefixtures("worker")
def test_a_long_line_of_code_is_cut_at_the_window_and_an_event_goes_on_below_its_story(
    environment: Environment, run_pgdex: Run, repository: Path
) -> None:
    long = ", ".join(f"argument_{number}" for number in range(30))
    (repository / "src" / "wide.py").write_text(f"def a_wide_function({long}):\n    return {long}\n")
    assert run_pgdex("index", cwd=repository).code == ExitCode.DONE

    found = Terminal(environment, "search", "a_wide_function", "--no-pager", "-n", "1", columns=60, cwd=repository)
    found.end()
    assert found.screen()[1].startswith("     1 def a_wide_function(argument_0, argument_1")
    assert found.screen()[1].endswith("…")
    assert found.screen()[2].startswith("     2     return")

    events = Terminal(environment, "events", columns=50, rows=60, cwd=repository)
    events.end()
    assert any(line.startswith(" " * 21) for line in events.screen())
    assert events.said.split() == run_pgdex("events", cwd=repository).out.split()


def test_what_is_said_breaks_no_word(environment: Environment) -> None:
    for command in (["cancel", "last"], ["search", "x", "--language", "pyton"], ["related", "nowhere"]):
        terminal = Terminal(environment, *command, columns=50)
        terminal.end()
        text = re.sub(r"\x1b\[[0-9;]*m", "", terminal.shown.decode()).replace("\r\n", "\n")
        assert text.strip()
        for line in text.splitlines():
            assert len(line) <= 50 or len(line.split()) == 1, text


def test_the_mcp_server_says_on_a_terminal_what_it_is_and_to_a_client_nothing(
    environment: Environment, run_pgdex: Run
) -> None:
    terminal = Terminal(environment, "mcp")
    terminal.wait_for_screen(lambda lines: any("server for coding agents" in line for line in lines))
    terminal.type("\x04")
    assert terminal.end() == ExitCode.DONE
    assert run_pgdex("mcp").err == ""


@pytest.mark.usefixtures("worker")
def test_a_skipped_file_and_an_ignored_folder_are_explained_and_an_unknown_path_is_an_error(
    run_pgdex: Run, repository: Path
) -> None:
    (repository / ".gitignore").write_text("/build\n")
    (repository / "build").mkdir()
    assert run_pgdex("index", cwd=repository).code == ExitCode.DONE

    assert "1 skipped file in" in run_pgdex("skipped", "empty.py", cwd=repository).out
    assert "src/module_1.py is indexed" in run_pgdex("skipped", "src/module_1.py", cwd=repository).out
    assert "build is ignored by .gitignore:1" in run_pgdex("skipped", "build", cwd=repository).out
    assert "No file was skipped in" in run_pgdex("skipped", "src", cwd=repository).err
    unknown = run_pgdex("skipped", "nowhere", cwd=repository)
    assert (unknown.code, unknown.out) == (ExitCode.USAGE, "")


@pytest.mark.usefixtures("worker")
def test_jobs_and_repositories_are_completed_while_the_database_runs(
    run_pgdex: Run, repository: Path, database_url: str
) -> None:
    assert run_pgdex("index", cwd=repository).code == ExitCode.DONE
    with Client.open(settings_for(database_url)) as client:
        job_id = str(client.find("last", project="default").job_id)

    def offered(*words: str) -> str:
        asked = {"COMP_WORDS": " ".join(["pgdex", *words]), "COMP_CWORD": words[-1].strip()}
        return run_pgdex(env={"_PGDEX_COMPLETE": "fish_complete", **asked}, cwd=repository).out

    assert f"plain,{job_id[:8]}\tsources, completed 100 %" in offered("status", job_id[:2])
    assert "plain,sources\t" in offered("rename", "so")
    assert job_id[:8] not in offered("cancel", job_id[:2])
    assert os.path.isdir(repository)
