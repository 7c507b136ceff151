"""What `pgdex install` shows: the files that it changes, and how starting the server went."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgdex.jobs.agents.clients import CLIENTS
from pgdex.jobs.cli.render.text import printable

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from pgdex.jobs.agents.installing import Change
    from pgdex.jobs.agents.machine import Machine
    from pgdex.jobs.agents.proof import Proof
    from pgdex.jobs.agents.registered import Registration


DETAILS = ("version", "$schema")
"""Parts of a file that it needs, and that say nothing to people."""


def action(change: "Change") -> str:
    """What happens to the file, in one word or two."""
    if change.problem is not None:
        return "left alone"
    if not change.changes_the_file:
        return "as it is"
    if change.before is None:
        return "create"
    return "remove" if change.after is None else "change"


def changes_table(changes: "Sequence[Change]", machine: "Machine") -> "Table":
    """A line for each file: what happens, the path, what is put in or taken out, for whom."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for _ in range(2):
        table.add_column(no_wrap=True, overflow="fold")
    table.add_column()
    for change in changes:
        agents = ", ".join(CLIENTS[name].title for name in change.agents if name in CLIENTS)
        parts = [label for label in change.labels if label not in DETAILS] or ["what `pgdex install` wrote"]
        what = change.problem or f"{', '.join(parts)} ({agents})"
        style = "red" if change.problem else "dim" if not change.changes_the_file else ""
        table.add_row(
            Text(action(change), style),
            Text(printable(machine.shown(change.path)), style),
            Text(printable(what), style),
        )
    return table


def texts_in_full(changes: "Sequence[Change]", machine: "Machine") -> "Group":
    """What each file will say that it does not say now. Nothing else of the files is shown: some hold secrets."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Text] = []
    for change in changes:
        if change.changes_the_file and change.added.strip():
            parts.append(Text(f"\n{printable(machine.shown(change.path))}:", "bold"))
            parts.extend(Text(f"  + {printable(line)}", "green") for line in change.added.strip("\r\n").splitlines())
    return Group(*parts)


def proof_lines(proofs: "Sequence[tuple[Registration, Proof]]") -> "Table":
    """A line for each agent: whether it can start the server, and what a search answered."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for registration, proof in proofs:
        mark = Text("✓", "green") if proof.works else Text("✗", "bold red")
        table.add_row(mark, Text(registration.client.title), Text(printable(proof.said)))
    return table
