"""The page of the command line, from what `--help` prints."""

from collections.abc import Iterator

import click

from docs_reference.markdown import fenced, table
from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.root import SECTIONS, pgdex

WIDTH = 78  # what click takes of a terminal that is 80 wide or wider


def command_line_page() -> str:
    """Every command with its help, in the sections of `pgdex --help`, and the exit codes."""
    root = _context(pgdex, "pgdex", None)
    parts = [
        "# Command line\n",
        "What `--help` prints for each command. `pgdex completion` prints a script for your shell that completes "
        "commands, options, job ids and repositories.\n",
        fenced(root.get_help(), "text"),
    ]
    for title, commands in SECTIONS.items():
        parts.append(f"## {title}\n")
        for name in commands:
            command = pgdex.get_command(root, name)
            assert command is not None
            parts.extend(_helps(command, name, root))
    parts.append("## Exit codes\n")
    parts.append(table(["code", "meaning"], ([str(code.value), code.meaning] for code in ExitCode)))
    return "\n".join(parts)


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    """Where the command's help is asked for, with the command's own settings: they say how help options are named."""
    settings = {**command.context_settings, "terminal_width": WIDTH, "color": False}
    return click.Context(command, info_name=name, parent=parent, **settings)


def _helps(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    """The section of a command, and those of its subcommands."""
    if command.hidden:
        return
    context = _context(command, name, parent)
    yield f"### {context.command_path}\n"
    yield fenced(context.get_help(), "text")
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            subcommand = command.get_command(context, below)
            assert subcommand is not None
            yield from _helps(subcommand, below, context)
