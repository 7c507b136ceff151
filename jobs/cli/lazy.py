"""A group of commands that imports a command's module when the command is used: a command line starts often.

Its commands take no empty arguments: `pgdex index "$FOLDER"` with a variable that is not set must not mean the present
folder.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

ADVICE = "it is empty (an unset shell variable?)"


UNBROKEN_HYPHEN = "\ue000"
"""Stands for a hyphen while click wraps lines, which it would do at hyphens too: inside of --no-ignore."""


class WholeWords(click.HelpFormatter):
    """Help that is wrapped between words only, and never inside of an option's name."""

    def write_text(self, text: str) -> None:
        """A paragraph."""
        super().write_text(text.replace("-", UNBROKEN_HYPHEN))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """A list of terms with their explanations."""
        whole = [(term, text.replace("-", UNBROKEN_HYPHEN)) for term, text in rows]
        super().write_dl(whole, col_max, col_spacing)

    def getvalue(self) -> str:
        """All of it."""
        return super().getvalue().replace(UNBROKEN_HYPHEN, "-")


class WholeWordsContext(click.Context):
    """A context whose help is WholeWords."""

    formatter_class = WholeWords


class ReaderHasLeft(Exception):
    """Nobody reads what the command prints any more."""


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command is ("module:attribute"), and its line in the list of commands."""

    target: str
    summary: str


class LazyGroup(click.Group):
    """A click group over `sections` (title -> name -> command) that shows its help without importing any of them."""

    context_class = WholeWordsContext

    def __init__(self, *args: Any, sections: Mapping[str, Mapping[str, LazyCommand]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections
        self._lazy = {name: lazy for section in sections.values() for name, lazy in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the sections."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        lazy = self._lazy.get(cmd_name)
        if lazy is None:
            return None
        module, _, attribute = lazy.target.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        refuse_blank(command)
        for one in (command, *(command.commands.values() if isinstance(command, click.Group) else ())):
            one.context_class = WholeWordsContext
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the names that are near a mistyped one (click looks at loaded commands only)."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=list(self._lazy), ctx=ctx) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names that begin so, and the options."""
        names = [
            CompletionItem(name, help=lazy.summary) for name, lazy in self._lazy.items() if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises ReaderHasLeft for a broken pipe, which click would turn into exit code 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise ReaderHasLeft from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by section, from the summaries that are known without an import."""
        width = max(len(name) for name in self._lazy)
        for title, commands in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), lazy.summary) for name, lazy in commands.items()])


def refuse_blank(command: click.Command) -> None:
    """Make every text argument and option of `command` refuse an empty one, with a usage error that names it."""
    for parameter in command.params:
        # What a command hands on as it is (psql's own options) may well be empty.
        if parameter.type is not click.UNPROCESSED and not getattr(parameter.callback, "refuses_blank", False):
            parameter.callback = _refusing(parameter.callback)


def _refusing(callback: Any) -> Any:
    def check(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
        given = value if isinstance(value, tuple | list) else (value,)
        if any(isinstance(one, str) and not one.strip() for one in given):
            raise click.BadParameter(f"{ADVICE}.", ctx=ctx, param=parameter)
        return value if callback is None else callback(ctx, parameter, value)

    check.refuses_blank = True  # type: ignore[attr-defined]  # a mark on a function
    return check
