"""`pgdex schedule`: index a view again and again, by a cron expression."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from pgdex.jobs.cli.arguments import absolute_folder, json_option, project_of_folder_option
from pgdex.jobs.cli.completing import choices
from pgdex.jobs.cli.render.console import note, print_json, say, show
from pgdex.jobs.cli.session import chosen_project, open_client, present_folder
from pgdex.jobs.errors import InvalidRequest

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.schedules import Schedule


@click.command()
@click.argument("repository", metavar="[REPO]", required=False, shell_complete=choices.repositories)
@click.argument("expression", metavar="[CRON]", required=False)
@click.option("--remove", is_flag=True, help="Remove the schedule of REPO.")
@project_of_folder_option
@json_option
def schedule(
    *, repository: str | None, expression: str | None, remove: bool, project: str | None, as_json: bool
) -> None:
    """Index REPO at the times of the cron expression CRON. Without arguments, list the schedules.

    REPO is something that is already in the index: the address of a git repository, a folder, or a name that `pgdex
    repos` shows. CRON has five fields (minute, hour, day of the month, month, day of the week), in UTC; quote it.
    Workers start the jobs, so keep one running: `pgdex worker`. After a job failed, the next try is at the next
    scheduled time, but not before 1, 2, 4 … 60 minutes have passed.

    \b
    Examples:
      pgdex schedule git@example.com:app.git "*/15 * * * *"
      pgdex schedule app "30 3 * * *"      every night
      pgdex schedule                       what is scheduled, and what failed
      pgdex schedule app --remove
    """
    from pgdex.jobs.client.naming import view_meant
    from pgdex.jobs.client.schedules import remove_schedule, schedules, set_schedule
    from pgdex.jobs.client.targets import is_address

    if repository is not None and not remove and expression is None:
        raise InvalidRequest('give the times in quotes: pgdex schedule REPO "*/15 * * * *"; or end it with --remove')
    if remove and (repository is None or expression is not None):
        raise InvalidRequest("--remove takes REPO and nothing else: pgdex schedule REPO --remove")
    with open_client() as client:
        place = present_folder()
        if repository is not None and not is_address(repository) and absolute_folder(repository).is_dir():
            place = absolute_folder(repository)
        chosen = chosen_project(client.settings, argument=project, folder=place).id
        if repository is None:
            _print_list(client, schedules(client, project=chosen), project=chosen, as_json=as_json)
            return
        view = view_meant(client.connection, repository, project=chosen)
        if expression is not None:
            _print_one(client, set_schedule(client, view, expression), as_json=as_json)
            return
        ended = remove_schedule(client, view)
    if as_json:
        print_json(json.dumps({"repo_path": view.root, "project_id": chosen, "removed_expression": ended}, indent=2))
    else:
        from pgdex.jobs.cli.render.text import printable

        say(f"{printable(view.root)} is no longer scheduled (it was: {ended}).")


def _print_one(client: "Client", one: "Schedule", *, as_json: bool) -> None:
    from pgdex.jobs.cli.render.text import local_time, printable

    if as_json:
        print_json(one.as_json(indent=2))
        return
    when = f", next at {local_time(one.next_at)}" if one.next_at is not None else ""
    say(f"{printable(one.repo_path)} is scheduled: {one.expression} (UTC){when}.")
    _say_who_does_it(client)


def _print_list(client: "Client", found: "list[Schedule]", *, project: str, as_json: bool) -> None:
    if as_json:
        print_json(json.dumps([one.document() for one in found], indent=2))
        return
    if not found:
        note(f'Nothing is scheduled in project {project}. To begin: pgdex schedule REPO "*/15 * * * *"')
        return
    from pgdex.jobs.cli.render.schedules import schedules_table

    show(schedules_table(found, now=datetime.now(UTC)))
    _say_who_does_it(client)


def _say_who_does_it(client: "Client") -> None:
    from pgdex.jobs.client.workers import living_workers

    if not living_workers(client.connection):
        note("No worker is running, and workers start the jobs: keep one running with `pgdex worker`.")
