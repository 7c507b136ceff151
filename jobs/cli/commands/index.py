"""`pgdex index`: enqueue, and follow the job to its end."""

import shlex
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from pgdex.jobs.cli.arguments import absolute_folder, json_option, project_of_folder_option
from pgdex.jobs.cli.completing import choices
from pgdex.jobs.cli.exit_codes import OUTCOMES, ExitCode
from pgdex.jobs.cli.render.console import note, print_json, say
from pgdex.jobs.cli.session import chosen_project, open_client, present_folder
from pgdex.jobs.errors import ModelChanged, PgdexError, TooBroad

if TYPE_CHECKING:
    import subprocess

    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import JobStatus, StartedJob
    from pgdex.jobs.client.projects import Project


@click.command()
@click.argument("path", metavar="[PATH|ADDRESS]", default=".", shell_complete=choices.folders)
@project_of_folder_option
@click.option("--name", help="What to call the repository (default: the folder's name).")
@click.option("--branch", metavar="NAME", help="Index this branch as git has it, instead of the working files.")
@click.option("--tag", metavar="NAME", help="Index this tag as git has it.")
@click.option("--commit", metavar="ID", help="Index this commit (its full id).")
@click.option(
    "--submodules/--no-submodules",
    "submodules",
    default=None,
    help="Whether to index ADDRESS's submodules too, each as a repository of its own; remembered.",
)
@click.option(
    "--force", is_flag=True, help="Index every file again, even unchanged ones; needed after a change of model."
)
@click.option(
    "--no-ignore/--ignore",
    "no_ignore",
    default=None,
    help="Whether to index what .gitignore, .git/info/exclude and your own core.excludesFile exclude; remembered for "
    "the folder. .pgdexignore and built-in rules (node_modules, .git …) always apply.",
)
@click.option("--allow-broad", is_flag=True, help="Index PATH even if it is `/`, a home folder, or a system's folder.")
@click.option("--detach", is_flag=True, help="Print the job's id and return; the job runs in the background.")
@json_option
def index(
    *,
    path: str,
    project: str | None,
    name: str | None,
    branch: str | None,
    tag: str | None,
    commit: str | None,
    submodules: bool | None,
    force: bool,
    no_ignore: bool | None,
    allow_broad: bool,
    detach: bool,
    as_json: bool,
) -> ExitCode:
    """Index the folder PATH (default: the current one), or the git repository at ADDRESS, so that `pgdex search` finds
    what is in it.

    The work is done by background processes, which are started if none are running. This command shows their progress;
    Ctrl-C leaves the job running. Files that did not change since the last time cost nothing. If the folder is
    being indexed already, the command follows that job instead of starting a second one.

    For an ADDRESS (https://…, ssh://…, user@host:path, file:///…) the default branch is indexed, or --branch, --tag or
    --commit. These also work with a local clone, without a checkout. Workers fetch it with their machine's git.

    \b
    Examples:
      pgdex index
      pgdex index ~/src/django --project web
      pgdex index --detach            prints the job's id at once
      pgdex index git@github.com:pallets/flask.git --tag 3.1.0
      pgdex index https://git.example.com/team/app.git --submodules
    """
    from pgdex.jobs.client.targets import is_address, target_of
    from pgdex.jobs.worker.launcher import ensure_workers

    folder = present_folder() if is_address(path) else absolute_folder(path)
    with open_client() as client:
        chosen = chosen_project(client.settings, argument=project, folder=folder)
        target = target_of(
            path if is_address(path) else str(folder), settings=client.settings, branch=branch, tag=tag, commit=commit
        )
        launched: subprocess.Popen[bytes] | None = None

        def launch() -> None:
            # Before the job is there: workers need half a second to come up, and the looks at the folder go on. What
            # keeps them from starting is said once the job is there, when they are looked for again.
            nonlocal launched
            with suppress(OSError, PgdexError):
                launched = ensure_workers(client)

        try:
            started = client.start(
                target,
                project=chosen.id,
                name=name,
                force=force,
                allow_broad=allow_broad,
                no_ignore=no_ignore,
                submodules=submodules,
                meanwhile=launch,
            )
        except TooBroad as error:
            how = f"If you really mean all of it: pgdex index {shlex.quote(path)} --allow-broad"
            raise TooBroad(f"{error}.\n{how}") from error
        except ModelChanged as error:
            how = f"To do that: pgdex index {shlex.quote(path)} --force. Or set PGDEX_EMBEDDER back."
            raise ModelChanged(f"{error}.\n{how}") from error
        _say_project(chosen)
        flags = _flags(force=force, no_ignore=no_ignore, submodules=submodules)
        if detach:
            _print_started(started, as_json=as_json, without_effect=flags)
            if launched is None:
                ensure_workers(client)
            return ExitCode.DONE
        if started.already_running:
            note(_joined(started, without_effect=flags))
        try:
            job = _watched(client, started, launched=launched)
        except KeyboardInterrupt:
            _say_goodbye(started)
            return ExitCode.INTERRUPTED
        _print_outcome(job, as_json=as_json, default_project=client.settings.project)
        return OUTCOMES[job.status]


def _say_project(project: "Project") -> None:
    """Nothing where nobody chose one: most people never hear of projects."""
    from pgdex.jobs.cli.render.text import printable

    if project.source == "argument":
        note(f"Project {project.id}.")
    elif project.source != "default":
        note(f"Project {project.id} (from {printable(project.origin)}).")


def _watched(client: "Client", started: "StartedJob", *, launched: "subprocess.Popen[bytes] | None") -> "JobStatus":
    from pgdex.jobs.cli.watching import watch

    return watch(client, started.job_id, start_workers=True, launched=launched)


def _flags(*, force: bool, no_ignore: bool | None, submodules: bool | None) -> list[str]:
    """The options that only a new job would heed."""
    flags = ["--force"] if force else []
    if no_ignore is not None:
        flags.append("--no-ignore" if no_ignore else "--ignore")
    if submodules is not None:
        flags.append("--submodules" if submodules else "--no-submodules")
    return flags


def _print_started(started: "StartedJob", *, as_json: bool, without_effect: list[str]) -> None:
    from pgdex.jobs.cli.render.job import follow_up

    if as_json:
        print_json(started.as_json(indent=2))
        return
    if started.already_running:
        note(_joined(started, without_effect=without_effect))
    click.echo(str(started.job_id))
    for line in follow_up(started.job_id, project=started.project_id):
        note(line)


def _joined(started: "StartedJob", *, without_effect: list[str]) -> str:
    from pgdex.jobs.cli.render.text import SHORT_ID, printable

    verb = "has" if len(without_effect) == 1 else "have"
    forced = f" {' and '.join(without_effect)} {verb} no effect on it." if without_effect else ""
    return (
        f"{printable(started.repo_path)} is being indexed already: this is job "
        f"{str(started.job_id)[:SHORT_ID]}.{forced}"
    )


def _say_goodbye(started: "StartedJob") -> None:
    from pgdex.jobs.cli.render.job import follow_up

    note(f"\nJob {started.job_id} continues in the background.")
    for line in follow_up(started.job_id, project=started.project_id):
        note(line)


def _print_outcome(job: "JobStatus", *, as_json: bool, default_project: str) -> None:
    from pgdex.jobs.cli.render.job import next_steps, outcome_lines, summary_lines

    if as_json:
        print_json(job.as_json(indent=2))
    if job.status != "completed":
        for line in outcome_lines(job):
            note(line)
    elif not as_json:
        for line in summary_lines(job):
            say(line)
        for line in next_steps(job, default_project=default_project):
            note(line)
