import subprocess
import sys
from collections.abc import Iterator

import click
import psycopg
import pytest

from pgdex.indexer.embedding import EmbedderUnavailable
from pgdex.indexer.languages import NAMES
from pgdex.indexer.search import SearchRefused
from pgdex.indexer.search.request import known_language
from pgdex.jobs.cli import main
from pgdex.jobs.cli.arguments import repository_filter
from pgdex.jobs.cli.entry import explained
from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.lazy import LazyGroup
from pgdex.jobs.cli.root import SECTIONS, pgdex
from pgdex.jobs.errors import DatabaseUnavailable, InvalidRequest, JobIsFinal, JobNotFound, PgdexError
from pgdex.jobs.settings import settings

HEAVY = (
    *("sqlalchemy", "alembic", "tree_sitter", "tree_sitter_language_pack", "model2vec", "fastembed", "httpx2", "numpy"),
    "rich",
)


@pytest.fixture(autouse=True)
def fresh_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings are read once for each process: not so in these tests. No test here needs a database."""
    monkeypatch.setenv("PGDEX_DATABASE_URL", "postgresql://pgdex:s3cret@127.0.0.1:1/nothing")
    settings.cache_clear()
    yield
    settings.cache_clear()


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that users can call, with the words that call it."""
    if not isinstance(group, LazyGroup):
        yield path, group
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield from commands(command, (*path, name))


ALL_COMMANDS = list(commands(pgdex))


def test_the_commands_are_the_ones_of_the_design() -> None:
    assert {" ".join(path) for path, _ in ALL_COMMANDS} == {
        *(
            "index",
            "watch",
            "schedule",
            "status",
            "list",
            "cancel",
            "retry",
            "repos",
            "rename",
            "remove",
            "events",
            "search",
            "related",
            "skipped",
            "install",
            "mcp",
            "allow",
            "worker",
            "workers",
            "stop",
            "doctor",
            "logs",
            "config",
            "size",
            "completion",
            "uninstall",
        ),
        *("hooks install", "hooks remove", "hooks status", "hooks run"),
        *("db upgrade", "db downgrade", "db reset", "db grant", "db url", "db psql", "db dump", "db restore"),
    }


@pytest.mark.parametrize(
    ("path", "command"), ALL_COMMANDS, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_every_command_explains_itself_and_its_options(path: tuple[str, ...], command: click.Command) -> None:
    assert command.help
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert all(option.help for option in options)
    prints_no_answer = {("mcp",), ("worker",), ("completion",), ("db", "psql")}
    assert any("--json" in option.opts for option in options) == (path not in prints_no_answer)


@pytest.mark.parametrize("path", [path for path, _ in ALL_COMMANDS], ids=" ".join)
def test_help_is_readable_at_80_columns(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*path, "--help"]) == ExitCode.DONE

    shown = capsys.readouterr()
    assert shown.out.startswith(f"Usage: pgdex {' '.join(path)}")
    assert max(map(len, shown.out.splitlines())) <= 80
    assert shown.err == ""


def test_the_help_lists_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])

    shown = capsys.readouterr().out
    assert all(f"{code.value}  {code.meaning}" in shown for code in ExitCode)


def test_the_help_and_the_list_of_commands_load_nothing_heavy() -> None:
    probe = (
        "import sys; from pgdex.jobs.cli import main; main(['--help']); "
        f"sys.exit(', '.join(m for m in {(*HEAVY, 'psycopg', 'pydantic')!r} if m in sys.modules))"
    )

    finished = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)

    assert finished.stderr.strip() == ""


def test_each_command_can_be_the_first_that_is_loaded() -> None:
    # Most tests of commands fork them from a process that has loaded all. Libraries first: they are not the question.
    probe = """
import importlib, os, sys
import click, psycopg, psycopg.rows, psycopg.sql
for module in sys.argv[1:]:
    if (child := os.fork()) == 0:
        importlib.import_module(module)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(module, file=sys.stderr)
"""
    modules = [lazy.target.partition(":")[0] for section in SECTIONS.values() for lazy in section.values()]

    finished = subprocess.run([sys.executable, "-c", probe, *modules], capture_output=True, text=True, check=False)

    assert len(modules) > 20
    assert finished.stderr == ""


def test_the_client_loads_nothing_heavy() -> None:
    probe = (
        "import sys; import pgdex.jobs.client.client, pgdex.jobs.cli.commands.status, pgdex.jobs.cli.commands.list; "
        f"sys.exit(', '.join(m for m in {HEAVY!r} if m in sys.modules))"
    )

    finished = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)

    assert finished.stderr.strip() == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["serch", "x"],
        ["status", "--nonsense"],
        ["list", "--status", "done"],
        ["list", "--since", "2x"],
        ["list", "--limit", "0"],
        ["list", "--offset", "-1"],
        ["search", " "],
        ["search", "x", "--language", "pyton"],
        ["search", "x", "--path", "/"],
        ["search", "x", "--limit", "0"],
        ["search", "x", "--kind", "functoin"],
        ["search", "x", "--tests", "maybe"],
        ["related", "file.py"],
        ["related", "file.py:0"],
        ["worker", "--processes", "0"],
        ["worker", "--slots", "0"],
        ["worker", "--exit-when-idle", "-1"],
        ["skipped", "--reason", "ugly"],
        ["completion", "tcsh"],
        ["install", "--agent", "emacs"],
        ["install", "--scope", "world"],
        ["db", "downgrade"],
        ["search"],
        ["cancel"],
    ],
    ids=" ".join,
)
def test_a_wrong_argument_is_a_usage_error_without_a_traceback(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == ExitCode.USAGE

    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Error: " in shown.err
    assert "Traceback" not in shown.err


def test_a_mistyped_command_is_told_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    main(["serch"])

    assert "Did you mean 'search'?" in capsys.readouterr().err


def test_a_database_that_is_away_is_one_line_and_exit_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == ExitCode.DATABASE

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("Error: the database nothing on 127.0.0.1:1 can't be reached: ")
    assert len(shown.err.splitlines()) == 1
    assert "s3cret" not in shown.err


def test_debug_shows_the_traceback_and_the_same_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--debug", "list"]) == ExitCode.DATABASE

    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "Error: the database nothing" in shown


def test_a_setting_that_is_wrong_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGDEX_PROCESSES", "many")
    settings.cache_clear()

    assert main(["list"]) == ExitCode.USAGE
    assert "PGDEX_PROCESSES" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (JobNotFound("there is no job x"), ExitCode.NOT_FOUND, "there is no job x"),
        (JobIsFinal("it has ended"), ExitCode.FINAL, "it has ended"),
        (InvalidRequest("a file"), ExitCode.USAGE, "a file"),
        (DatabaseUnavailable("away"), ExitCode.DATABASE, "away"),
        (PgdexError("hm"), ExitCode.FAILED, "hm"),
        (EmbedderUnavailable("no answer"), ExitCode.EMBEDDER, "no answer"),
        (
            psycopg.OperationalError("server closed\n  the connection"),
            ExitCode.DATABASE,
            "server closed the connection",
        ),
        (psycopg.errors.InsufficientPrivilege("no"), ExitCode.DATABASE, "the database refused: no"),
        (ZeroDivisionError("division by zero"), ExitCode.FAILED, "unexpected ZeroDivisionError: division by zero"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_has_its_exit_code_and_a_short_message(error: Exception, code: ExitCode, message: str) -> None:
    shown, exit_code = explained(error)

    assert exit_code == code
    assert message in shown
    assert len(shown.splitlines()) <= 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_the_shells_own(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == ExitCode.DONE
    assert f"_PGDEX_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_the_shell_of_the_user_is_the_default(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")

    main(["completion"])

    assert "_PGDEX_COMPLETE=fish_complete" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("python", "python"),
        ("Python", "python"),
        ("py", "python"),
        (".ts", "typescript"),
        ("c++", "cpp"),
        ("text", "text"),
    ],
)
def test_a_language_may_be_given_by_its_extension(typed: str, name: str) -> None:
    assert known_language(typed) == name


def test_every_language_is_known_by_its_own_name() -> None:
    assert [name for name in NAMES if known_language(name) != name] == []


def test_an_unknown_language_is_answered_with_near_ones() -> None:
    with pytest.raises(SearchRefused, match="language: 'pyton' is not known; did you mean python"):
        known_language("pyton")


def test_a_repository_filter_that_looks_like_a_path_is_made_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("code").resolve()
    monkeypatch.chdir(folder)

    assert repository_filter(".") == str(folder)
    assert repository_filter("./sub/..") == str(folder)
    assert repository_filter(str(folder)) == str(folder)
    assert repository_filter("click") == "click"
