"""Whatever silences a check says why, on its line."""

import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("benchmarks", "indexer", "jobs", "migrations", "pgdex", "sql", "tests", "training")
FILES = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py")) if ".cache" not in file.parts]
SUPPRESSION = re.compile(r"#\s*(?:noqa\b(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?|type:\s*ignore\b(?:\[[\w\-, ]+\])?)(.*)")


def without_a_reason(source: str) -> list[str]:
    """The comments that silence ruff or mypy and say no more than that."""
    found: list[str] = []
    if not SUPPRESSION.search(source):  # reading all files token by token takes seconds
        return found
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        silenced = SUPPRESSION.match(token.string) if token.type == tokenize.COMMENT else None
        if silenced and len(re.findall(r"\w+", silenced[1])) < 2:
            found.append(f"{token.start[0]}: {token.string}")
    return found


def test_every_suppression_says_its_reason() -> None:
    bare = {str(file.relative_to(ROOT)): without_a_reason(file.read_text("utf-8")) for file in FILES}
    assert {file: lines for file, lines in bare.items() if lines} == {}


def test_every_skipped_test_says_its_reason() -> None:
    for file in FILES:
        source = file.read_text("utf-8")
        assert not re.search(r"pytest\.(?:skip|xfail)\(\s*\)|mark\.(?:skip|xfail)\b(?!\()", source), file.name
        for condition in re.findall(r"mark\.skipif\((.*?)\)\n", source, flags=re.DOTALL):
            assert "reason=" in condition, file.name


@pytest.mark.parametrize(
    ("line", "is_bare"),
    [
        ("x = 1  # noqa: S108", True),
        ("x = 1  # noqa", True),
        ("x = 1  # type: ignore[misc]", True),
        ("x = 1  # type: ignore[misc, arg-type]  # as in psycopg", False),
        ("x = 1  # noqa: S105 - a reason, not a password", False),
        ("x = 'a string with # noqa: S108'", False),
    ],
)
def test_a_reason_is_some_words_after_the_codes(line: str, is_bare: bool) -> None:
    assert bool(without_a_reason(f"{line}\n")) is is_bare
