"""What an embedder is opened with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgdex.indexer.embedding.protocol import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderRequest:
    """A spec, such as "ollama:nomic-embed-text", with the settings that go with it."""

    spec: str
    argument: str
    """What follows the first colon of the spec, without blanks around it; empty where there is none."""

    url: str | None = None
    """PGDEX_EMBEDDER_URL."""

    api_key: Secret | None = field(default=None, repr=False)
    dimension: int | None = None
    """The length of the vectors that was asked for; None leaves it to the provider. At least 1."""

    timeout_seconds: float = 60
    """The longest that one request to a service may take."""
