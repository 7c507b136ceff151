"""`pgdex retry`: ask again for what a job was to do that failed or was cancelled."""

import json
from typing import TYPE_CHECKING

import click

from pgdex.jobs.cli.arguments import JOB_ID_HELP, json_option, project_of_job_option
from pgdex.jobs.cli.completing import choices
from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.render.console import note, print_json
from pgdex.jobs.cli.render.text import SHORT_ID
from pgdex.jobs.cli.session import chosen_project, open_client, present_folder, wanted_job
from pgdex.jobs.client.printable import printable
from pgdex.jobs.errors import NotAllowed, PgdexError

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import RetriedJob


@click.command(epilog=JOB_ID_HELP)
@click.argument("job_id", required=False, shell_complete=choices.ended_jobs)
@click.option("--failed", is_flag=True, help="Retry every folder in the project whose last job failed.")
@project_of_job_option
@json_option
def retry(*, job_id: str | None, failed: bool, project: str | None, as_json: bool) -> ExitCode:
    """Run the job JOB_ID, which failed or was cancelled, again as a new job.

    The new job has the same settings, and continues from what was indexed. It runs in the background, on workers that
    are started if none are running; its id is printed. With --failed, every folder of the project whose last job failed
    is retried.
    """
    if (job_id is None) is not failed:
        raise click.UsageError("Give either a JOB_ID or --failed.")
    errors: list[str] = []
    with open_client() as client:
        if job_id is not None:
            retried = [client.retry(wanted_job(client, job_id, project=project, only_reads=False).job_id)]
        else:
            chosen = chosen_project(client.settings, argument=project, folder=present_folder()).id
            retried = _all_failed(client, chosen, errors)
        if retried:
            from pgdex.jobs.worker.launcher import ensure_workers

            ensure_workers(client)
    if as_json:
        document = {"jobs": [one.document() for one in retried], "errors": errors}
        print_json(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        _say(retried)
        for error in errors:
            note(f"Not retried: {error}")
        if not retried and not errors:
            note("Nothing to retry: no folder's last job failed.")
    return ExitCode.FAILED if errors else ExitCode.DONE


def _all_failed(client: "Client", project: str, errors: list[str]) -> "list[RetriedJob]":
    """One after the other: what one of them is refused for is no reason not to try the others."""
    from pgdex.jobs.client.repositories import last_failed_jobs

    retried = []
    for job in last_failed_jobs(client, project=project):
        try:
            retried.append(client.retry(job, project=project))
        except NotAllowed:
            raise
        except PgdexError as error:
            errors.append(f"job {job}: {error}")
    return retried


def _say(retried: "list[RetriedJob]") -> None:
    for one in retried:
        click.echo(str(one.job_id))
        what = "is being indexed already, by job" if one.already_running else "is indexed again, by job"
        note(
            f"{printable(one.repo_path)} {what} {str(one.job_id)[:SHORT_ID]} "
            f"(instead of {str(one.retried_job_id)[:SHORT_ID]})."
        )
