"""The tables of all grammars, by the names that tree-sitter-language-pack gives them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from pgdex.indexer.chunking.grammar import Grammar
from pgdex.indexer.chunking.tables import (
    c_family,
    functional,
    jvm_and_net,
    markup,
    schemas,
    scripting,
    shells,
    systems,
    web,
)

_UNKNOWN = Grammar(rules={})

_GRAMMARS: Mapping[str, Grammar] = {
    **c_family.GRAMMARS,
    **functional.GRAMMARS,
    **jvm_and_net.GRAMMARS,
    **markup.GRAMMARS,
    **schemas.GRAMMARS,
    **scripting.GRAMMARS,
    **shells.GRAMMARS,
    **systems.GRAMMARS,
    **web.GRAMMARS,
}


@cache
def grammar_of(name: str) -> Grammar:
    """The table of a grammar; one without definitions where there is none."""
    return replace(_GRAMMARS.get(name, _UNKNOWN), name=name)
