"""What the suite found, scenario by scenario, and what of it is expected."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FAILED = ("FAILURE", "WARNING")

# A scenario that fails is an error, unless it stands here with its reason; one that stands here and passes is an error
# as well.
KNOWN: Mapping[tuple[str, str], str] = {}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scenario under one revision: how many checks came out how, and what the failed ones say."""

    revision: str
    scenario: str
    server: str
    counts: Mapping[str, int]
    messages: Sequence[str]

    @property
    def passed(self) -> bool:
        """Whether something was checked and nothing failed."""
        return not self.messages and self.counts.get("SUCCESS", 0) > 0

    @property
    def word(self) -> str:
        """The result in a table."""
        if self.passed:
            return "passes"
        if not self.messages and self.counts.get("SKIPPED", 0):
            return "skipped by the suite"
        return "fails" if (self.revision, self.scenario) not in KNOWN else "doesn't apply"


def read_outcomes(folder: Path, *, revision: str, server: str) -> list[Outcome]:
    """The outcomes that the suite has written below `folder`, by scenario."""
    found = []
    for file in folder.glob("*/checks.json"):
        scenario = re.sub(r"^server-|-\d{4}-\d\d-\d\dT.*$", "", file.parent.name)
        checks = json.loads(file.read_text("utf-8"))
        failures = [f"{one['id']}: {one.get('errorMessage', '')}" for one in checks if one["status"] in FAILED]
        counts = Counter(one["status"] for one in checks)
        found.append(Outcome(revision, scenario, server, counts, failures))
    return sorted(found, key=lambda one: one.scenario)


def table(outcomes: Sequence[Outcome]) -> str:
    """A table as docs/mcp.md has it: a row for each scenario, a column for each server and protocol."""
    columns = list(dict.fromkeys((one.server, one.revision) for one in outcomes))
    cells = {(one.scenario, one.server, one.revision): one for one in outcomes}
    lines = [
        f"| scenario | {' | '.join(f'{revision}, {server}' for server, revision in columns)} |",
        f"| --- |{' --- |' * len(columns)}",
    ]
    for scenario in sorted({one.scenario for one in outcomes}):
        shown = [_cell(cells.get((scenario, *column))) for column in columns]
        lines.append(f"| `{scenario}` | {' | '.join(shown)} |")
    return "\n".join(lines)


def _cell(one: Outcome | None) -> str:
    """The result and how many checks it comes from; nothing where the scenario is not of that column."""
    if one is None:
        return ""
    checked = one.counts.get("SUCCESS", 0) + len(one.messages)
    return f"{one.word} ({checked})" if checked else one.word


def problems(outcomes: Sequence[Outcome]) -> list[str]:
    """What is not as expected."""
    found = []
    for one in outcomes:
        key = one.revision, one.scenario
        if one.word == "fails":
            found += [f"{one.revision} {one.scenario} ({one.server}): {message}" for message in one.messages or ["?"]]
        elif one.passed and key in KNOWN:
            found.append(f"{one.revision} {one.scenario} passes: take it off the list of what doesn't apply")
    return found
