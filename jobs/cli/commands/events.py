"""`pgdex events`: the history of a job."""

import click

from pgdex.jobs.cli.arguments import JOB_ID_HELP, project_of_job_option
from pgdex.jobs.cli.completing import choices
from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.render.console import note, print_json, say
from pgdex.jobs.cli.session import open_client, wanted_job


@click.command(epilog=JOB_ID_HELP)
@click.argument("job_id", default="last", shell_complete=choices.jobs)
@click.option("--follow", is_flag=True, help="Follow new events until the job has ended.")
@project_of_job_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line, for programs.")
def events(job_id: str, follow: bool, project: str | None, as_json: bool) -> ExitCode:
    """Show the history of the job JOB_ID, oldest event first (default: the project's newest job)."""
    from pgdex.jobs.cli.render.events import event_line
    from pgdex.jobs.cli.watching import events as events_to_the_end

    with open_client() as client:
        wanted = wanted_job(client, job_id, project=project, only_reads=True).job_id
        history = events_to_the_end(client, wanted, tell=note) if follow else iter(client.events(wanted))
        try:
            for event in history:
                if as_json:
                    print_json(event.as_json())
                else:
                    say(event_line(event))
        except KeyboardInterrupt:
            return ExitCode.INTERRUPTED
    return ExitCode.DONE
