"""What the commands that look after an installation print: settings, log entries, disk space."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgdex.jobs.cli.render.text import local_time, printable, size

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from pgdex.jobs.cli.upkeep.configuration import Configured
    from pgdex.jobs.cli.upkeep.logs import Entry
    from pgdex.jobs.cli.upkeep.purging import Plan
    from pgdex.jobs.cli.upkeep.sizes import DatabaseSize, PartSize

# Fields that say something at a glance, in this order; all others are in --json.
SHOWN_FIELDS = ("action", "job_id", "worker_id", "file", "path", "attempt")


def settings_table(settings: "Sequence[Configured]") -> "Table":
    """One row for each setting."""
    table = _table("SETTING", "VALUE", "FROM")
    for one in settings:
        source = one.source.replace(f" {one.variable}", "")
        table.add_row(one.variable, printable(one.shown), printable(source))
    return table


def entry_text(entry: "Entry") -> str:
    """A log entry in one line, and those of a traceback below it."""
    time = local_time(entry.time) if entry.time is not None else " " * 19
    source = "worker" if entry.source == "workers" else "server"
    fields = "".join(f"  {name}={entry.fields[name]}" for name in SHOWN_FIELDS if entry.fields.get(name) is not None)
    first, *rest = entry.message.splitlines() or [""]
    lines = [f"{time}  {source}  {entry.level:<7}  {first}{fields}", *(f"    {line}" for line in rest)]
    return "\n".join(printable(line) for line in lines)


def sizes_tables(parts: "Sequence[PartSize]", database: "DatabaseSize | None") -> "list[RenderableType]":
    """The parts of PGDEX_HOME with their sum, then the database and its repositories."""
    shown: list[RenderableType] = []
    if parts:
        table = _table("SIZE", "WHAT", "WHERE")
        for part in parts:
            table.add_row(size(part.bytes), part.meaning, printable(part.path))
        table.add_row(size(sum(part.bytes for part in parts)), "total", "")
        shown.append(table)
    if database is None:
        return shown
    rest = max(0, database.schema_bytes - sum(one.bytes for one in database.repositories))
    heading = ("\n" if parts else "") + f"In {printable(database.where)}:"
    table = _table("SIZE", "WHAT", "PROJECT", "SOURCE")
    for one in database.repositories:
        about = "about " if one.is_estimate else ""
        table.add_row(
            f"{about}{size(one.bytes)}", printable(one.name), printable(one.project_id), size(one.source_bytes)
        )
    table.add_row(size(rest), "shared by all repositories: files, terms, jobs, the queue", "", "")
    table.add_row(size(database.schema_bytes), "pgdex in total", "", "")
    table.add_row(size(database.bytes), "the whole database", "", "")
    return [*shown, heading, table]


def purge_table(planned: "Plan") -> "Table":
    """What would be deleted, and how much that is."""
    table = _table("SIZE", "WHAT", "WHERE")
    for meaning in dict.fromkeys(one.meaning for one in planned.doomed):
        those = [one for one in planned.doomed if one.meaning == meaning]
        where = str(those[0].part.path if len(those) == 1 else planned.home)
        table.add_row(size(sum(one.bytes for one in those)), meaning, printable(where))
    table.add_row(size(planned.bytes), "total", "")
    return table


def _table(*titles: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, overflow="fold")
    return table
