"""`pgdex install`: registers pgdex with the coding agents of this machine, or takes that back."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pgdex.jobs.agents.clients import CLIENTS
from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.render.console import note, print_json, show
from pgdex.jobs.cli.session import present_folder
from pgdex.jobs.errors import InvalidRequest

if TYPE_CHECKING:
    from pgdex.jobs.agents.clients import Client, Launch
    from pgdex.jobs.agents.installing import Change
    from pgdex.jobs.agents.machine import Machine
    from pgdex.jobs.agents.plugins import Plugin
    from pgdex.jobs.agents.proof import Proof
    from pgdex.jobs.agents.receipts import Receipts
    from pgdex.jobs.agents.registered import Registration
    from pgdex.jobs.settings import Settings


@click.command()
@click.option(
    "--agent",
    "names",
    multiple=True,
    metavar="NAME",
    type=click.Choice(list(CLIENTS)),
    help=f"Only this agent, found or not; may be repeated: {', '.join(CLIENTS)}.",
)
@click.option(
    "--scope",
    type=click.Choice(["user", "project"]),
    default="user",
    show_default=True,
    help="Your own settings, or those of the project that the current folder is in.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("--uninstall", is_flag=True, help="Take everything out again; files are as they were before.")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs; with --yes or --dry-run.")
def install(
    *, names: tuple[str, ...], scope: str, dry_run: bool, uninstall: bool, yes: bool, as_json: bool
) -> ExitCode:
    """Register pgdex with the coding agents on this machine, and check that they can start it.

    Finds out which agents are installed, shows what it will write, and asks. Each gets the MCP server, a skill that
    also teaches the command line, a short section in its instructions on when to use which tool, and, if it has such
    hooks, one that refreshes the index when a session starts. Comments, order and format of the files stay. Claude Code
    is left alone where it has pgdex's plugin, which would give it everything twice.

    Then it starts the server as each agent does and searches once. `pgdex doctor` repeats that.

    \b
    Examples:
      pgdex install
      pgdex install --agent claude-code --agent codex --yes
      pgdex install --scope project --dry-run
      pgdex install --uninstall
    """
    from pgdex.jobs.agents.machine import this_machine
    from pgdex.jobs.settings import settings

    if as_json and not (yes or dry_run):
        raise click.UsageError("--json asks nothing: add --yes, or look with --dry-run.")
    configured = settings()
    machine = this_machine()
    project = _present_project() if scope == "project" else None
    agents = _chosen(names, machine, anyone=uninstall)
    plugins = [] if uninstall else _plugins(agents, machine, project)
    agents = [one for one in agents if all(one is not plugin.client for plugin in plugins)]
    work = _Work(machine, project, configured, agents, plugins, uninstall=uninstall)
    changes = work.plan()
    if not as_json:
        work.show(changes, in_full=dry_run)
    wants_an_answer = not dry_run and not yes and any(change.changes_the_file for change in changes)
    if wants_an_answer and not _is_confirmed(uninstall=uninstall):
        note("Nothing was written.")
        return ExitCode.DONE
    if not dry_run:
        changes = work.carry_out()
    proofs = [] if dry_run or uninstall else work.prove(quiet=as_json)
    if as_json:
        print_json(work.as_json(changes, proofs))
    else:
        work.conclude(changes, proofs, dry_run=dry_run)
    failed = any(change.problem for change in changes) or not all(proof.works for _, proof in proofs)
    return ExitCode.FAILED if failed else ExitCode.DONE


class _Work:
    """One run of the command."""

    def __init__(
        self,
        machine: "Machine",
        project: Path | None,
        settings: "Settings",
        agents: "list[Client]",
        plugins: "list[Plugin]",
        *,
        uninstall: bool,
    ) -> None:
        self.machine = machine
        self.project = project
        self.state = settings.home
        self.agents = agents
        self.plugins = plugins
        self.uninstall = uninstall
        self.secrets: list[str] = []
        self.not_for_projects: list[str] = []
        self.shown: set[str | None] = set()
        self.launch = self._launch(settings)

    def plan(self) -> "list[Change]":
        """What there is to do, from the files as they are now."""
        return self._plan(self._kept())

    def carry_out(self) -> "list[Change]":
        """Do it, with no other `pgdex install` beside; what that has done meanwhile counts."""
        from pgdex.jobs.agents.files import alone_in
        from pgdex.jobs.agents.installing import carry_out

        with alone_in(self.machine.home):
            kept = self._kept()
            return carry_out(self._plan(kept), kept, state=self.state)

    def prove(self, *, quiet: bool) -> "list[tuple[Registration, Proof]]":
        """Start what the files of these agents say now, each different way once."""
        from pgdex.jobs.agents.registered import registration
        from pgdex.jobs.cli.agent_proofs import proofs_of

        files = [(client, client.entry_file(self.machine, self.project)) for client in self.agents]
        found = [registration(client, file, project=self.project) for client, file in files if file is not None]
        found += [plugin.registration for plugin in self.plugins]
        registered = [one for one in found if one is not None and one.launch is not None]
        if registered and not quiet:
            note("Starting pgdex as each agent does …")
        return list(proofs_of(registered, self.machine, folder=present_folder() or self.machine.home))

    def show(self, changes: "list[Change]", *, in_full: bool) -> None:
        """What is going to happen."""
        from pgdex.jobs.cli.render.agents import changes_table, texts_in_full

        if not self.uninstall and self.agents:
            click.echo(f"Agents: {', '.join(one.title for one in self.agents)}\n")
        for plugin in self.plugins:
            note(f"{plugin.client.title} is left alone: {self._about(plugin)}")
        for reason in self._twice().values():
            note(f"Note: {reason}")
        self.shown = {change.problem for change in changes}
        if changes:
            show(changes_table(changes, self.machine))
        if in_full:
            show(texts_in_full(changes, self.machine))
        if self.not_for_projects:
            note(
                f"Note: {', '.join(self.not_for_projects)}, which your shell sets, is not written into a project's "
                "files, since others read them. An agent that does not get it from a shell uses the default."
            )
        if kept := [name for name in self.launch.variables if name != "PGDEX_HOME"]:
            note(
                f"Note: {', '.join(kept)}, which your shell sets, is written into the entries: it then holds in every "
                "session, whatever the shell says. Unset it first if it is meant for this folder or this shell only."
            )
        if self.secrets and any(client.environment == "desktop" for client in self.agents):
            note(
                f"Note: {', '.join(self.secrets)} is secret and not written into these files. An agent that is started "
                "from the desktop does not get it from your shell: set it there too."
            )

    def conclude(self, changes: "list[Change]", proofs: "list[tuple[Registration, Proof]]", *, dry_run: bool) -> None:
        """How it went, and what is left to do."""
        from pgdex.jobs.cli.render.agents import proof_lines

        for change in changes:
            if change.problem and change.problem not in self.shown:
                note(f"Not done: {change.problem}")
        if dry_run:
            click.echo("\nNothing was written.")
            return
        if not any(change.changes_the_file or change.problem for change in changes):
            click.echo("There was nothing to remove." if self.uninstall else "\nThere was nothing to change.")
        if proofs:
            show(proof_lines(proofs))
        written = [change for change in changes if change.changes_the_file]
        if written and not self.uninstall:
            click.echo("\nStart a new session in agents that are running.")
            for client in self.agents if self.project else []:
                if client.after:
                    click.echo(client.after)
        if self.uninstall and self.project is None:
            mine = [one for one in self._kept().of.values() if one.home == str(self.machine.home)]
            others = sorted({receipt.project for receipt in mine if receipt.project})
            for other in others:
                note(f"Still installed in the project {other}: run `pgdex install --uninstall --scope project` there.")

    def as_json(self, changes: "list[Change]", proofs: "list[tuple[Registration, Proof]]") -> str:
        """Everything for programs."""
        import json

        return json.dumps(
            {
                "agents": [client.name for client in self.agents],
                "left_alone": [{"agent": one.client.name, "reason": self._about(one)} for one in self.plugins],
                "twice": [{"project": folder, "reason": reason} for folder, reason in self._twice().items()],
                "scope": "project" if self.project else "user",
                "files": [
                    {
                        "path": str(change.path),
                        "agents": list(change.agents),
                        "changed": change.changes_the_file,
                        "parts": list(change.labels),
                        "problem": change.problem,
                    }
                    for change in changes
                ],
                "proofs": [
                    {"agent": one.client.name, "works": proof.works, "said": proof.said} for one, proof in proofs
                ],
            },
            ensure_ascii=False,
            indent=2,
        )

    def _about(self, plugin: "Plugin") -> str:
        """Why an agent with the plugin gets nothing, and what to do about it."""
        from pgdex.jobs.agents.registered import registration

        name, scope = plugin.client.name, " --scope project" if self.project else ""
        said = (
            f"its plugin {plugin.name} ({self.machine.shown(plugin.file)}) brings the same tools. To have the entry of "
            f"`pgdex install` instead: claude plugin uninstall {plugin.name}, then `pgdex install` again"
        )
        file = plugin.client.entry_file(self.machine, self.project)
        if file is None or registration(plugin.client, file, project=self.project) is None:
            return said
        return (
            f"{said}. It has every tool twice now, since {self.machine.shown(file)} has an entry too. To keep the "
            f"plugin alone: pgdex install --uninstall --agent {name}{scope}"
        )

    def _twice(self) -> dict[str, str]:
        """The projects in which an agent has its plugin too, and what to do about it."""
        from pgdex.jobs.agents.plugins import plugins_of_projects

        if self.uninstall or self.project is not None:
            return {}
        found = {}
        for client in self.agents:
            for folder, plugin in plugins_of_projects(client, self.machine):
                scope = "local" if plugin.file.name == "settings.local.json" else "project"
                found[str(folder)] = (
                    f"{client.title} has the plugin {plugin.name} in {self.machine.shown(folder)}, and so every tool "
                    f"twice there. Keep one: `claude plugin uninstall {plugin.name} --scope {scope}` there, or install "
                    "the plugin for the user and have no entry"
                )
        return found

    def _plan(self, kept: "Receipts") -> "list[Change]":
        from pgdex.jobs.agents.installing import plan_install, plan_uninstall

        targets = [
            target for client in self.agents for target in client.targets(self.machine, self.project, self.launch)
        ]
        if self.uninstall:
            names = {client.name for client in self.agents}
            found = plan_uninstall(targets, kept, agents=names, home=self.machine.home, project=self.project)
            return [change for change in found if change.changes_the_file or change.problem or change.receipt]
        return plan_install(targets, kept, home=self.machine.home, project=self.project)

    def _kept(self) -> "Receipts":
        from pgdex.jobs.agents.receipts import load

        return load(self.state)

    def _launch(self, settings: "Settings") -> "Launch":
        from pgdex.jobs.agents.clients import Launch
        from pgdex.jobs.agents.program import lasting_program, settings_to_hand_on
        from pgdex.jobs.cli.addresses import without_password
        from pgdex.jobs.environment import Secret

        if self.uninstall:
            return Launch("pgdex")
        program = lasting_program()
        names = {f"PGDEX_{name.upper()}": one.kind for name, one in type(settings).known().items()}
        if self.project is not None:
            self.not_for_projects = [name for name in names if os.environ.get(name)]
            return Launch(program)
        secret = {name for name, kind in names.items() if kind is Secret}
        if settings.database_url is not None and not without_password(settings.database_url.get_secret_value())[1]:
            secret.remove("PGDEX_DATABASE_URL")
        variables, self.secrets = settings_to_hand_on(os.environ, known=names, secret=secret, home=self.state)
        return Launch(program, variables=variables, inherited=tuple(self.secrets))


def _chosen(names: tuple[str, ...], machine: "Machine", *, anyone: bool) -> "list[Client]":
    if names:
        return [CLIENTS[name] for name in dict.fromkeys(names)]
    found = [client for client in CLIENTS.values() if anyone or client.is_here(machine)]
    if not found:
        raise InvalidRequest(
            "no coding agent was found on this machine. If there is one, name it: --agent NAME, one of "
            f"{', '.join(CLIENTS)}"
        )
    return found


def _plugins(agents: "list[Client]", machine: "Machine", project: Path | None) -> "list[Plugin]":
    """The plugins that these agents have."""
    from pgdex.jobs.agents.plugins import active_plugin

    found = [active_plugin(client, machine, project) for client in agents]
    return [one for one in found if one is not None]


def _is_confirmed(*, uninstall: bool) -> bool:
    import sys

    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for confirmation: add --yes, or look with --dry-run.")
    return click.confirm("\nRemove this?" if uninstall else "\nWrite this?", default=True, err=True)


def _present_project() -> Path:
    from pgdex.jobs.agents.machine import project_root

    folder = present_folder()
    if folder is None:
        raise InvalidRequest("the current folder does not exist any more: change into another")
    return project_root(folder)
