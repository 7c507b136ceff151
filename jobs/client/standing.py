"""Where the one who asks stands: the view whose files surround a folder."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pgdex.indexer.sources import GitTree
from pgdex.jobs.client.models import IndexedView
from pgdex.jobs.client.views import default_view_of_family, indexed_views, innermost_view
from pgdex.jobs.database.connection import Connection

OTHERS = "select count(*) from (select from pgdex.views_status where project_id = %s and root <> %s limit 2) as others"


@dataclass(frozen=True, slots=True)
class Standing:
    """The view to search for someone in a folder.

    `worktree` is the working tree that the folder is in where that is not indexed itself, but its repository is: then
    `view` is another worktree of it, or the same `folder` of another worktree.
    """

    view: IndexedView
    worktree: str | None = None
    folder: str = ""

    def path_of(self, file: Path) -> str:
        """The path in the view of a file that lies where one stands."""
        root = self.view.root if self.worktree is None else os.path.join(self.worktree, self.folder)
        return os.path.relpath(os.path.realpath(file), root)

    def note_on_worktree(self, *, index: str) -> list[str]:
        """What to say with any answer; `index` says how to index a folder, in the words of the front end (PATH is the
        folder)."""
        if self.worktree is None:
            return []
        how = index.replace("PATH", shlex.quote(self.worktree))
        return [
            f"the worktree {self.worktree} is not indexed: these results are from {self.view.root}. Index it with: "
            f"{how} (only what differs takes time)"
        ]

    def note_on_nothing(self, connection: Connection, *, project: str, widen: str) -> list[str]:
        """What to say where nothing was found; `widen` says how to search more."""
        row = connection.execute(OTHERS, [project, self.view.root]).fetchone()
        if not row or not row[0]:
            return []
        return [f"only {self.view.root} was searched, because you are in it; {widen}"]


def unindexed_repository(folder: Path) -> str | None:
    """The working tree of git that a folder is in, of someone whose folder is in no view; None where there is none."""
    git = GitTree.at(os.path.realpath(os.fsencode(folder)))
    if git is None:
        return None
    real = os.path.realpath(folder)
    return real.removesuffix(f"/{git.prefix}") if git.prefix else real


def views_now_on(connection: Connection, branch: str, *, project: str) -> list[IndexedView]:
    """The worktrees on this machine that are on a branch now, whatever they were on when they were indexed."""
    found = []
    for one in indexed_views(connection, project=project):
        git = None if one.ref else GitTree.at(os.fsencode(one.root))
        if git is not None and git.branch == branch:
            found.append(one)
    return found


def standing_at(connection: Connection, folder: Path, *, project: str) -> Standing | None:
    """The innermost view of a project that contains `folder`, or a view of the repository whose worktree contains it;
    None where nothing like that is indexed."""
    folder = Path(os.path.realpath(folder))
    around = innermost_view(connection, map(str, (folder, *folder.parents)), project=project)
    git = GitTree.at(os.fsencode(folder))
    if git is None:
        return None if around is None else Standing(around)
    top = Path(str(folder).removesuffix(f"/{git.prefix}") if git.prefix else folder)
    # A linked worktree inside of an indexed folder is no part of it; a submodule is.
    if around is not None and (git.is_main_worktree or Path(around.root).is_relative_to(top)):
        return Standing(around)
    # A folder of a worktree is of a family of its own (see family_of): the innermost one that is indexed elsewhere.
    below = [name for name in (git.prefix, *map(str, PurePosixPath(git.prefix).parents)) if name not in ("", ".")]
    for name in (*below, ""):
        identity = f"{git.history}//{name}" if name else git.history
        family = default_view_of_family(connection, identity, project=project)
        if family is not None:
            return Standing(family, worktree=str(top), folder=name)
    return None if around is None else Standing(around)
