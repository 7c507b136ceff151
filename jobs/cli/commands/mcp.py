"""`pgdex mcp`: the MCP server."""

import click


@click.command()
@click.option(
    "--http",
    "address",
    metavar="HOST:PORT",
    help="Serve streamable HTTP at http://HOST:PORT/mcp instead of stdio. Other machines need PGDEX_MCP_TOKEN.",
)
def mcp(*, address: str | None) -> None:
    """Serve coding agents over the Model Context Protocol: they index, watch and search through its tools.

    Agents start it by themselves, over stdio, once it is registered with them. It starts workers where none is alive;
    those outlive it, and so do the jobs.

    \b
    Examples:
      claude mcp add -s project pgdex -- pgdex mcp
      pgdex mcp --http 127.0.0.1:8765
    """
    import logging

    from jobs.logs import log_as_json
    from jobs.settings import settings

    log_as_json()
    logging.basicConfig(level=logging.WARNING)
    configured = settings()
    if address is None:
        from jobs.mcp_server.server import serve_stdio

        serve_stdio(configured)
    else:
        from jobs.mcp_server.http import serve_http

        serve_http(configured, address)
