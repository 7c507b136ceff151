import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.jobs.cli.render.wrapping import cells, width_of, wrapped


@given(st.text(alphabet="ab -/é日\n", max_size=120), st.integers(20, 60))
def test_wrapping_loses_no_word_and_breaks_none(text: str, width: int) -> None:
    shown = wrapped(text, width)

    assert shown.split() == text.split()
    for line in shown.split("\n"):
        assert cells(line) <= width or len(line.split()) == 1 or line in text.split("\n")


def test_a_line_that_fits_stays_as_it_is() -> None:
    assert wrapped("  files    63 found\n\nNext:", 80) == "  files    63 found\n\nNext:"


def test_what_is_wrapped_goes_on_below_the_value_and_not_below_its_label() -> None:
    assert wrapped("  ignored  4 entries, most of them by .gitignore:1", 34) == (
        "  ignored  4 entries, most of them\n           by .gitignore:1"
    )


def test_a_path_stays_whole_so_that_it_can_be_copied() -> None:
    path = "/home/someone/" + "deep/" * 30
    assert wrapped(f"Error: there is no {path}", 40).split("\n") == ["Error: there is no", path]


def test_a_command_is_never_wrapped() -> None:
    command = '  pgdex search "what you\'re looking for" --project a-project-with-a-long-name'
    assert wrapped(command, 40) == command


def test_nothing_is_wrapped_where_there_is_no_terminal() -> None:
    assert width_of(io.StringIO()) is None
    assert wrapped("word " * 100, None) == "word " * 100


@pytest.mark.parametrize(("given_columns", "width"), [("50", 50), ("3", 80), ("many", 80)])
def test_columns_says_how_wide_a_terminal_is(given_columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", given_columns)
    assert width_of(Terminal()) == width
