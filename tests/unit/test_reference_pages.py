"""The generated pages of docs/reference/ say what the code says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from docs_reference.markdown import prose, table
from docs_reference.pages import FOLDER, pages, stale_pages
from pgdex.jobs.cli.root import SECTIONS
from pgdex.migrations.repeatable import repeatable_migrations


def test_the_committed_pages_are_current() -> None:
    assert stale_pages() == [], "run `make reference` and commit what it wrote"


def test_the_pages_are_the_same_whoever_writes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("PGDEX_HOME", "/somewhere/else")
    monkeypatch.setenv("PGDEX_MAX_FILE_BYTES", "17")
    assert stale_pages() == []


def test_a_page_that_differs_is_missing_or_describes_nothing_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same, changed, missing, *_ = pages()
    for name, content in pages().items():
        (tmp_path / name).write_text(content + ("one more line\n" if name == changed else ""), "utf-8")
    (tmp_path / missing).rename(tmp_path / "of-something-that-is-gone.md")
    monkeypatch.setattr("docs_reference.pages.FOLDER", tmp_path)

    assert stale_pages() == sorted([changed, missing, "of-something-that-is-gone.md"])
    assert same not in stale_pages()


def test_every_object_and_every_command_has_a_heading() -> None:
    sql = (FOLDER / "sql-objects.md").read_text("utf-8")
    for item in repeatable_migrations():
        assert (f"- `{item.name}`: " if item.kind == "triggers" else f"### {item.name}\n") in sql
    commands = (FOLDER / "command-line.md").read_text("utf-8")
    for name in (name for section in SECTIONS.values() for name in section):
        assert f"### pgdex {name}\n" in commands


def test_a_page_shows_the_help_that_the_command_prints() -> None:
    page = (FOLDER / "command-line.md").read_text("utf-8")
    command = [sys.executable, "-m", "pgdex.jobs.cli", "db", "grant", "--help"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"COLUMNS": "80"})
    shown = page.partition("### pgdex db grant\n")[2].partition("```text\n")[2].partition("```")[0]
    assert printed.stdout.strip() == shown.strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b is not _marked_", r"a_b is not \_marked\_"),
        ("`a*b` and a*b", r"`a*b` and a\*b"),
        ("arrays [1] of <T>", r"arrays \[1\] of \<T\>"),
    ],
)
def test_text_is_not_taken_for_markup(text: str, expected: str) -> None:
    assert prose(text) == expected


def test_a_cell_of_a_table_stays_one_cell_on_one_line() -> None:
    assert table(["a"], [["x | y\n  z"]]) == "| a |\n| --- |\n| x \\| y z |\n"
