"""`pgdex completion`: what makes a shell complete pgdex's commands and options."""

import os
from pathlib import PurePath

import click

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.pass_context
def completion(ctx: click.Context, *, shell: str | None) -> None:
    """Print the completion script for a shell (default: that of $SHELL).

    \b
    bash   add to ~/.bashrc:
             eval "$(pgdex completion bash)"
    zsh    add to ~/.zshrc, after compinit:
             eval "$(pgdex completion zsh)"
    fish   run once:
             pgdex completion fish > ~/.config/fish/completions/pgdex.fish

    Then open a new shell.
    """
    from click.shell_completion import get_completion_class

    wanted = shell or PurePath(os.environ.get("SHELL", "")).name
    script = get_completion_class(wanted) if wanted in SHELLS else None
    if script is None:
        raise click.UsageError(f"Which shell? Choose one of {', '.join(SHELLS)}.", ctx=ctx)
    root = ctx.find_root()
    click.echo(script(root.command, {}, "pgdex", "_PGDEX_COMPLETE").source())
