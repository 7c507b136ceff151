"""Checks of schedules: do their jobs succeed, and is anyone there to start them?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdex.jobs.cli.diagnosis.checks import Check, ok, warning
from pgdex.jobs.cli.render.text import count, printable

if TYPE_CHECKING:
    from pgdex.jobs.database.connection import Connection

MOST_NAMED = 5
FAILING = """
    select v.project_id, v.location, s.failures, s.error
    from pgdex.schedules s join pgdex.views_status v on v.id = s.view_id
    where s.error is not null order by s.failures desc, v.location limit %s
"""
HOW_MANY = """
    select count(*), exists (select from pgdex.worker_status where alive) from pgdex.schedules
"""


def schedules_checks(connection: "Connection") -> Iterator[Check]:
    """A warning for each schedule that fails, and where no worker runs; nothing where nothing is scheduled."""
    number, is_worked = connection.execute(HOW_MANY).fetchone() or (0, False)
    if not number:
        return
    failing = connection.execute(FAILING, [MOST_NAMED]).fetchall()
    for project, location, failures, error in failing:
        of_project = "" if project == "default" else f" --project {project}"
        times = f" ({count(failures, 'failure')} in a row)" if failures else ""
        yield warning(
            "schedules",
            f"{printable(location)} fails{times}: {printable(error)}",
            f"Workers try again by the schedule, at most an hour later. All of them: pgdex schedule{of_project}",
        )
    if not is_worked:
        yield warning(
            "schedules",
            f"{count(number, 'schedule')}, and no worker is alive to start the jobs",
            "Keep one running: pgdex worker",
        )
    elif not failing:
        yield ok("schedules", f"{count(number, 'schedule')}, none failing")
