"""The page of settings, from the fields of `Settings`."""

from pathlib import Path

from docs_reference.markdown import code, prose, table
from pgdex.jobs.environment import Declared, Secret, Setting
from pgdex.jobs.settings import Settings

# A default that depends on who asks is described, not evaluated: the page is the same on every machine.
DYNAMIC = {"home": "the user's data folder"}


def settings_page() -> str:
    """Every environment variable with its default, the values that it takes, and its meaning."""
    rows = [
        [code(f"PGDEX_{name.upper()}"), _default(name, one), _values(one), prose(one.setting.description)]
        for name, one in Settings.known().items()
    ]
    return "\n".join(
        [
            "# Settings\n",
            "Settings are environment variables; an empty one counts as unset. A value that can't be used ends the "
            "command with exit code 2 and the variable's name. [Configuration](../configuration.md) explains the ones "
            "that need a decision.\n",
            table(["variable", "default", "values", "meaning"], rows),
        ]
    )


def _default(name: str, declared: Declared) -> str:
    if name in DYNAMIC:
        return DYNAMIC[name]
    if declared.setting.default_factory is not None:
        raise ValueError(f"the default of {name} is computed: say in docs_reference/settings.py what it is")
    default = declared.setting.default
    if isinstance(default, bool):
        return code("on" if default else "off")
    return "unset" if default is None else code(f"{default:g}" if declared.kind is float else default)


def _values(declared: Declared) -> str:
    """What kind of value it takes, with its limits."""
    if declared.kind is bool:
        return "on or off"
    if declared.kind is Secret:
        return "text, never shown"
    name = {int: "integer", float: "number", Path: "folder"}.get(declared.kind, "text")
    return " ".join(filter(None, [name, _limits(declared.setting)]))


def _limits(setting: Setting) -> str:
    """The limits of a number, in words. Both ends where it has both."""
    least = None if setting.ge is None else f"{setting.ge:,}"
    most = None if setting.le is None else f"{setting.le:,}"
    above = None if setting.gt is None else f"above {setting.gt:,}"
    if least and most:
        return f"from {least} to {most}"
    return ", ".join(filter(None, [above, f"from {least}" if least else None, f"up to {most}" if most else None]))
