"""Checks of the coding agents that pgdex is registered with: can each start it and search?"""

from collections.abc import Iterator
from pathlib import Path

from pgdex.jobs.cli.diagnosis.checks import Check, failed, ok


def agents_checks(folder: Path | None) -> Iterator[Check]:
    """A check for each agent that has an entry, in the user's files or in those of the project around `folder`. Nothing
    where pgdex is not registered: not everybody has an agent."""
    from pgdex.jobs.agents.files import FileRefused
    from pgdex.jobs.agents.machine import project_root, this_machine
    from pgdex.jobs.agents.registered import registrations
    from pgdex.jobs.cli.agent_proofs import proofs_of

    try:
        machine = this_machine()
    except FileRefused:
        return
    found = registrations(machine, project_root(folder) if folder else None)
    for one, proof in proofs_of(found, machine, folder=folder or machine.home):
        finding = f"{one.client.title} ({machine.shown(one.file)}): {proof.said}"
        if proof.works:
            yield ok("agents", finding)
        else:
            scope = " --scope project" if one.project else ""
            yield failed(
                "agents",
                finding,
                f"If the program has moved: pgdex install --agent {one.client.name}{scope}. Else see the other checks.",
            )
