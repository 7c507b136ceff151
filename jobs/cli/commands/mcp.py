"""`pgdex mcp`: the MCP server, and the token of its HTTP interface."""

import sys

import click

from pgdex.jobs.cli.render.console import note

ON_A_TERMINAL = """\
This is a server for coding agents. It waits for messages of the Model Context Protocol (JSON, one on each line) on
stdin, and is usually started by an agent. To register it, here with Claude Code:
  claude mcp add -s project pgdex -- pgdex mcp
Ctrl-D or Ctrl-C ends it. To search from here: pgdex search QUERY"""


@click.group(invoke_without_command=True)
@click.option(
    "--http",
    "address",
    metavar="HOST:PORT",
    help="Serve streamable HTTP at http://HOST:PORT/mcp, or at a Unix socket (unix:PATH), instead of stdio. Clients "
    "need the token that `pgdex mcp token` prints; other machines can only be served with PGDEX_ALLOWED_ROOTS.",
)
@click.option(
    "--folder",
    metavar="PATH",
    help="The folder that the agent works in, where that is not the current folder of the server that it starts.",
)
@click.pass_context
def mcp(ctx: click.Context, *, address: str | None, folder: str | None) -> None:
    """Serve coding agents over the Model Context Protocol: they index, watch and search through its tools.

    Agents start it automatically, over stdio, once it is registered with them. It starts workers if none are running;
    they outlive it, and so do the jobs.

    \b
    Examples:
      claude mcp add -s project pgdex -- pgdex mcp
      pgdex mcp --http 127.0.0.1:8765
      pgdex mcp --http unix:/run/user/1000/pgdex.sock
    """
    if ctx.invoked_subcommand is not None:
        for option, value in (("--http", address), ("--folder", folder)):
            if value is not None:
                raise click.UsageError(f"{option} can't be combined with `pgdex mcp {ctx.invoked_subcommand}`.")
        return
    if address is not None and folder is not None:
        raise click.UsageError("--folder is for one agent over stdio: clients of --http work in folders of their own.")
    import logging

    from pgdex.jobs.logging import log_as_json
    from pgdex.jobs.settings import settings

    log_as_json()
    logging.basicConfig(level=logging.WARNING)
    configured = settings()
    if address is None:
        from pgdex.jobs.mcp.server import serve_stdio

        if sys.stdin.isatty():
            note(ON_A_TERMINAL)
        if folder is not None:
            _work_in(folder)
        serve_stdio(configured)
    else:
        from pgdex.jobs.mcp.http import serve_http

        serve_http(configured, address)


def _work_in(folder: str) -> None:
    """Change into the agent's folder. An agent that has none open hands its placeholder on as it is: then stay."""
    import os

    try:
        os.chdir(os.path.expanduser(folder))
    except OSError as error:
        note(f"Warning: --folder {folder}: {error.strerror}. The server works in {os.path.abspath(os.curdir)} instead.")


@mcp.command()
@click.option("--rotate", is_flag=True, help="Make a new token; the old one stops working at once.")
def token(*, rotate: bool) -> None:
    """Print the bearer token that clients of `pgdex mcp --http` must send; it is made when it is first needed.

    It is PGDEX_MCP_TOKEN if that is set, else one in PGDEX_HOME that only you can read. Anyone who has it can index any
    folder that you can read, and so read it: keep it like a password.

    \b
    Example:
      export PGDEX_MCP_TOKEN=$(pgdex mcp token)     for a client whose registration names that variable
    """
    from pgdex.jobs.mcp.access import ensure_token, rotate_token
    from pgdex.jobs.settings import settings

    configured = settings()
    click.echo(rotate_token(configured) if rotate else ensure_token(configured))
