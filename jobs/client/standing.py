"""Where the one who asks stands: the view whose files surround a folder."""

from dataclasses import dataclass
from pathlib import Path

from pgdex.jobs.client.views import innermost_view
from pgdex.jobs.database.connection import Connection

OTHERS = "select count(*) from (select from pgdex.views_status where project_id = %s and root <> %s limit 2) as others"


@dataclass(frozen=True, slots=True)
class Standing:
    """The view at `root`, and whether the project has other ones."""

    root: str
    has_others: bool

    def note_on_nothing(self, *, widen: str) -> list[str]:
        """What to say where nothing was found; `widen` says how to search more, in the words of the front end."""
        if not self.has_others:
            return []
        return [f"only {self.root} was searched, because you are in it; {widen}"]


def standing_at(connection: Connection, folder: Path, *, project: str) -> Standing | None:
    """The innermost view of a project that contains `folder`; None where no indexed folder does."""
    around = innermost_view(connection, map(str, (folder, *folder.parents)), project=project)
    if around is None:
        return None
    row = connection.execute(OTHERS, [project, around.root]).fetchone()
    return Standing(around.root, bool(row and row[0]))
