"""`pgdex status`: one job, once or until it has ended."""

from datetime import UTC, datetime

import click

from pgdex.jobs.cli.arguments import JOB_ID_HELP, json_option, project_of_job_option
from pgdex.jobs.cli.completing import choices
from pgdex.jobs.cli.exit_codes import OUTCOMES, ExitCode
from pgdex.jobs.cli.render.console import note, print_json, show
from pgdex.jobs.cli.root import Invocation
from pgdex.jobs.cli.session import open_client, wanted_job


@click.command(epilog=JOB_ID_HELP)
@click.argument("job_id", default="last", shell_complete=choices.jobs)
@click.option("--watch", is_flag=True, help="Show the progress until the job has ended.")
@project_of_job_option
@json_option
@click.pass_obj
def status(invocation: Invocation, job_id: str, watch: bool, project: str | None, as_json: bool) -> ExitCode:
    """Show the progress of the job JOB_ID (default: the project's newest one).

    With --watch, the exit code tells how the job ended (see `pgdex --help`); Ctrl-C stops watching, not the job.
    For a failed job `pgdex --debug status` also shows the traceback.
    """
    with open_client() as client:
        job = wanted_job(client, job_id, project=project, only_reads=True)
        outcome = ExitCode.DONE
        if watch:
            from pgdex.jobs.cli.watching import watch as watch_job

            try:
                job = watch_job(client, job.job_id)
            except KeyboardInterrupt:
                note("\nStopped watching; the job continues.")
                return ExitCode.INTERRUPTED
            outcome = OUTCOMES[job.status]
    if as_json:
        print_json(job.as_json(indent=2))
        return outcome
    from pgdex.jobs.cli.render.job import job_table

    show(job_table(job, now=datetime.now(UTC), traceback=invocation.debug))
    return outcome
