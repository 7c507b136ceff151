"""Cron expressions of schedules: which are taken, what is said of those that are not, and when the next time is."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pgdex.jobs.client.cron import checked_expression, next_time
from pgdex.jobs.errors import InvalidRequest


@pytest.mark.parametrize("given", ["*/15 * * * *", "  30   3 * * mon-fri ", "0 0 L * *", "0,30 8-18/2 1 jan *"])
def test_an_expression_of_five_fields_is_taken_with_single_blanks(given: str) -> None:
    assert checked_expression(given) == " ".join(given.split())


@pytest.mark.parametrize(
    ("given", "saying"),
    [
        ("", "has 0"),
        ("* * * *", "has 4"),
        ("* * * * * *", "has 6"),
        ("@daily", "has 1"),
        ("61 * * * *", "out of range"),
        ("*/0 * * * *", "step"),
        ("a * * * *", "not acceptable"),
        ("0 0 31 2 *", "never matches"),
        ("R * * * *", "no fixed times"),
        ("H 3 * * *", "no fixed times"),
        ("é * * * *", "digits"),
    ],
)
def test_a_wrong_expression_is_refused_with_what_is_wrong_and_an_example(given: str, saying: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        checked_expression(given)
    assert saying in str(refused.value)
    assert "utc" not in str(refused.value)
    assert "never matches" in str(refused.value) or "*/15 * * * *" in str(refused.value)


def test_the_next_time_is_in_utc_and_after_the_given_moment() -> None:
    quarter = datetime(2026, 11, 28, 19, 15, tzinfo=UTC)
    assert next_time("*/15 * * * *", after=quarter) == quarter + timedelta(minutes=15)
    assert next_time("*/15 * * * *", after=quarter - timedelta(seconds=1)) == quarter
    in_india = datetime(2026, 11, 28, 8, 0, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert next_time("0 3 * * *", after=in_india) == datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
