"""Keeping the index of a folder current while somebody works in it: changes are noticed, and a job is requested.

`Watcher` is the whole of it for one folder. `Looks` spares the searches of a process that stays their walk of the
tree. The rest of the package are their parts. `mcp` and `cli` may import it; it imports what they do: `client`, and the
worker launcher.
"""

from pgdex.jobs.watching.looks import Looks
from pgdex.jobs.watching.news import Kind, News
from pgdex.jobs.watching.watcher import Watcher

__all__ = ["Kind", "Looks", "News", "Watcher"]
