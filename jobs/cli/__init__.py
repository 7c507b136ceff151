"""The command line, `pgdex`: one module per command in `commands`, what they print in `render`.

Commands parse arguments, call `client` and print; a rule that another front end needs too belongs there. `diagnosis`
is what `pgdex doctor` checks. This is the topmost package: it may import every other one (the MCP server for
`pgdex mcp`), and nothing imports it.
"""

from pgdex.jobs.cli.entry import main

__all__ = ["main"]
