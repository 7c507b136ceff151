"""Checks of the coding agents that pgdex is registered with: can each start it and search?"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pgdex.jobs.cli.diagnosis.checks import Check, failed, ok, warning

if TYPE_CHECKING:
    from pgdex.jobs.agents.machine import Machine
    from pgdex.jobs.agents.plugins import Plugin
    from pgdex.jobs.agents.registered import Registration


def agents_checks(home: Path, folder: Path | None) -> Iterator[Check]:
    """A check for each agent that has an entry, in the user's files or in those of the project around `folder`, and for
    each whose entry has gone or that has pgdex twice. Nothing where pgdex is not registered: not everybody has an
    agent."""
    from pgdex.jobs.agents.clients import CLIENTS
    from pgdex.jobs.agents.files import FileRefused
    from pgdex.jobs.agents.machine import project_root, this_machine
    from pgdex.jobs.agents.plugins import active_plugin
    from pgdex.jobs.agents.registered import registrations
    from pgdex.jobs.cli.agent_proofs import proofs_of

    try:
        machine = this_machine()
    except FileRefused:
        return
    project = project_root(folder) if folder else None
    found = registrations(machine, project)
    plugins = [plugin for client in CLIENTS.values() if (plugin := active_plugin(client, machine, project))]
    all_ways = [*found, *(plugin.registration for plugin in plugins)]
    for one, proof in proofs_of(all_ways, machine, folder=folder or machine.home):
        finding = f"{one.client.title} ({machine.shown(one.file)}): {proof.said}"
        scope = " --scope project" if one.project else ""
        if proof.works:
            yield ok("agents", finding)
        elif not proof.was_tried:
            yield warning(
                "agents",
                finding,
                "A project's files may be somebody else's: look at the entry before you let an agent start it. "
                f"pgdex install --agent {one.client.name}{scope} has it start this pgdex.",
            )
        elif one not in found:
            yield failed(
                "agents",
                finding,
                "The plugin starts pgdex by its name: it has to be on the PATH that the agent gets, as after "
                "`uv tool install pgdex`.",
            )
        else:
            yield failed(
                "agents",
                finding,
                f"If the program has moved: pgdex install --agent {one.client.name}{scope}. Else see the other checks.",
            )
    for plugin in plugins:
        yield from _twice(machine, plugin, found)
    yield from _lost(machine, found, home)


def _twice(machine: "Machine", plugin: "Plugin", found: "list[Registration]") -> Iterator[Check]:
    """The entries that give an agent the tools of its plugin a second time."""
    for one in found:
        if one.client is plugin.client:
            scope = " --scope project" if one.project else ""
            yield warning(
                "agents",
                f"{one.client.title} has every tool of pgdex twice: from the plugin {plugin.name} "
                f"({machine.shown(plugin.file)}) and from {machine.shown(one.file)}",
                f"Keep one: pgdex install --uninstall --agent {one.client.name}{scope}, or claude plugin uninstall "
                f"{plugin.name}",
            )


def _lost(machine: "Machine", found: "list[Registration]", home: Path) -> Iterator[Check]:
    """The user's agents that `pgdex install` has registered and whose file has no entry that they could read."""
    from pgdex.jobs.agents.clients import CLIENTS
    from pgdex.jobs.agents.files import real
    from pgdex.jobs.agents.receipts import load

    written = load(home).of
    for client in CLIENTS.values():
        file = client.entry_file(machine, None)
        if file is None or any(one.client is client and one.project is None for one in found):
            continue
        receipt = written.get(str(real(file)))
        if receipt is not None and client.name in receipt.agents:
            yield warning(
                "agents",
                f"{client.title}: the entry has gone from {machine.shown(file)}, or the file can't be read",
                f"pgdex install --agent {client.name} says why, or writes it again; with --uninstall it is given up.",
            )
