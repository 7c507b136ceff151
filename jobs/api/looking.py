"""What a program's searches look at before they answer: all of a tree once or twice, then what was reported since."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pgdex.jobs.settings import Settings

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import IndexedView
    from pgdex.jobs.watching import Looks


class Looking:
    """What a program remembers of the trees that it searches more than once. For several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._looked_at: set[int] = set()

    def look(self, client: "Client", view: "IndexedView", root: Path, aborted: Callable[[], bool]) -> list[str]:
        """What has changed in a view's folder (a `Look` of client/freshening.py).

        The first look is one that remembers nothing: most programs that search a tree once do not search it again, and
        need no watch for each of its folders. With PGDEX_WATCH off all looks are.
        """
        from pgdex.jobs.client.freshening import whole_look

        if not self._settings.watch or view.id not in self._looked_at:
            self._looked_at.add(view.id)
            return whole_look(client, view, root, aborted)
        return self._looks.look(client, view, root, aborted)

    def close(self) -> None:
        """Forget all trees."""
        if "_looks" in self.__dict__:
            self._looks.close()

    @cached_property
    def _looks(self) -> "Looks":
        from pgdex.jobs.watching import Looks  # 50 ms, for watchers

        return Looks()
