"""The command `pgdex` itself: its options, its commands by name, and the table of exit codes."""

from dataclasses import dataclass

import click

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.lazy import LazyCommand, LazyGroup

SECTIONS = {
    "Index": {
        "index": LazyCommand("pgdex.jobs.cli.commands.index:index", "Index a folder or a git repository."),
        "watch": LazyCommand("pgdex.jobs.cli.commands.watch:watch", "Index folders again whenever they change."),
        "hooks": LazyCommand("pgdex.jobs.cli.commands.hooks:hooks", "Have git start indexing after a checkout."),
        "schedule": LazyCommand("pgdex.jobs.cli.commands.schedule:schedule", "Index on a schedule, as cron does."),
        "status": LazyCommand("pgdex.jobs.cli.commands.status:status", "Show the progress of a job."),
        "list": LazyCommand("pgdex.jobs.cli.commands.list:list_jobs", "List jobs, newest first."),
        "cancel": LazyCommand("pgdex.jobs.cli.commands.cancel:cancel", "Cancel a job."),
        "retry": LazyCommand("pgdex.jobs.cli.commands.retry:retry", "Run a failed or cancelled job again."),
        "repos": LazyCommand("pgdex.jobs.cli.commands.repos:repos", "List the repositories and their views."),
        "rename": LazyCommand("pgdex.jobs.cli.commands.rename:rename", "Rename a repository or a view."),
        "remove": LazyCommand("pgdex.jobs.cli.commands.remove:remove", "Remove repositories or views from the index."),
        "events": LazyCommand("pgdex.jobs.cli.commands.events:events", "Show the history of a job."),
    },
    "Search": {
        "search": LazyCommand("pgdex.jobs.cli.commands.search:search", "Search the indexed code."),
        "related": LazyCommand("pgdex.jobs.cli.commands.search:related", "Find code related to a location."),
        "skipped": LazyCommand(
            "pgdex.jobs.cli.commands.skipped:skipped", "List the files that are not in the index, and why."
        ),
    },
    "Run and manage": {
        "install": LazyCommand("pgdex.jobs.cli.commands.install:install", "Register pgdex with coding agents."),
        "mcp": LazyCommand("pgdex.jobs.cli.commands.mcp:mcp", "Serve coding agents (Model Context Protocol)."),
        "allow": LazyCommand("pgdex.jobs.cli.commands.allow:allow", "Let a .pgdex.toml choose the project."),
        "worker": LazyCommand("pgdex.jobs.cli.commands.worker:worker", "Run worker processes."),
        "workers": LazyCommand("pgdex.jobs.cli.commands.worker:workers", "List the worker processes."),
        "db": LazyCommand("pgdex.jobs.cli.commands.db:db", "Manage the database."),
        "stop": LazyCommand("pgdex.jobs.cli.commands.stop:stop", "Stop your workers, watchers and the database."),
        "doctor": LazyCommand("pgdex.jobs.cli.commands.doctor:doctor", "Check that everything is in order."),
        "logs": LazyCommand("pgdex.jobs.cli.commands.logs:logs", "Show what workers and the database have logged."),
        "config": LazyCommand("pgdex.jobs.cli.commands.config:config", "Show every setting and where it comes from."),
        "size": LazyCommand("pgdex.jobs.cli.commands.size:size", "Show what takes how much disk space."),
        "completion": LazyCommand(
            "pgdex.jobs.cli.commands.completion:completion", "Print the shell's completion script."
        ),
        "uninstall": LazyCommand(
            "pgdex.jobs.cli.commands.uninstall:uninstall", "Delete everything that pgdex keeps on this machine."
        ),
    },
}

EXIT_CODES = "\n".join(f"  {code.value:>3}  {code.meaning}" for code in ExitCode)
EPILOG = f"""\b
Exit codes:
{EXIT_CODES}

Settings are environment variables (PGDEX_DATABASE_URL, PGDEX_HOME, PGDEX_EMBEDDER, …). Without
PGDEX_DATABASE_URL, pgdex brings its own PostgreSQL and keeps it in PGDEX_HOME.
"""


DISTRIBUTIONS = ("pgdex", "pgdex-core")
"""What may be installed; the second is the same code without the PostgreSQL that pgdex brings along."""


@dataclass(slots=True)
class Invocation:
    """What the options in front of the command said."""

    debug: bool = False


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    for distribution in DISTRIBUTIONS:
        try:
            click.echo(f"pgdex {version(distribution)}")
            break
        except PackageNotFoundError:
            continue
    else:
        click.echo("pgdex (not installed: it runs from a checkout)")
    ctx.exit()


@click.command(
    cls=LazyGroup,
    sections=SECTIONS,
    epilog=EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option(
    "-V",
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the version and exit.",
)
@click.pass_obj
def pgdex(invocation: Invocation, debug: bool) -> None:
    """Index code repositories in the background, and search them.

    \b
    Start with:
      pgdex index
      pgdex search parse command line options
    """
    invocation.debug = debug
