"""The order of schema versions: which of two programs may put its functions into a database."""

import tomllib
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st

from pgdex.migrations import version
from pgdex.migrations.version import RELEASE, Order, SchemaVersion, release_key

MINE = version.expected()
REVISION = int(MINE.revision)


def order(text: str) -> Order:
    return SchemaVersion.parsed(text).order()


def test_the_release_is_that_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == RELEASE


def test_revisions_are_numbered_in_their_order() -> None:
    """Their numbers are compared, by programs that know only some of them."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    downwards = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(downwards)) == version.revisions()


def test_a_version_is_read_as_it_is_written() -> None:
    assert SchemaVersion.parsed(str(MINE)) == MINE
    assert SchemaVersion.parsed("0004") == SchemaVersion("0004", None, None)
    assert SchemaVersion.parsed("0004-abc") == SchemaVersion("0004", None, "abc")


@given(st.text())
def test_any_text_has_a_place_in_the_order(text: str) -> None:
    assert order(text) in Order


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (str(MINE), Order.CURRENT),
        (f"{REVISION + 1:04}-abc", Order.NEWER),
        (f"{REVISION + 1:04}", Order.NEWER),
        (f"{REVISION + 1:04}-0.0.1-abc", Order.NEWER),
        ("a_branch-9.9.9-abc", Order.NEWER),
        ("", Order.NEWER),
        (f"{REVISION:04}-99.0.0-{MINE.digest}", Order.NEWER),
        (f"{REVISION:04}-99.0.0-abc", Order.NEWER),
        (f"{REVISION:04}-0.0.1-abc", Order.OLDER),
        (f"{REVISION:04}-abc", Order.OLDER),
        (f"{REVISION:04}", Order.OLDER),
        (f"{REVISION - 1:04}-99.0.0-abc", Order.OLDER),
        (f"{REVISION - 1:04}", Order.TAKEN_BACK),
        (f"{REVISION:04}-{RELEASE}-abc", Order.OTHER_BUILD),
    ],
)
def test_revision_comes_before_release_and_a_digest_has_no_order(text: str, expected: Order) -> None:
    assert order(text) is expected


def test_releases_are_ordered_as_numbers() -> None:
    releases = ["", "0.1.0", "0.2.0rc1", "0.2.0rc2", "0.2.0", "0.10.0", "1.0", "1.0.1"]
    assert sorted(releases, key=release_key) == releases


@given(*[st.tuples(*[st.integers(0, 30)] * 3)] * 2)
def test_two_releases_compare_as_their_numbers_do(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    first, second = (release_key(".".join(map(str, numbers))) for numbers in (one, other))
    assert (first < second) == (one < other)
