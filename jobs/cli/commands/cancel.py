"""`pgdex cancel`: end a job, after a question."""

import click

from pgdex.jobs.cli.arguments import JOB_ID_HELP, json_option, project_of_job_option
from pgdex.jobs.cli.completing import choices
from pgdex.jobs.cli.render.console import is_confirmed, print_json, say
from pgdex.jobs.cli.session import open_client, wanted_job


@click.command(epilog=JOB_ID_HELP)
@click.argument("job_id", shell_complete=choices.live_jobs)
@click.option("--yes", is_flag=True, help="Don't ask.")
@project_of_job_option
@json_option
def cancel(job_id: str, yes: bool, project: str | None, as_json: bool) -> None:
    """Cancel the job JOB_ID, which is pending, running or blocked.

    What the job has indexed stays searchable, and the next `pgdex index` continues from there. A job that has ended
    can't be cancelled (exit code 5).
    """
    with open_client() as client:
        job = wanted_job(client, job_id, project=project, only_reads=False)
        if not (yes or job.is_final):
            from pgdex.jobs.cli.render.job import cancel_question

            if not is_confirmed(cancel_question(job), question="Cancel it?", declined="Not cancelled."):
                return
        cancelled = client.cancel(job.job_id)
    if as_json:
        print_json(cancelled.as_json(indent=2))
    else:
        say(cancelled.message)
