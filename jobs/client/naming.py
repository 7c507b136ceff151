"""Which view or repository a text means: by its path or address, or by a name."""

from collections.abc import Sequence

from pgdex.jobs.client.models import IndexedView
from pgdex.jobs.client.printable import printable
from pgdex.jobs.client.targets import locations_of
from pgdex.jobs.client.views import indexed_views
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.errors import InvalidRequest

MOST_SHOWN = 20
MOST_KNOWN_SHOWN = 10


def view_meant(connection: Connection, text: str, *, project: str, advice: str = "") -> IndexedView:
    """The one view of a project that `text` means: the one at that path or address, which need not exist any more, or
    the one with that name, its own or its repository's.

    Raises InvalidRequest where there is none or there are several; `advice` is what else can be done about several.
    """
    found = _views_meant(connection, text, project=project)
    if len(found) > 1:
        of_one = len({one.repository_id for one in found}) == 1
        what = (
            f"the repository {text} has {len(found):,} views" if of_one else f"{len(found):,} views are called {text}"
        )
        raise InvalidRequest(f"{what}. Give the path or address of one{advice}:{_listed(found)}")
    return found[0]


def views_of_repository_meant(connection: Connection, text: str, *, project: str) -> list[IndexedView]:
    """All views of the one repository that `text` means, by its name or by one of its views, by their paths.

    Raises InvalidRequest where there is none or there are several.
    """
    found = _views_meant(connection, text, project=project)
    repositories = {one.repository_id for one in found}
    if len(repositories) > 1:
        what = f"{len(repositories):,} repositories have views that are called {text}"
        raise InvalidRequest(f"{what}. Give the path or address of one:{_listed(found)}")
    return [one for one in indexed_views(connection, project=project) if one.repository_id in repositories]


def _views_meant(connection: Connection, text: str, *, project: str) -> list[IndexedView]:
    """At least one."""
    known = indexed_views(connection, project=project)
    locations = locations_of(text)
    # As it is written before what it leads to: a link that was indexed by SQL, and the folder behind it.
    if at := sorted((one for one in known if one.root in locations), key=lambda one: locations.index(one.root)):
        return at[:1]
    if called := [one for one in known if text in (one.name, one.view_name)]:
        return called
    raise InvalidRequest(f"{text or repr(text)} is not in the index of project {project}. {what_is_indexed(known)}")


def what_is_indexed(views: Sequence[IndexedView]) -> str:
    """A sentence for who named something else: the first few of a project's views."""
    if not views:
        return "Nothing is indexed in it"
    there = ", ".join(printable(one.root) for one in views[:MOST_KNOWN_SHOWN])
    return f"Indexed: {there}{', …' if len(views) > MOST_KNOWN_SHOWN else ''}"


def _listed(views: Sequence[IndexedView]) -> str:
    shown = "".join(f"\n  {printable(one.root)}" for one in views[:MOST_SHOWN])
    return shown + (f"\n  … and {len(views) - MOST_SHOWN:,} more" if len(views) > MOST_SHOWN else "")
