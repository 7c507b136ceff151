"""`pgdex doctor`: is everything in order, and if not, what to do."""

from dataclasses import asdict

import click

from pgdex.jobs.cli.arguments import json_option
from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.render.console import print_json, show


@click.command()
@json_option
def doctor(*, as_json: bool) -> ExitCode:
    """Check settings, database, schema, workers, jobs, embedding model, grammars and registered agents.

    One line per check: ✓ in order, ! works but needs attention, ✗ does not work, with what to do about it. Exits with 1
    if anything does not work. Changes nothing and prints no secrets. Where pgdex is registered with coding agents, it
    starts the MCP server as each of them does, which takes a second or two.
    """
    from pgdex.jobs.cli.diagnosis import Check, diagnosis
    from pgdex.jobs.cli.render.diagnosis import check_line, verdict

    checks: list[Check] = []
    for check in diagnosis():
        checks.append(check)
        if not as_json:
            show(check_line(check))
    passed = all(check.outcome != "failed" for check in checks)
    if as_json:
        import json

        document = {"ok": passed, "checks": [asdict(check) for check in checks]}
        print_json(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        show(verdict(checks))
    return ExitCode.DONE if passed else ExitCode.FAILED
