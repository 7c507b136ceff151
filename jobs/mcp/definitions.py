"""Tools as clients get them: made by the SDK from functions, with schemas that cost a model few tokens."""

import json
from collections.abc import Callable
from inspect import cleandoc
from typing import Any

from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from mcp_types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations

from pgdex.jobs.mcp.answers import Answer

# What says nothing to a model. A longest text is checked, with an error that names it; null is taken for an argument
# that was left out (given.py), so no schema has to allow it.
SILENT_KEYS = frozenset({"title", "maxLength", "maxItems"})
SILENT_DEFAULTS = ("null", "false", '""', "[]")


class AnswerMetadata(FuncMetadata):
    """Reads arguments and writes answers in our way, and leaves texts alone where the SDK reads those for optional
    arguments as JSON: `[a]` is a path filter."""

    def pre_parse_json(self, data: dict[str, Any]) -> dict[str, Any]:
        """`data`, which given.py has read already."""
        return data

    def convert_result(self, result: Any) -> CallToolResult | InputRequiredResult:
        """An answer as plain text and as structured content: neither is a copy of the other."""
        if not isinstance(result, Answer):
            return super().convert_result(result)
        return CallToolResult(
            content=[TextContent(type="text", text=result.text())], structured_content=result.document()
        )


def tool_of(title: str, function: Callable[..., Any], annotations: ToolAnnotations) -> Tool:
    """The tool that a function is; its docstring is the description."""
    tool = Tool.from_function(
        function,
        title=title,
        description=" ".join(cleandoc(function.__doc__ or "").split()),
        annotations=annotations,
    )
    made = {name: getattr(tool.fn_metadata, name) for name in FuncMetadata.model_fields}
    tool.fn_metadata = AnswerMetadata(**{**made, "output_schema": without_silence(made["output_schema"])})
    tool.parameters = without_silence(tool.parameters)
    return tool


def without_silence(schema: Any, *, names: bool = False) -> Any:
    """A JSON schema without what a reader does not need to use it: titles, longest lengths, null beside another type,
    defaults that mean nothing. With `names`, the keys of `schema` are names of properties, and all stay."""
    if isinstance(schema, list):
        return [without_silence(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if names:
        return {name: without_silence(one) for name, one in schema.items()}
    kept = {
        key: without_silence(value, names=key in ("properties", "$defs"))
        for key, value in schema.items()
        if key not in SILENT_KEYS and not (key == "default" and json.dumps(value) in SILENT_DEFAULTS)
    }
    choices = kept.get("anyOf")
    if choices is None or {"type": "null"} not in choices:
        return kept
    others = [one for one in choices if one != {"type": "null"}]
    without = {key: value for key, value in kept.items() if key != "anyOf"}
    return {**others[0], **without} if len(others) == 1 else {**without, "anyOf": others}
