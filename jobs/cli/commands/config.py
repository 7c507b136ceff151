"""`pgdex config`: every setting, its value, and where it comes from."""

import json
from dataclasses import asdict

import click

from pgdex.jobs.cli.arguments import json_option
from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.render.console import note, print_json, show


@click.command()
@click.option("--changed", is_flag=True, help="Only settings that are not left at their defaults.")
@json_option
def config(*, changed: bool, as_json: bool) -> ExitCode:
    """Show every setting with its value and where that comes from: the default, an environment variable, or a
    .pgdex.toml that you allowed. Passwords, keys and tokens are not shown.

    Settings are environment variables; set them where you start pgdex. Workers and MCP servers that are already running
    keep the ones that they were started with: after a change, run `pgdex stop`.

    Exits with 2 if a setting has a value that can't be used.
    """
    from pgdex.jobs.cli.upkeep.configuration import DEFAULT, of_this_process

    found = of_this_process()
    chosen = [one for one in found.settings if one.source != DEFAULT or not changed]
    if as_json:
        settings = [{name: value for name, value in asdict(one).items() if name != "shown"} for one in chosen]
        print_json(json.dumps({"ok": found.is_usable, "settings": settings, "notes": found.notes}, indent=2))
    elif chosen:
        from pgdex.jobs.cli.render.upkeep import settings_table

        show(settings_table(chosen))
    else:
        note("Every setting is at its default. `pgdex config` lists them.")
    for one in chosen:
        if one.problem is not None and not as_json:
            note(f"{one.variable} can't be used: {one.problem}")
    for remark in found.notes:
        note(f"Note: {remark}")
    return ExitCode.DONE if found.is_usable else ExitCode.USAGE
