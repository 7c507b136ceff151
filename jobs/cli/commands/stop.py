"""`pgdex stop`: end what pgdex runs in the background for the present user."""

import json
from typing import TYPE_CHECKING

import click

from pgdex.jobs.cli.arguments import json_option
from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.render.console import note, print_json

if TYPE_CHECKING:
    from pgdex.jobs.cli.upkeep.processes import Role, Running
    from pgdex.jobs.cli.upkeep.stopping import Stopped

NAMES: "dict[Role, tuple[str, str]]" = {
    "watcher": ("watcher", "watchers"),
    "agent server": ("MCP server", "MCP servers"),
    "supervisor": ("supervisor of workers", "supervisors of workers"),
    "worker": ("worker process", "worker processes"),
}


@click.command()
@click.option("--workers", "workers_only", is_flag=True, help="Stop workers only: no watcher, MCP server or database.")
@json_option
def stop(*, workers_only: bool, as_json: bool) -> ExitCode:
    """Stop your workers, watchers, MCP servers and the embedded PostgreSQL, and wait until they have ended.

    Only processes of yours on this machine, with the same PGDEX_HOME and PGDEX_DATABASE_URL as this command. A database
    that PGDEX_DATABASE_URL names is never stopped, nor anything of another user. Workers put back what they were
    working on; jobs continue as soon as workers run again. Whatever starts pgdex next (a command, a coding agent, a
    service manager) starts what it needs.

    Exits with 1 if a process did not end.
    """
    from pgdex.jobs.cli.upkeep.stopping import stop as stop_all
    from pgdex.jobs.settings import settings

    configured = settings()
    stopped = stop_all(configured, workers_only=workers_only, tell=note)
    if as_json:
        print_json(json.dumps(document(stopped)))
    else:
        for line in lines(stopped):
            click.echo(line)
        if stopped.server:
            click.echo(f"Stopped the embedded PostgreSQL under {configured.home}.")
        if stopped.nothing:
            note("Nothing was running: there was nothing to stop.")
    for remark in remarks(stopped):
        note(remark)
    return ExitCode.FAILED if stopped.remaining else ExitCode.DONE


def lines(stopped: "Stopped") -> list[str]:
    """What ended, by kind."""
    found = []
    for role, (singular, plural) in NAMES.items():
        ended = [one for one in stopped.ended if one.role == role]
        if ended:
            what = f"1 {singular}" if len(ended) == 1 else f"{len(ended)} {plural}"
            found.append(f"Stopped {what} ({_numbers(ended)}).")
    return found


def remarks(stopped: "Stopped") -> list[str]:
    """What else the user should know."""
    found = []
    if stopped.remaining:
        found.append(
            f"Still running: {_numbers(stopped.remaining)}. Either it was started again, by a service manager such as "
            "systemd (stop the service there), or it waits for a file system that does not answer."
        )
    if any(one.role == "agent server" for one in stopped.ended):
        found.append("A coding agent whose MCP server was stopped has to reconnect, or be restarted, to use it again.")
    found += [
        f"Not stopped, because it runs in the foreground: {one.command} (process {one.pid})."
        for one in stopped.commands
    ]
    return found


def document(stopped: "Stopped") -> dict[str, object]:
    """The same for programs."""
    return {
        "stopped": [{"pid": one.pid, "kind": one.role, "command": one.command} for one in stopped.ended],
        "embedded_server_stopped": stopped.server,
        "still_running": [{"pid": one.pid, "kind": one.role, "command": one.command} for one in stopped.remaining],
        "foreground_commands": [{"pid": one.pid, "command": one.command} for one in stopped.commands],
    }


def _numbers(processes: "list[Running] | tuple[Running, ...]") -> str:
    return f"process{'' if len(processes) == 1 else 'es'} {', '.join(str(one.pid) for one in processes)}"
