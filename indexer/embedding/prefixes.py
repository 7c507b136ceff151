"""The words that a model wants before a text, by the model's name.

Neither Ollama nor an OpenAI-compatible service adds them. Each is what the model's card prescribes.
Changing a document prefix here changes what stored vectors mean: it asks for a new index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Prefixes:
    """What goes before a text that is to be found, and before a query."""

    document: str = ""
    query: str = ""


_PASSAGES: Final = "Represent this sentence for searching relevant passages: "
_CODE: Final = "Represent this query for searching relevant code: "
# These models take an instruction in one's own words.
_INSTRUCTION: Final = "Instruct: Given a question about a code base, retrieve the code that answers it"

# The first whose name is part of the model's name.
_BY_MODEL: Final = (
    ("nomic-embed-code", Prefixes(query=_CODE)),
    ("coderankembed", Prefixes(query=_CODE)),
    ("nomic-embed-text", Prefixes(document="search_document: ", query="search_query: ")),
    ("mxbai-embed-large", Prefixes(query=_PASSAGES)),
    ("snowflake-arctic-embed2", Prefixes(query="query: ")),
    ("snowflake-arctic-embed-l-v2.0", Prefixes(query="query: ")),
    ("snowflake-arctic-embed-m-v2.0", Prefixes(query="query: ")),
    ("snowflake-arctic-embed", Prefixes(query=_PASSAGES)),
    ("bge-small-en", Prefixes(query=_PASSAGES)),
    ("bge-base-en", Prefixes(query=_PASSAGES)),
    ("bge-large-en", Prefixes(query=_PASSAGES)),
    ("e5-large-instruct", Prefixes(query=f"{_INSTRUCTION}\nQuery: ")),
    ("e5-small", Prefixes(document="passage: ", query="query: ")),
    ("e5-base", Prefixes(document="passage: ", query="query: ")),
    ("e5-large", Prefixes(document="passage: ", query="query: ")),
    (
        "embeddinggemma",
        Prefixes(document="title: none | text: ", query="task: search result | query: "),
    ),
    ("qwen3-embedding", Prefixes(query=f"{_INSTRUCTION}\nQuery:")),
)


def prefixes_for(model: str) -> Prefixes:
    """The prefixes of a model such as "nomic-embed-text:latest"; empty ones where none is known."""
    lowered = model.lower()
    return next((prefixes for part, prefixes in _BY_MODEL if part in lowered), Prefixes())
