"""Code in an element of another language: what stands between <script> and </script>."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tree_sitter import Node, Point

from pgdex.indexer.chunking.grammar import Grammar

_TAG_LANGUAGE = re.compile(r"""\b(?:lang|type)\s*=\s*["']?(?:text/|application/)?([\w.+-]+)""")


@dataclass(frozen=True, slots=True)
class EmbeddedCode:
    """The whole lines `start` to `stop` (exclusive) with code, and its exact place for the parser."""

    grammar: str
    start: int
    stop: int
    place: tuple[Point, Point, int, int]


def embedded_code(grammar: Grammar, nodes: Sequence[Node], source: bytes) -> EmbeddedCode | None:
    """The code in the first of some nodes that holds any on lines of its own, in a known language.

    The language is told by the attributes lang and type of the opening tag.
    """
    element = next((node for node in nodes if grammar.traits[node.kind_id].injects), None)
    if element is None:
        return None
    text = next((child for child in element.named_children if child.type == "raw_text"), None)
    if text is None:
        return None
    tag = source[element.start_byte : text.start_byte].decode("utf-8", "ignore")
    language = _TAG_LANGUAGE.search(tag)
    known = grammar.injections[element.type].get("" if language is None else language[1].lower())
    start, stop = element.start_point[0] + 1, element.end_point[0]
    if known is None or stop <= start:
        return None
    first_line = source[text.start_byte : text.end_byte].partition(b"\n")[0]
    if text.start_point[0] < start and first_line.strip():
        # Code that begins on the line of the tag shares it.
        return None
    return EmbeddedCode(known, start, stop, (text.start_point, text.end_point, text.start_byte, text.end_byte))
