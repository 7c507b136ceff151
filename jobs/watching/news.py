"""What a watcher says while it watches; front ends show it or log it."""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["watching", "standing_by", "changed", "completed", "failed", "database_away", "database_back", "ended"]


@dataclass(frozen=True, slots=True)
class News:
    """One thing that happened: `text` for people, without the folder's name; `data` for programs."""

    kind: Kind
    root: str
    text: str
    data: dict[str, object] = field(default_factory=dict)
