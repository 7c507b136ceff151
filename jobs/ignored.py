"""What ignore rules leave out of a repository: how a job notes it, and how it is said."""

import json
import os
import shlex
from typing import Any, Final

from pgdex.indexer.sources import LeftOut, OpenedRoot
from pgdex.indexer.sources.pruning import VERSION_CONTROL
from pgdex.jobs.errors import NothingFound

MOST_RULES: Final = 5
RULES_IN_ERRORS: Final = 3


def as_json(root: bytes, left_out: LeftOut, *, heeds_git: bool) -> str:
    """What `pgdex.note_ignored` takes, of a tree at the real path `root`: the number of entries, and the rules that
    left out most of them."""
    rules = [
        {"file": rule.file, "line": rule.line, "pattern": rule.pattern, "entries": rule.entries}
        for rule in left_out.most(root, number=MOST_RULES)
    ]
    return json.dumps({"entries": left_out.entries, "heeds_git": heeds_git, "rules": rules}).replace("\\u0000", "�")


def ignored_line(summary: dict[str, Any]) -> str:
    """ "1,204 entries, most of them by .gitignore:12 `/*`", of a job's summary; empty where nothing was left out."""
    ignored = summary.get("ignored") or {}
    parts = []
    if entries := ignored.get("entries"):
        said = _entries(entries)
        rules = ignored.get("rules") or []
        if rules:
            most = "" if rules[0]["entries"] == entries else "most of them "
            said += f", {most}by {_rule(rules[0])}"
        parts.append(said)
    if ignored.get("heeds_git") is False:
        parts.append("git's ignore rules are off (--no-ignore)")
    return "; ".join(parts)


def nothing_found(root: OpenedRoot, left_out: LeftOut, *, heeds_git: bool, is_new: bool) -> NothingFound:
    """The error of a job that finds no file at all: why that is, and what to do."""
    if not left_out.entries:
        with root.listing(b"") as (_, listing):
            names = {os.fsencode(entry.name) for entry in listing}
        what = "there is nothing in it" if names <= VERSION_CONTROL else "there are only empty folders in it"
        return NothingFound(f"no file to index in {root.path}: {what}")
    rules = left_out.most(root.real_path, number=RULES_IN_ERRORS)
    by_rules = ", ".join(f"{rule} excludes {_entries(rule.entries)}" for rule in rules)
    rest = left_out.entries - sum(rule.entries for rule in rules)
    others = f", other rules {_entries(rest)}" if rest else ""
    shown = shlex.quote(str(root.path))
    helps = [f"`pgdex skipped {shown} --why FILE` shows what excludes a certain file"]
    if heeds_git and any(rule.file is not None for rule in rules):
        helps.append(f"`pgdex index {shown} --no-ignore` (no_ignore: true) ignores git's ignore rules")
    helps.append(f"a line such as !/src/ in {os.path.join(shown, '.pgdexignore')} brings a part of it back")
    kept = "" if is_new else ". What was indexed before is kept"
    return NothingFound(f"no file to index in {root.path}: {by_rules}{others}{kept}. {'; '.join(helps)}")


def _entries(number: int) -> str:
    return f"{number:,} {'entry' if number == 1 else 'entries'}"


def _rule(rule: dict[str, Any]) -> str:
    where = "the built-in rule" if rule["file"] is None else f"{rule['file']}:{rule['line']}"
    return f"{where} `{rule['pattern']}`"
