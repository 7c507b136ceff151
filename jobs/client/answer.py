"""What a front end answers, as Python and as JSON.

Plain dataclasses: a command that shows one job does not import pydantic for it.
"""

import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, get_args


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An immutable answer; its fields are the JSON keys."""

    def __post_init__(self) -> None:
        """PostgreSQL's numeric arrives as Decimal, which is no number in JSON."""
        kind: Any = type(self)
        for name, is_float in _numbers(kind):
            value = getattr(self, name)
            if isinstance(value, Decimal):
                object.__setattr__(self, name, float(value) if is_float else int(value))

    def document(self) -> dict[str, Any]:
        """As JSON has it: texts, numbers, lists, dictionaries."""
        plain: dict[str, Any] = json.loads(self.as_json())
        return plain

    def as_json(self, *, indent: int | None = None) -> str:
        """As JSON, on one line without `indent`."""
        separators = (",", ":") if indent is None else None
        return json.dumps(asdict(self), ensure_ascii=False, indent=indent, separators=separators, default=_plain)


@cache
def _numbers(kind: Any) -> list[tuple[str, bool]]:
    """The fields that hold numbers, and whether these have fractions."""
    kinds = {one.name: {one.type, *get_args(one.type)} for one in fields(kind)}
    return [(name, float in types) for name, types in kinds.items() if types & {int, float}]


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)
