"""Path globs of a search as regular expressions that both Python and PostgreSQL understand."""

import re

TOKENS = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^\]/]+\]|.", re.DOTALL)


def glob_regex(glob: str) -> str:
    """An expression for whole paths: `*` stays within a folder, `**` does not, `?` is one character.

    A glob without a slash is looked for in every folder (`*.py`), one that ends with a slash is everything below
    (`src/`). Raises ValueError for an empty glob.
    """
    if not glob.strip("/"):
        raise ValueError(f"a path glob must name something, got {glob!r}")
    pattern = glob.removeprefix("./").lstrip("/")
    if pattern.endswith("/"):
        pattern += "**"
    if "/" not in pattern:
        pattern = f"**/{pattern}"
    return f"^{''.join(map(_expression, TOKENS.findall(pattern)))}$"


def _expression(token: str) -> str:
    match token:
        case "**/":
            return "(?:.*/)?"
        case "**":
            return ".*"
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
        case _ if len(token) > 1:
            members = token[1:-1].replace("\\", "\\\\").replace("[", "\\[")
            return f"[^{members[1:]}/]" if members.startswith("!") else f"[{members}]"
        case _:
            return re.escape(token) if not token.isalnum() and token.isascii() else token
