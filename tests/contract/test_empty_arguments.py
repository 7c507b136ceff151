"""Empty arguments of commands: an unset shell variable is a usage error that says so, never the present folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from pgdex.jobs.cli.lazy import ADVICE
from pgdex.jobs.cli.root import pgdex
from tests.support.logins import run_pgdex

TEXTS = (click.STRING.__class__, click.Path)


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


def something(parameter: click.Parameter) -> str:
    """What the parameter takes."""
    return str(parameter.type.choices[0]) if isinstance(parameter.type, click.Choice) else "something"


def cases() -> Iterator[Any]:
    """Each argument and option that takes a text, in a call that has all the required ones."""
    for words, command in commands(pgdex):
        for parameter in command.params:
            if parameter.type is click.UNPROCESSED or (isinstance(parameter, click.Option) and parameter.is_flag):
                continue
            call = list(words)
            for other in command.params:
                if other is parameter and isinstance(other, click.Option):
                    call += [other.opts[-1], "{}"]
                elif other is parameter:
                    call += ["{}"]
                elif isinstance(other, click.Argument) and other.required:
                    call += [something(other)]
                elif isinstance(other, click.Option) and other.required:
                    call += [other.opts[-1], something(other)]
            name = parameter.opts[-1]
            yield pytest.param(call, isinstance(parameter.type, TEXTS), id=f"{' '.join(words)} {name}")


CASES = list(cases())


def test_every_kind_of_command_is_among_them() -> None:
    names = {case.id for case in CASES}

    assert {"index path", "search --path", "mcp --http", "cancel job_id", "allow path"} <= names
    assert {"db downgrade --to", "skipped path", "related location", "list --since", "worker --processes"} <= names


@pytest.mark.parametrize("blank", ["", " ", "\t"], ids=repr)
@pytest.mark.parametrize(("call", "is_text"), CASES)
def test_an_empty_argument_is_a_usage_error(call: list[str], is_text: bool, blank: str, tmp_path: Path) -> None:
    finished = run_pgdex(*(word.format(blank) for word in call), home=tmp_path / "home", folder=tmp_path)

    assert finished.code == 2, finished
    assert "Traceback" not in finished.err
    assert not is_text or ADVICE in finished.err, finished.err
    assert not (tmp_path / "home").exists()  # nothing was begun
