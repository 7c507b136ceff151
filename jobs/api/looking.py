"""What a program's searches look at before they answer: all of a tree once or twice, then what was reported since."""

from collections.abc import Callable
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
        self._made: dict[str, Looks] = {}

    def look(self, client: "Client", view: "IndexedView", root: Path, aborted: Callable[[], bool]) -> list[str]:
        """What has changed in a view's folder (a `Look` of client/freshening.py).

        The first look is one that remembers nothing: most programs that search a tree once do not search it again, and
        need no watch for each of its folders. With PGDEX_WATCH off all looks are.
        """
        from pgdex.jobs.client.freshening import whole_look

        if not self._settings.watch or view.id not in self._looked_at:
            self._looked_at.add(view.id)
            return whole_look(client, view, root, aborted)
        return self._looks().look(client, view, root, aborted)

    def close(self) -> None:
        """Forget all trees."""
        for looks in self._made.values():
            looks.close()

    def _looks(self) -> "Looks":
        from pgdex.jobs.watching import Looks  # 50 ms, for watchers

        # One for all threads, without a lock that a process forked meanwhile would find taken for ever.
        return self._made.get("looks") or self._made.setdefault("looks", Looks())
