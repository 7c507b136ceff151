"""What a shell is offered after Tab, where no database is asked."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from pgdex.indexer.chunking import KINDS
from pgdex.jobs.cli.completing import choices
from pgdex.jobs.cli.completing.shells import PART, SHELLS, Bash, Fish, Zsh
from pgdex.jobs.cli.root import pgdex

TRIES = 3
LONGEST_SECONDS = 0.3


@pytest.fixture(autouse=True)
def no_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PGDEX_HOME", str(tmp_path / "never-started"))
    monkeypatch.delenv("PGDEX_DATABASE_URL", raising=False)


def offered(*words: str, shell: str = "fish") -> list[str]:
    """What a new process answers to the shell's question about the last of `words`."""
    done = subprocess.run(
        [sys.executable, "-m", "pgdex.jobs.cli"],
        env=os.environ
        | {"_PGDEX_COMPLETE": f"{shell}_complete", "COMP_WORDS": " ".join(["pgdex", *words]), "COMP_CWORD": words[-1]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return [line.partition(",")[2].partition("\t")[0] for line in done.stdout.splitlines() if line]


def test_the_kinds_that_are_offered_are_those_that_there_are() -> None:
    assert tuple(KINDS) == choices.KINDS


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("sea",), "search"),
        (("search", "--language", "pyt"), "python"),
        (("search", "--kind", "func"), "function"),
        (("status", "la"), "last"),
        (("index", "--deta"), "--detach"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_commands_options_and_values_are_completed(words: tuple[str, ...], wanted: str) -> None:
    assert wanted in offered(*words)


def test_a_database_that_does_not_run_is_neither_started_nor_complained_about(tmp_path: Path) -> None:
    assert offered("rename", "x") == []
    assert offered("cancel", "1") == []
    assert not (tmp_path / "never-started").exists()


def test_a_setting_that_is_wrong_offers_nothing_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGDEX_PROCESSES", "many")
    assert offered("status", "1") == []


def test_files_are_offered_with_the_colon_of_their_line_and_folders_to_go_on_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "src").mkdir()
    for name in ("app.py", ".hidden.py", "a b.py"):
        (tmp_path / "src" / name).touch()
    monkeypatch.chdir(tmp_path)
    command = pgdex.get_command(click.Context(pgdex), "related")
    assert command is not None

    def items(begun: str) -> list[tuple[str, str]]:
        found = choices.locations(click.Context(command), command.params[0], begun)
        return [(item.value, item.type) for item in found]

    assert items("s") == [("src/", PART)]
    assert items("src/") == [("src/a b.py:", PART), ("src/app.py:", PART)]
    assert items("src/.h") == [("src/.hidden.py:", PART)]
    assert items("nowhere/") == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_goes_on_after_a_part_and_escapes_what_means_something_to_it(tmp_path: Path) -> None:
    (tmp_path / "it's (a) file.py").touch()
    script = Bash(pgdex, {}, "pgdex", "_PGDEX_COMPLETE").source()
    program = tmp_path / "bin" / "pgdex"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pgdex.jobs.cli "$@"\n')
    program.chmod(0o755)
    asked = (
        f'{script}\ncompopt() {{ echo option "$@"; }}\n'
        'COMP_WORDS=(pgdex related "it"); COMP_CWORD=2; _pgdex_completion pgdex; printf "%s\\n" "${COMPREPLY[@]}"'
    )

    done = subprocess.run(
        ["bash", "--norc", "-c", asked],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.splitlines() == ["option -o nospace", r"it\'s\ \(a\)\ file.py:"], done.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize("type_", ["plain", PART])
def test_a_name_that_bash_would_run_is_completed_as_a_name(type_: str) -> None:
    name = "x;$(id)`id`|a b*"
    line = Bash(pgdex, {}, "pgdex", "x").format_completion(click.shell_completion.CompletionItem(name, type=type_))
    kind, _, value = line.partition(",")

    assert kind == type_
    assert subprocess.run(["bash", "-c", f"printf %s {value}"], capture_output=True, check=True).stdout.decode() == name
    assert 'COMPREPLY+=("$value")' in Bash.source_template
    assert "COMPREPLY+=($value)" not in Bash.source_template


def test_each_script_knows_what_a_part_is() -> None:
    assert "'part'" in Bash.source_template
    assert '"part"' in Zsh.source_template
    assert set(SHELLS) == {"bash", "zsh", "fish"}
    assert Fish(pgdex, {}, "pgdex", "x").format_completion(click.shell_completion.CompletionItem("a/", type=PART)) == (
        "plain,a/"
    )


def test_an_answer_comes_before_it_is_felt_as_a_hang() -> None:
    """By the processor's time, which other processes of a busy machine don't add to."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(TRIES):
        offered("status", "l")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    assert took / TRIES < LONGEST_SECONDS
