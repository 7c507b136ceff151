"""How names of files are compared with what is asked."""

import pytest

from pgdex.indexer.search.names import covered_share, named_share, roots


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("router", "route"),
        ("parser", "parsing"),
        ("formatter", "format"),
        ("logger", "logging"),
        ("loader", "load"),
        ("writers", "write"),
        ("auth", "authentication"),
        ("config", "configuration"),
        ("init", "initialization"),
        ("args", "arguments"),
        ("children", "child"),
        ("retries", "retry"),
    ],
)
def test_a_files_name_is_known_by_what_it_stands_for(name: str, word: str) -> None:
    assert named_share(name, [word], 1) == 1.0


@pytest.mark.parametrize(("name", "word"), [("order", "ord"), ("parser", "logger"), ("her", "h"), ("util", "cart")])
def test_names_that_have_nothing_in_common_are_not_taken_for_each_other(name: str, word: str) -> None:
    assert named_share(name, [word], 1) == 0.0


def test_a_part_of_a_name_is_a_part_of_the_share() -> None:
    assert named_share("retry_log", ["retry"], 1) == pytest.approx(0.5)
    assert named_share("retry", ["retry", "delay", "timer", "cart"], 4) == pytest.approx(0.5)


def test_a_symbol_covers_what_its_last_part_says_of_the_query() -> None:
    asked = roots(["writes", "settings", "file"])
    assert covered_share("Settings.write_file", asked, 3) == pytest.approx(2 / 3)
    assert covered_share("write_file.read", asked, 3) == 0.0
    assert covered_share("Settings_write", asked, 3) == pytest.approx(2 / 3)
    assert covered_share("", asked, 3) == covered_share("write", asked, 0) == 0.0
