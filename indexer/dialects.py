"""A file's language where its name leaves it open: headers, `.m`, `.v`. Told from what is in the file."""

import re
from typing import Final

from pgdex.indexer.languages import Language, language_named, language_of

# What says it, says it early; a header of tables is not read to its end.
_LOOKED_AT: Final = 200_000

_CPP = re.compile(
    r"^[ \t]*(?:template[ \t]*<"
    r"|(?:inline[ \t]+)?namespace\b[ \t]*[\w:]*\s*\{"
    r"|class[ \t]+(?:\w+(?:\([^()\n]*\))?[ \t]+){0,4}\w+\s*(?:[{;]|:[^:;\n])"
    r"|(?:public|private|protected)(?:[ \t]+\w+)?[ \t]*:"
    r"|using[ \t]+(?:namespace[ \t]+[\w:]+|\w+[ \t]*=[^;\n]+|[\w:]+::\w+)[ \t]*;"
    r"|#[ \t]*include[ \t]*<[a-z_]+>)",
    re.MULTILINE,
)
_OBJECTIVE_C = re.compile(r"^(?:@(?:interface|protocol|implementation|end)\b|#[ \t]*import\b)", re.MULTILINE)
_NO_MATLAB = re.compile(r"^[ \t]*(?:#|@|//|/\*|\(\*|:-)", re.MULTILINE)
_MATLAB = re.compile(
    r"^[ \t]*(?:%|(?:function|classdef|clear|close|clc|figure|disp|plot)\b|[A-Za-z][\w.]*[ \t]*=[^=])", re.MULTILINE
)
_VERILOG = re.compile(r"\bendmodule\b|\balways\b|^[ \t]*`(?:timescale|include|define|ifdef)\b", re.MULTILINE)
_CONDITION = re.compile(r"[ \t]*#[ \t]*(if|el|endif)")


def language_in(path: str, text: str) -> Language:
    """The language of the file at `path` with this text, as `language_of` says where its name and first line suffice.

    A header is C++ or Objective-C if something in it is that and not C, outside of what it shows to C++ only
    (`#ifdef __cplusplus`). A `.m` is MATLAB, and a `.v` Verilog, if it looks like it.
    """
    language = language_of(path, text[:200].partition("\n")[0])
    head = text[:_LOOKED_AT]
    ending = path[-2:]
    if language.name == "c" and ending in (".h", ".H"):
        if _OBJECTIVE_C.search(head):
            return language_named("objc")
        if _CPP.search(head) and ("__cplusplus" not in head or _CPP.search(_for_c(head))):
            return language_named("cpp")
    elif language.name == "objc" and ending == ".m":
        if not _NO_MATLAB.search(head) and _MATLAB.search(head):
            return language_named("matlab")
    elif language.name == "v" and ending == ".v" and _VERILOG.search(head):
        return language_named("verilog")
    return language


def _for_c(text: str) -> str:
    """A text without the parts that are there for C++ only."""
    kept: list[str] = []
    depth = 0
    for line in text.split("\n"):
        found = _CONDITION.match(line)
        if depth:
            if found is not None:
                depth += {"if": 1, "endif": -1}.get(found[1], -1 if depth == 1 else 0)
        elif found is not None and found[1] == "if" and "__cplusplus" in line and ">" not in line:
            depth = 1
        else:
            kept.append(line)
    return "\n".join(kept)
