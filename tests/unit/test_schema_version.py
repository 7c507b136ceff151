"""The order of schema versions: which of two programs may put its functions into a database."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st

from pgdex.migrations import version
from pgdex.migrations.version import RELEASE, UNRELEASED_REVISIONS, Order, SchemaVersion, release_key, revision_number

MINE = version.expected()
REVISION = MINE.revision
NUMBER = revision_number(REVISION) or 0
MIGRATIONS = Path(__file__).parents[2] / "migrations"
# The statements of each revision; those of procrastinate's schema belong to the first.
APPLIED = {"0001_tables": "0bc16fc5ce87bc29"}


def order(text: str) -> Order:
    return SchemaVersion.parsed(text).order()


def test_the_release_is_that_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == RELEASE


def test_revisions_are_numbered_in_their_order() -> None:
    """Their numbers are compared, by programs that know only some of them."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    downwards = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(downwards)) == version.revisions()
    numbers = [revision_number(revision) or 0 for revision in version.revisions()]
    assert numbers == list(range(1, len(numbers) + 1))


def statements(path: Path) -> str:
    """Without comments and layout, which may be mended."""
    return " ".join(re.sub(r"(--|#).*", "", path.read_text("utf-8")).split())


def test_a_revision_that_databases_have_is_not_edited_but_followed_by_another() -> None:
    """Otherwise databases made before and after report the same version, and have different tables."""
    digests = {}
    for revision in version.revisions():
        own = sorted((MIGRATIONS / "versions").glob(f"{revision}*"))
        base = [MIGRATIONS / "procrastinate_3_10_0.sql"] if revision == version.revisions()[0] else []
        made_of = "\0".join(map(statements, [*own, *base]))
        digests[revision] = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    assert digests == APPLIED, 'put it back and write a revision of its own: CONTRIBUTING.md, "To change a table"'


def test_no_revision_is_called_as_an_unreleased_one_was_and_each_fits_into_alembics_column() -> None:
    assert not UNRELEASED_REVISIONS.intersection(version.revisions())
    assert all(len(revision) <= 32 for revision in version.revisions())


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
        (f"{NUMBER + 1:04}_later-abc", Order.NEWER),
        (f"{NUMBER + 1:04}_later", Order.NEWER),
        (f"{NUMBER + 1:04}_later-0.0.1-abc", Order.NEWER),
        (f"{NUMBER:04}_of_a_branch-0.0.1-abc", Order.NEWER),
        (f"{REVISION}+{NUMBER:04}_of_a_branch", Order.NEWER),
        ("0014-0.1.0-abc", Order.NEWER),
        ("a_branch-9.9.9-abc", Order.NEWER),
        ("", Order.NEWER),
        (f"{REVISION}-99.0.0-{MINE.digest}", Order.NEWER),
        (f"{REVISION}-99.0.0-abc", Order.NEWER),
        (f"{REVISION}-0.0.1-abc", Order.OLDER),
        (f"{REVISION}-abc", Order.OLDER),
        (f"{REVISION}", Order.OLDER),
        (f"{NUMBER - 1:04}_before-99.0.0-abc", Order.OLDER),
        (f"{NUMBER - 1:04}_before", Order.TAKEN_BACK),
        (f"{REVISION}-{RELEASE}-abc", Order.OTHER_BUILD),
        ("0001", Order.UNRELEASED),
        ("0001-abc", Order.UNRELEASED),
        (f"0013-{RELEASE}-{MINE.digest}", Order.UNRELEASED),
        ("0007-99.0.0-abc", Order.UNRELEASED),
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
