"""The command line: `pgdex`. Commands are in `commands`, what they print in `render`."""

from pgdex.jobs.cli.entry import main

__all__ = ["main"]
