"""`pgdex uninstall --purge`: delete what pgdex keeps on this machine."""

import json
from typing import TYPE_CHECKING

import click

from pgdex.jobs.cli.arguments import json_option
from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.render.console import is_confirmed, note, print_json, show

if TYPE_CHECKING:
    from pgdex.jobs.cli.upkeep.purging import Plan
    from pgdex.jobs.settings import Settings

AGENTS_COMMAND = "install"  # `pgdex install --uninstall` takes pgdex out of agents' files


@click.command()
@click.option("--purge", is_flag=True, help="Delete it. Without this option, only show what would be deleted.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def uninstall(*, purge: bool, yes: bool, as_json: bool) -> ExitCode | None:
    """Stop pgdex and delete everything that it keeps on this machine: the index, logs, mirrors and settings in
    PGDEX_HOME.

    Shows what it will delete and how much that is, and asks. Your source code is not touched, nor a database that
    PGDEX_DATABASE_URL names, nor anything in PGDEX_HOME that pgdex did not put there. At the end it says how to remove
    what lies elsewhere: git hooks, entries in coding agents' settings, and the program itself.
    """
    from pgdex.jobs.cli.upkeep.purging import plan
    from pgdex.jobs.settings import settings

    configured = settings()
    planned = plan(configured)
    if not purge:
        if as_json:
            print_json(json.dumps({"purged": False, **_document(planned)}))
            return None
        _show(planned)
        if planned.doomed:
            note("Nothing was deleted. `pgdex uninstall --purge` deletes it.")
        _say_the_rest(configured)
        return None
    if planned.doomed and not yes:
        _show(planned)
        explanation = "Your source code is not touched. Indexing it again makes a new index."
        if not is_confirmed(explanation, question="Stop pgdex and delete this?", declined="Nothing was changed."):
            return None
    return _stop_and_delete(configured, as_json=as_json)


def _stop_and_delete(settings: "Settings", *, as_json: bool) -> ExitCode:
    from pgdex.jobs.cli.commands.stop import document, lines, remarks
    from pgdex.jobs.cli.render.text import size
    from pgdex.jobs.cli.upkeep.purging import plan, purge
    from pgdex.jobs.cli.upkeep.stopping import stop

    stopped = stop(settings, any_database=True, tell=note)
    said = lines(stopped) + (["Stopped the embedded PostgreSQL."] if stopped.server else [])
    for line in said if not as_json else ():
        click.echo(line)
    for remark in remarks(stopped):
        note(remark)
    if stopped.remaining:
        note("Nothing was deleted, because a process that uses it did not end.")
        return ExitCode.FAILED
    planned = plan(settings)  # again: the socket is gone, and a log has grown
    failures = purge(planned)
    for failure in failures:
        note(f"Could not be deleted: {failure}")
    if as_json:
        print_json(json.dumps({"purged": True, **_document(planned), "failures": failures, **document(stopped)}))
        return ExitCode.FAILED if failures else ExitCode.DONE
    if not planned.doomed:
        note(f"There is nothing of pgdex's in {planned.home}: nothing to delete.")
    elif not failures:
        click.echo(f"Deleted what pgdex kept in {planned.home} ({size(planned.bytes)}).")
    _say_the_rest(settings)
    return ExitCode.FAILED if failures else ExitCode.DONE


def _show(planned: "Plan") -> None:
    if not planned.doomed:
        note(f"There is nothing of pgdex's in {planned.home}.")
        return
    from pgdex.jobs.cli.render.upkeep import purge_table

    show(purge_table(planned))
    if planned.others:
        names = ", ".join(path.name for path in planned.others[:5])
        more = f" and {len(planned.others) - 5} more" if len(planned.others) > 5 else ""
        note(f"Not made by pgdex, and left in {planned.home}: {names}{more}.")


def _say_the_rest(settings: "Settings") -> None:
    """What lies elsewhere, and how to remove it."""
    from pgdex.jobs.cli.root import SECTIONS
    from pgdex.jobs.cli.upkeep.purging import how_to_remove_the_program
    from pgdex.jobs.database.connection import describe

    note("What lies elsewhere:")
    if any(AGENTS_COMMAND in commands for commands in SECTIONS.values()):
        note(f"  coding agents: pgdex {AGENTS_COMMAND} --uninstall")
    else:
        note("  coding agents: remove the server `pgdex` there, such as `claude mcp remove pgdex`")
    note(
        "  git hooks: `pgdex hooks remove PATH` in repositories where you installed them; without pgdex they do nothing"
    )
    if settings.database_url is not None:
        note(f"  {describe(settings)}: it was not touched; `pgdex db downgrade --to base` removes pgdex from it")
    note(f"  the program: {how_to_remove_the_program()}")


def _document(planned: "Plan") -> dict[str, object]:
    return {
        "home": str(planned.home),
        "bytes": planned.bytes,
        "deletes": [{"path": str(one.part.path), "kind": one.part.kind, "bytes": one.bytes} for one in planned.doomed],
        "leaves": [str(path) for path in planned.others],
    }
