"""A working tree of git as git itself sees it, read from its files: the git program is never run.

Whoever can write a repository can write its git directory too. So nothing that its configuration names is run or
followed (hooks, filters, `include`, `core.fsmonitor`), a git directory outside of the tree has to point back to the
tree, and every file is read within a bound. What can't be read is treated as absent, never as an error.
"""

from pgdex.indexer.sources.git.index import NO_INDEX, GitIndex
from pgdex.indexer.sources.git.remotes import normalised_remote
from pgdex.indexer.sources.git.tree import GitTree

__all__ = ["NO_INDEX", "GitIndex", "GitTree", "normalised_remote"]
