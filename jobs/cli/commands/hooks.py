"""`pgdex hooks`: git asks for indexing after a checkout, a merge, a commit or a rebase."""

from typing import TYPE_CHECKING

import click

from pgdex.jobs.cli.arguments import absolute_folder, json_option
from pgdex.jobs.cli.lazy import LazyCommand, LazyGroup
from pgdex.jobs.cli.render.console import note, print_json
from pgdex.jobs.cli.session import open_client
from pgdex.jobs.errors import InvalidRequest, PgdexError

if TYPE_CHECKING:
    from pathlib import Path

    from pgdex.jobs.cli.git_hooks import HooksFolder

WORDS = {
    "absent": "not installed",
    "other": "not installed (there is another hook)",
    "own": "installed",
    "beside": "installed, in an existing hook",
    "chained": "installed, and calls the previous hook",
}
PATIENCE_SECONDS = 3600.0
"""How long a hook waits for a job that is under way, to ask for another one after it."""

path_argument = click.argument("path", default=".", type=click.Path(file_okay=True))


SECTIONS = {
    "Commands": {
        "install": LazyCommand("pgdex.jobs.cli.commands.hooks:install", "Install the hooks in a git repository."),
        "remove": LazyCommand("pgdex.jobs.cli.commands.hooks:remove", "Remove the hooks."),
        "status": LazyCommand("pgdex.jobs.cli.commands.hooks:status", "Show which hooks are installed."),
        "run": LazyCommand("pgdex.jobs.cli.commands.hooks:run", "Do what the hooks do."),
    }
}


@click.command(cls=LazyGroup, sections=SECTIONS)
def hooks() -> None:
    """Have git start indexing after each checkout, merge, commit and rebase.

    Unlike `pgdex watch`, this needs no process that runs all the time; edits in between are not noticed.

    \b
    Examples:
      pgdex hooks install
      pgdex hooks status ~/src/shop
      pgdex hooks remove
    """


@click.command()
@path_argument
@click.option("--force", is_flag=True, help="Even if core.hooksPath points into the working tree.")
@json_option
def install(*, path: str, force: bool, as_json: bool) -> None:
    """Install hooks in the git repository around PATH (default: the current folder), for all of its worktrees.

    They run `pgdex` in the background: git never waits for it and never fails because of it. Existing hooks are kept: a
    shell script gets a marked block after its first line, any other hook is renamed and called. `pgdex hooks remove`
    restores them byte for byte. A folder that is not indexed is left alone.
    """
    from pgdex.jobs.cli.git_hooks import install as put
    from pgdex.jobs.cli.git_hooks import pgdex_program

    folder = _folder(path)
    try:
        put(folder, program=pgdex_program(), force=force)
    except OSError as error:
        raise _unwritable(folder, error) from error
    if folder.shared:
        note(f"Note: {folder.path} (core.hooksPath) is shared by all repositories that use it, and so are these hooks.")
    _show(folder, as_json=as_json)


@click.command()
@path_argument
@json_option
def remove(*, path: str, as_json: bool) -> None:
    """Remove the hooks; what was there before is restored byte for byte."""
    from pgdex.jobs.cli.git_hooks import remove as take_out

    folder = _folder(path)
    try:
        take_out(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    _show(folder, as_json=as_json)


@click.command()
@path_argument
@json_option
def status(*, path: str, as_json: bool) -> None:
    """Show which hooks are installed."""
    _show(_folder(path), as_json=as_json)


@click.command()
@path_argument
@json_option
def run(*, path: str, as_json: bool) -> None:
    """Do what the hooks do: start jobs for the repositories at PATH, below it and around it, in every project.

    Prints the jobs' ids. What is not indexed is left alone. If a running job may have missed the change, this waits for
    it to end and starts another, so run it in the background from hooks of your own.

    \b
    Example:
      pgdex hooks run . >/dev/null 2>&1 &
    """
    import json

    root = absolute_folder(path)
    try:
        jobs = _request(root)
    except Exception as error:
        _log(root, error)  # nobody reads what a hook prints
        raise
    if as_json:
        print_json(json.dumps({"job_ids": jobs}, indent=2))
    else:
        click.echo("".join(f"{job_id}\n" for job_id in jobs), nl=False)


def _request(root: "Path") -> list[str]:
    from pgdex.jobs.client.views import views_around
    from pgdex.jobs.watching.requests import request_after_live, requests_of

    with open_client() as client:
        return [
            str(request_after_live(client, requests_of(found, project=project), patience_seconds=PATIENCE_SECONDS))
            for project, found in views_around(client.connection, root)
        ]


def _log(root: "Path", error: Exception) -> None:
    from contextlib import suppress

    from pgdex.jobs.database.home import make_home
    from pgdex.jobs.settings import settings
    from pgdex.jobs.worker.log_files import open_worker_log

    with suppress(OSError, PgdexError):
        home = settings().home
        make_home(home)
        with open_worker_log(home) as log:
            log.write(f"pgdex hooks run {root}: {' '.join(str(error).split())}\n".encode(errors="backslashreplace"))


def _folder(path: str) -> "HooksFolder":
    from pgdex.jobs.cli.git_hooks import hooks_folder

    folder = absolute_folder(path)
    if not folder.is_dir():
        raise InvalidRequest(f"there is no folder {folder}")
    return hooks_folder(folder)


def _unwritable(folder: "HooksFolder", error: OSError) -> InvalidRequest:
    return InvalidRequest(f"the hooks in {folder.path} can't be changed: {error.strerror or error}")


def _show(folder: "HooksFolder", *, as_json: bool) -> None:
    import json

    from pgdex.jobs.cli.git_hooks import hooks_in
    from pgdex.jobs.cli.render.text import printable

    found = hooks_in(folder)
    if as_json:
        hooks = [{"hook": hook.name, "installed": hook.is_installed, "state": hook.state} for hook in found]
        print_json(json.dumps({"hooks_folder": str(folder.path), "hooks": hooks}, indent=2))
        return
    click.echo(f"Hooks in {printable(str(folder.path))}")
    for hook in found:
        click.echo(f"  {hook.name:<14} {WORDS[hook.state]}")
