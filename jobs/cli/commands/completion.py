"""`pgdex completion`: what makes a shell complete pgdex's commands and options."""

import os
from pathlib import PurePath

import click

NAMES = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(NAMES), required=False)
@click.pass_context
def completion(ctx: click.Context, *, shell: str | None) -> None:
    """Print the completion script for a shell (default: that of $SHELL).

    It completes commands, options and their values: languages, kinds, repositories, views, projects, jobs, files and
    folders. Names in the index are offered while the database runs.

    \b
    bash   add to ~/.bashrc:
             eval "$(pgdex completion bash)"
    zsh    add to ~/.zshrc, after compinit:
             eval "$(pgdex completion zsh)"
    fish   run once:
             pgdex completion fish > ~/.config/fish/completions/pgdex.fish

    Then open a new shell.
    """
    from pgdex.jobs.cli.completing.shells import SHELLS, VARIABLE

    wanted = shell or PurePath(os.environ.get("SHELL", "")).name
    script = SHELLS.get(wanted)
    if script is None:
        raise click.UsageError(f"Which shell? Choose one of {', '.join(SHELLS)}.", ctx=ctx)
    click.echo(script(ctx.find_root().command, {}, "pgdex", VARIABLE).source())
