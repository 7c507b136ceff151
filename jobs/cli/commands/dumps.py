"""`pgdex db dump` and `pgdex db restore`: the index with its jobs as a file, and back."""

import json
import shlex
from pathlib import Path

import click

from pgdex.jobs.cli.arguments import json_option
from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.render.console import is_confirmed, note, print_json, say


@click.command()
@click.argument("file", type=click.Path())
@json_option
def dump(*, file: str, as_json: bool) -> None:
    """Write everything that pgdex has in the database to FILE: repositories, chunks, vectors, jobs and settings.

    FILE is an archive of pg_dump's that `pgdex db restore` reads, on this machine or another; only you may read it,
    since it holds your source code. Workers may go on meanwhile. Needs the login that owns the schema.
    """
    from pgdex.jobs.cli.render.text import size
    from pgdex.jobs.cli.upkeep.dumps import dump as write
    from pgdex.jobs.database.connection import describe
    from pgdex.jobs.settings import settings

    configured = settings()
    note(f"Dumping {describe(configured)} …")
    written = write(configured, Path(file).absolute())
    if as_json:
        document = {"file": str(written.file), "bytes": written.bytes, "schema_version": written.schema_version}
        print_json(json.dumps(document))
        return
    restoring = f"pgdex db restore {shlex.quote(str(written.file))}"
    say(f"Wrote {written.file} ({size(written.bytes)}). To restore it: {restoring}")


@click.command()
@click.argument("file", type=click.Path())
@click.option("--yes", is_flag=True, help="Don't ask, even if the database holds something.")
@json_option
def restore(*, file: str, yes: bool, as_json: bool) -> ExitCode | None:
    """Replace everything that pgdex has in the database with a dump that `pgdex db dump` wrote.

    Asks first if the database holds something. It is one transaction: if it fails, everything is as it was. A dump of
    an older pgdex is upgraded. Stop workers and MCP servers first (`pgdex stop`). Logins are not in a dump: give them
    their roles again with `pgdex db grant`.
    """
    from pgdex.jobs.cli.upkeep.dumps import require_dump, what_is_replaced
    from pgdex.jobs.cli.upkeep.dumps import restore as put_back
    from pgdex.jobs.database.connection import describe
    from pgdex.jobs.settings import settings

    configured = settings()
    where = describe(configured)
    require_dump(Path(file))
    lost = what_is_replaced(configured)
    if (lost.repositories or lost.jobs or lost.chunks or (lost.found is None and lost.objects)) and not yes:
        explanation = f"Restore {file} into {where}? This deletes what is there: {lost}."
        if not is_confirmed(explanation, question="Replace it?", declined="Nothing was changed."):
            return None
    note(f"Restoring {file} into {where} …")
    version = put_back(configured, Path(file).absolute())
    if as_json:
        print_json(json.dumps({"database": where, "schema_version": version}))
        return None
    click.echo(f"Restored {file} into {where}, at {version}.")
    return None
