"""The page of settings, from the fields of `Settings`."""

from typing import Any

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs_reference.markdown import code, prose, table
from pgdex.jobs.settings import Settings

# A default that depends on who asks is described, not evaluated: the page is the same on every machine.
DYNAMIC = {"home": "the user's data folder"}


def settings_page() -> str:
    """Every environment variable with its default, the values that it takes, and its meaning."""
    rows = [
        [code(f"PGDEX_{name.upper()}"), _default(name, field), _values(field), prose(field.description or "")]
        for name, field in Settings.model_fields.items()
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


def _default(name: str, field: FieldInfo) -> str:
    if name in DYNAMIC:
        return DYNAMIC[name]
    if field.default is PydanticUndefined:
        raise ValueError(f"the default of {name} is computed: say in docs_reference/settings.py what it is")
    if isinstance(field.default, bool):
        return code("on" if field.default else "off")
    return "unset" if field.default is None else code(f"{field.default:g}" if _is_float(field) else field.default)


def _is_float(field: FieldInfo) -> bool:
    return isinstance(field.default, float) or "float" in str(field.annotation)


def _values(field: FieldInfo) -> str:
    """What kind of value it takes, with its limits."""
    kind = str(field.annotation)
    if field.annotation is bool:
        return "on or off"
    name = "integer" if "int" in kind else "number" if "float" in kind else "folder" if "Path" in kind else "text"
    if "Secret" in kind:
        return "text, never shown"
    return " ".join(filter(None, [name, ", ".join(_limits(field.metadata))]))


def _limits(metadata: list[Any]) -> list[str]:
    """The limits of a number, in words. Both ends where it has both."""
    least = next((f"{limit.ge:,}" for limit in metadata if isinstance(limit, Ge)), None)
    most = next((f"{limit.le:,}" for limit in metadata if isinstance(limit, Le)), None)
    above = next((f"above {limit.gt:,}" for limit in metadata if isinstance(limit, Gt)), None)
    if least and most:
        return [f"from {least} to {most}"]
    return [*filter(None, [above, f"from {least}" if least else None, f"up to {most}" if most else None])]
