"""`pgdex logs`: what background workers and the embedded server have logged."""

import json
import time
from typing import TYPE_CHECKING, cast

import click

from pgdex.jobs.cli.arguments import json_option
from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.render.console import note, print_json

if TYPE_CHECKING:
    from pgdex.jobs.cli.upkeep.logs import Entry, Source

POLL_SECONDS = 0.25
MOST_LINES = 100_000


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on with what is added, until Ctrl-C.")
@click.option(
    "--lines",
    "-n",
    "number",
    type=click.IntRange(0, MOST_LINES),
    default=50,
    show_default=True,
    metavar="N",
    help="How many of the last entries to show.",
)
@click.option(
    "--of", "chosen", type=click.Choice(["all", "workers", "server"]), default="all", show_default=True, help="Whose."
)
@json_option
def logs(*, follow: bool, number: int, chosen: str, as_json: bool) -> ExitCode:
    """Show the last entries of the logs in PGDEX_HOME: those of workers that pgdex started in the background, and those
    of the embedded PostgreSQL, in the order of their time.

    Workers that you run yourself (`pgdex worker`, a systemd unit) log to their standard error, so look there or use
    `journalctl`. What happened to one job is in `pgdex events JOB`. With --json, each line is an object with `source`,
    `time`, `level`, `message` and whatever else was logged.

    \b
    Examples:
      pgdex logs
      pgdex logs --follow --of workers
      pgdex logs -n 1000 --json | jq 'select(.level == "error")'
    """
    from pgdex.jobs.cli.upkeep.logs import NAMES, Follower, last_entries
    from pgdex.jobs.settings import settings

    home = settings().home
    sources = cast("tuple[Source, ...]", tuple(NAMES) if chosen == "all" else (chosen,))
    followers = [Follower(home, source) for source in sources] if follow else []
    found = last_entries(home, sources, number=number)
    for entry in found:
        _print(entry, as_json=as_json)
    if not found and number:
        names = " and ".join(str(home / NAMES[source]) for source in sources)
        note(f"Nothing has been logged yet in {names}.")
    try:
        while followers:
            for follower in followers:
                for entry in follower.new_entries():
                    _print(entry, as_json=as_json)
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        note()
    return ExitCode.DONE


def _print(entry: "Entry", *, as_json: bool) -> None:
    if as_json:
        print_json(json.dumps(entry.document(), default=str))
        return
    from pgdex.jobs.cli.render.upkeep import entry_text

    click.echo(entry_text(entry))
