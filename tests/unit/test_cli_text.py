import re
import unicodedata
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.jobs.cli.addresses import without_password
from pgdex.jobs.cli.arguments import parse_timestamp
from pgdex.jobs.cli.render.text import age, count, duration, printable, short_ids, size
from tests.support.cli_samples import NOW


@given(st.text())
def test_no_name_can_move_the_cursor_or_turn_the_writing(name: str) -> None:
    shown = printable(name)

    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set("\x1b\r\n\t\x07\u202e\u2066\x9b") & set(shown)
    shown.encode()


@given(st.text(alphabet=st.characters(categories=["L", "N", "P"])))
def test_ordinary_names_are_shown_as_they_are(name: str) -> None:
    assert printable(name) == name


def test_escape_sequences_are_written_out() -> None:
    assert printable("a\x1b[31mred\n.py") == r"a\x1b[31mred\n.py"
    assert printable("a\n\tb\x1b", lines=True) == "a\n\tb\\x1b"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.9, "59 s"),
        (60, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3600 * 2 + 300, "2 h 5 min"),
        (3600 * 76, "3 d 4 h"),
    ],
)
def test_durations_read_like_the_databases_own(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (timedelta(seconds=-3), "just now"),
        (timedelta(seconds=2), "just now"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(minutes=4, seconds=50), "4 min ago"),
        (timedelta(hours=47), "47 h ago"),
        (timedelta(days=9), "9 d ago"),
    ],
)
def test_ages_name_the_largest_unit(ago: timedelta, shown: str) -> None:
    assert age(NOW - ago, now=NOW) == shown


def test_counts_and_sizes_read_naturally() -> None:
    assert [count(0, "file"), count(1, "file"), count(15259, "file"), count(2, "batch", "batches")] == [
        "0 files",
        "1 file",
        "15,259 files",
        "2 batches",
    ]
    assert [size(0), size(999), size(4100), size(12_000_000), size(80 * 10**9)] == [
        "0 B",
        "999 B",
        "4.1 KB",
        "12 MB",
        "80 GB",
    ]


@given(st.lists(st.uuids(), unique=True, max_size=30))
def test_short_ids_tell_the_jobs_apart_and_begin_the_whole_ones(ids: list[UUID]) -> None:
    short = short_ids(ids)

    assert len(set(short)) == len(ids)
    assert all(str(whole).startswith(begin) and len(begin) >= 8 for whole, begin in zip(ids, short, strict=True))


def test_ids_with_the_same_beginning_are_shown_longer() -> None:
    one, other = UUID("1a2b3c4d-1111-4000-8000-000000000000"), UUID("1a2b3c4d-1222-4000-8000-000000000000")

    assert short_ids([one, other]) == ["1a2b3c4d-11", "1a2b3c4d-12"]


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("2H", timedelta(hours=2)),
        (" 3d ", timedelta(days=3)),
        ("1w", timedelta(weeks=1)),
        ("1d12h", timedelta(hours=36)),
    ],
)
def test_an_age_means_so_long_ago(text: str, ago: timedelta) -> None:
    assert parse_timestamp(text, now=NOW) == NOW - ago


@given(st.integers(-2_000_000_000, 7_000_000_000))
def test_iso_moments_are_understood_as_they_are(seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)

    assert parse_timestamp(moment.isoformat(), now=NOW) == moment


def test_a_date_without_a_zone_is_local_midnight() -> None:
    assert parse_timestamp("2026-11-21", now=NOW).astimezone().replace(tzinfo=None).isoformat() == "2026-11-21T00:00:00"


@pytest.mark.parametrize(
    "text", ["", "2x", "h", "yesterday", "2026-13-01", "-2h", "99999999999w", "9999-12-31T23:59-12:00"]
)
def test_what_is_no_time_is_named_in_the_error(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        parse_timestamp(text, now=NOW)


@given(st.text(max_size=20))
def test_any_text_is_a_moment_or_a_clear_error(text: str) -> None:
    with suppress(ValueError):
        assert parse_timestamp(text, now=NOW).tzinfo is not None


@pytest.mark.parametrize(
    ("given_url", "shown"),
    [
        ("postgresql://me:s3cret@db:5433/code", "postgresql://me@db:5433/code"),
        ("postgres://me:s3cret@db/code?sslmode=require", "postgresql://me@db/code?sslmode=require"),
        ("postgresql://db/code?user=me&password=s3cret", "postgresql://me@db/code"),
        ("host=db user=me password=s3cret dbname=code", "postgresql://me@db/code"),
        ("postgresql://me:s3cret@[::1]:5432/code", "postgresql://me@[::1]:5432/code"),
        ("postgresql://me:s3cret@a:1,b:2/code", "postgresql://me@/code?host=a,b&port=1,2"),
    ],
)
def test_an_address_is_shown_without_its_password(given_url: str, shown: str) -> None:
    assert without_password(given_url) == (shown, True)


def test_the_embedded_servers_address_stays_usable() -> None:
    url = "postgresql://postgres@/postgres?host=/var/lib/pgdex/data"

    assert without_password(url) == (url, False)


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=20))
def test_no_password_is_left_in_an_address(password: str) -> None:
    secret = f"pw{password}"

    shown, had_one = without_password(f"postgresql://me:{secret}@db/code?sslpassword={secret}")

    assert had_one
    assert secret not in shown
