"""Keeping the index of a folder current while somebody works in it: changes are noticed, and a job is requested.

`Watcher` is the whole of it for one folder; the rest of the package are its parts. `mcp` and `cli` may import it; it
imports what they do: `client`, and the worker launcher.
"""

from pgdex.jobs.watching.news import Kind, News
from pgdex.jobs.watching.watcher import Watcher

__all__ = ["Kind", "News", "Watcher"]
