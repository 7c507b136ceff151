"""Arguments as clients send them, made into what they mean: one place for all tools.

Models and clients fill in every optional argument, with "" or null where they have nothing to say; they write one value
where a list belongs, a number as text, a list as text. What is clear is taken; what is not is left to validation.
"""

import json
from collections.abc import Mapping
from typing import Any

NOTHING = object()
TRUE_AND_FALSE = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def given_arguments(arguments: Mapping[str, Any] | None, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that were really given, as the types of a tool's input `schema`.

    An optional one that is null, "", blank or an empty list was not given. A required one stays, for its own error.
    """
    properties: Mapping[str, Any] = schema["properties"]
    required = schema.get("required", ())
    given = {}
    for name, value in (arguments or {}).items():
        meant = _meant(value, _types(properties.get(name, {})))
        if meant is NOTHING and name not in required:
            continue
        given[name] = value if meant is NOTHING else meant
    return given


def _meant(value: Any, types: Mapping[str, Mapping[str, Any]]) -> Any:
    """`value` as one of the types that its schema has; NOTHING for what says nothing."""
    if value is None or (isinstance(value, str) and value.strip() in ("", "null")):
        return NOTHING
    if "array" in types:
        return _as_list(value, types)
    if isinstance(value, list):
        said = [one for one in value if not _is_blank(one)]
        if not said:
            return NOTHING
        if len(said) == 1:
            value = said[0]  # a list of one where one is asked for
    return next((MAKERS[kind](value, schema) for kind, schema in types.items() if kind in MAKERS), value)


def _as_list(value: Any, types: Mapping[str, Mapping[str, Any]]) -> Any:
    if isinstance(value, str):
        value = _parsed_list(value)
    if not isinstance(value, list):
        value = [value]
    item_types = _types(types["array"].get("items", {}))
    said = [one for one in (_meant(one, item_types) for one in value) if one is not NOTHING]
    return said or NOTHING


def _parsed_list(text: str) -> list[Any]:
    """The parts of "function, class", or of a list that was sent as JSON in a string."""
    if text.lstrip().startswith("["):
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            return parsed if isinstance(parsed, list) else [parsed]
    return [part.strip() for part in text.split(",")]


def _as_text(value: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and "enum" in schema and value.strip().lower() in schema["enum"]:
        return value.strip().lower()
    return value


def _as_flag(value: Any, _: Mapping[str, Any]) -> Any:
    return TRUE_AND_FALSE.get(value.strip().lower(), value) if isinstance(value, str) else value


def _as_number(value: Any, _: Mapping[str, Any]) -> Any:
    """An int or a float; a text itself where it is neither."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return value


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _types(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The types that a schema allows, without null, each with the part that is about it."""
    if "anyOf" in schema:
        return {kind: one for part in schema["anyOf"] for kind, one in _types(part).items()}
    return {schema["type"]: schema} if schema.get("type") not in (None, "null") else {}


MAKERS = {"string": _as_text, "boolean": _as_flag, "integer": _as_number, "number": _as_number}
