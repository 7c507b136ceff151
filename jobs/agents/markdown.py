"""A marked section at the end of a Markdown file. HTML comments mark it: agents and people don't see them rendered."""

import re

from pgdex.jobs.agents.jsonc import BOM, Unreadable

BEGIN = "<!-- pgdex:begin (`pgdex install` wrote this; `pgdex install --uninstall` removes it) -->"
END = "<!-- pgdex:end -->"
SECTION = re.compile(r"<!-- pgdex:begin\b.*?<!-- pgdex:end -->(?:\r?\n)?", re.DOTALL)


def section_of(text: str) -> str | None:
    """The section with its marks, or None. Raises Unreadable where a mark stands alone."""
    found = SECTION.search(text)
    if found is None and ("<!-- pgdex:begin" in text or END in text):
        raise Unreadable("one of the marks `pgdex:begin` and `pgdex:end` is missing, or they are in the wrong order")
    return found[0] if found else None


def with_section(text: str, body: str) -> str:
    """`text` with the section, in place of an older one or behind everything else. Raises Unreadable."""
    newline = "\r\n" if "\r\n" in text else "\n"
    section = newline.join([BEGIN, *body.strip().split("\n"), END, ""])
    if section_of(text) is not None:
        return SECTION.sub(lambda _: section, text, count=1)
    if not text.removeprefix(BOM):
        return text + section
    return text + (newline if text.endswith("\n") else newline * 2) + section


def without_section(text: str) -> str:
    """`text` without the section and the empty line before it. Raises Unreadable."""
    found = SECTION.search(text) if section_of(text) is not None else None
    if found is None:
        return text
    before, after = text[: found.start()], text[found.end() :]
    if not after and before.endswith(("\n\n", "\n\r\n")):
        before = before[:-2] if before.endswith("\r\n") else before[:-1]
    return before + after


def is_current(text: str, body: str) -> bool:
    """Whether the section is there and says `body`. Raises Unreadable."""
    section = section_of(text)
    lines = [] if section is None else section.replace("\r\n", "\n").strip().split("\n")
    return "\n".join(lines[1:-1]).strip() == body.strip()
