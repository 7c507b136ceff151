"""The page of SQL objects, from the headers of the files in sql/ and the grants of the roles."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import groupby

from docs_reference.markdown import fenced, prose
from pgdex.migrations.repeatable import RepeatableMigration, repeatable_migrations

HEADER = re.compile(r"\A(?:--[^\n]*\n)+")
# Up to what the function does or is: the arguments and the answer are what callers need.
SIGNATURE = re.compile(
    r"create or replace function (pgdex\.\w+\(.*?)\n(?:language|set|stable|immutable|security|as)\b", flags=re.DOTALL
)
GRANT = re.compile(r"grant execute on function(.*?)\bto pgdex_", flags=re.DOTALL)
EXAMPLE = re.compile(r"  (?:select|grant)\b")
ITEM = re.compile(r"\s*[-*] ")
ROLE_TITLES = {
    "pgdex_reader": "Functions that read",
    "pgdex_client": "Functions that ask for work",
    "pgdex_worker": "Functions that workers call",
}
INTERNAL = "Functions that only others call"


def sql_objects_page() -> str:
    """Every view, function, trigger and role of the schema with what its file promises."""
    objects = list(repeatable_migrations())
    parts = [
        "# SQL objects\n",
        "Everything is in the schema `pgdex`. What callers can rely on is quoted from the headers of the files in "
        "`sql/`; [pgdex from psql](../sql.md) shows the objects that people use most. Functions are listed under the "
        "least privileged role that may call them; each role may also call the functions of the roles before it. "
        "Functions that workers call belong to this version's workers and may change with any release.\n",
        "## Views\n",
        *_sections(item for item in objects if item.kind == "views"),
    ]
    for title in [*ROLE_TITLES.values(), INTERNAL]:
        parts.append(f"## {title}\n")
        parts.extend(_sections(item for item in objects if item.kind == "functions" and _title(item.name) == title))
    parts.append("## Triggers\n")
    parts.extend(
        f"- `{item.name}`: {prose(' '.join(item.statement.split()).removesuffix(';'))}\n"
        for item in objects
        if item.kind == "triggers"
    )
    parts.append("## Roles\n")
    parts.extend(_sections(item for item in objects if item.kind == "roles"))
    return "\n".join(parts)


@cache
def _callers() -> dict[str, str]:
    """Function -> the least role that is granted it."""
    granted: dict[str, str] = {}
    for item in repeatable_migrations():
        if item.kind == "roles":
            for names in GRANT.findall(item.statement):
                for name in re.findall(r"pgdex\.(\w+)", names):
                    granted.setdefault(name, item.name)
    return granted


def _title(function: str) -> str:
    role = _callers().get(function)
    return INTERNAL if role is None else ROLE_TITLES[role]


def _sections(items: Iterator[RepeatableMigration]) -> Iterator[str]:
    for item in sorted(items, key=lambda one: one.name if one.kind != "roles" else ""):
        yield f"### {item.name}\n"
        if item.kind == "functions":
            yield fenced(_signature(item), "sql")
        yield _promise(item)


def _signature(item: RepeatableMigration) -> str:
    found = SIGNATURE.search(item.statement)
    if found is None:
        raise ValueError(f"sql/functions/{item.name}.sql does not begin as its neighbours do: no signature was found")
    return found[1]


def _promise(item: RepeatableMigration) -> str:
    """The comment at the top of a file as Markdown: paragraphs, lists, and examples (indented there) as code."""
    header = HEADER.match(item.statement)
    if header is None:
        raise ValueError(f"sql/{item.kind}/{item.name}.sql has no comment at its top that says what it promises")
    lines = [line.removeprefix("--").removeprefix(" ") for line in header[0].splitlines()]
    parts: list[str] = []
    for kind, group in groupby(lines, key=_kind):
        text = list(group)
        if kind == "example":
            parts.append(fenced("\n".join(line.strip() for line in text), "sql"))
        elif kind == "text":
            parts.append(_paragraphs(text))
    return "\n".join(parts)


def _kind(line: str) -> str:
    if not line.strip():
        return "blank"
    return "example" if EXAMPLE.match(line) else "text"


def _paragraphs(lines: list[str]) -> str:
    """Lines of prose; a list in it gets the empty line in front that Markdown wants."""
    out: list[str] = []
    in_list = False
    for line in lines:
        item = ITEM.match(line)
        if item:
            out.extend([] if in_list or not out else [""])
            in_list = True
            out.append("- " + prose(line[item.end() :].strip()))
        elif in_list and line.startswith("  "):
            out.append("  " + prose(line.strip()))
        else:
            out.extend([""] if in_list else [])
            in_list = False
            out.append(prose(line.strip()))
    return "\n".join(out) + "\n"
