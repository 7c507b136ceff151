"""Every setting as it is in force: its value, and where that comes from. Secrets are never in it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from pgdex.jobs.cli.addresses import without_password
from pgdex.jobs.client.projects import Project, resolve_project
from pgdex.jobs.environment import Secret, UnusableValue
from pgdex.jobs.errors import PgdexError
from pgdex.jobs.settings import Settings

DEFAULT = "default"
HIDDEN = "(set; not shown)"
LOGIN_IN_URL = re.compile(r"(?<=://)[^/@\s]*@")
# What a setting that is left unset comes to on this machine.
EFFECTIVE = {"processes": "worker_processes", "slots": "worker_slots"}
UNSET = {
    "database_url": "the embedded PostgreSQL",
    "max_concurrent_jobs": "as the database has it (3)",
    "allowed_embedders": "only PGDEX_EMBEDDER",
    "allowed_roots": "any folder",
    "allowed_sources": "any host",
    "embedder_url": "the provider's",
    "embedder_dimension": "the model's",
    "mcp_token": "generated at the first start",
}


@dataclass(frozen=True, slots=True)
class Configured:
    """One setting. `value` is None where it is unset; `shown` says then what that means. `problem` says why what was
    given can't be used."""

    variable: str
    value: str | int | float | bool | None
    shown: str
    source: str
    """"default", "environment variable NAME", or the path of a .pgdex.toml."""
    description: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """All settings in the order of their declaration, and what is odd about them."""

    settings: tuple[Configured, ...]
    notes: tuple[str, ...]

    @property
    def is_usable(self) -> bool:
        """Whether no value is refused."""
        return all(one.problem is None for one in self.settings)


def configuration(variables: Mapping[str, str], *, folder: Path | None) -> Configuration:
    """The settings from `variables` for a command that is started in `folder`. Raises nothing for a value that can't be
    used: that is in the answer."""
    usable, problems = _usable(variables)
    try:
        project = resolve_project(usable, folder=folder)
    except PgdexError as error:
        project = Project(usable.project, "default", notes=(str(error),))
    found = tuple(_configured(name, usable, problems, project, variables) for name in Settings.known())
    return Configuration(found, (*project.notes, *_misspelt(variables)))


def _usable(variables: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """The settings without those that can't be used, and why they can't."""
    problems: dict[str, str] = {}
    left = dict(variables)
    while True:
        try:
            return Settings.read(left), problems
        except UnusableValue as error:
            problems[error.name] = error.reason
            if left.pop(f"PGDEX_{error.name.upper()}", None) is None:
                raise  # a default that can't be used


def _configured(
    name: str, settings: Settings, problems: Mapping[str, str], project: Project, variables: Mapping[str, str]
) -> Configured:
    variable = f"PGDEX_{name.upper()}"
    description = Settings.known()[name].setting.description
    source = f"environment variable {variable}" if name in settings.given else DEFAULT
    if name in problems:
        return Configured(
            variable, None, "(not usable)", f"environment variable {variable}", description, problems[name]
        )
    value = getattr(settings, name)
    if name == "project":
        value, source = project.id, source if project.file is None else str(project.file)
    elif name == "embedder_api_key" and (provider := settings.variable_of_key(settings.embedder)) is not None:
        value, source = settings.api_key_for(settings.embedder), f"environment variable {provider}"
    elif value is None and name in EFFECTIVE:
        value = getattr(settings, EFFECTIVE[name])
    problem = None
    if name == "database_url" and isinstance(value, Secret):
        try:
            value = without_password(value.get_secret_value())[0]
        except PgdexError as error:
            problem = str(error)
    if isinstance(value, Secret):
        return Configured(variable, HIDDEN, HIDDEN, source, description, problem)
    if value is None:
        return Configured(variable, None, f"({UNSET.get(name, 'unset')})", source, description)
    plain = value if isinstance(value, bool | int | float) else LOGIN_IN_URL.sub("", str(value))
    if name == "database_url":  # its login is no secret, and the password is gone
        plain = str(value)
    return Configured(variable, plain, _shown(plain), source, description)


def _shown(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _misspelt(variables: Mapping[str, str]) -> list[str]:
    """Variables that look like a setting and are none. Only near ones: PGDEX_… may belong to a compose file."""
    known = [f"PGDEX_{name.upper()}" for name in Settings.known()]
    found = []
    for variable in sorted(variables):
        if variable.startswith("PGDEX_") and variable not in known:
            near = get_close_matches(variable, known, n=1, cutoff=0.85)
            if near:
                found.append(f"{variable} is set, but there is no such setting. Did you mean {near[0]}?")
    return found


def of_this_process() -> Configuration:
    """Those of this process in the folder where it stands."""
    from pgdex.jobs.cli.session import present_folder

    return configuration(os.environ, folder=present_folder())
