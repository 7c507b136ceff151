"""A log that a client can't fill."""

import io
import logging
from collections.abc import Iterator

import pytest

from pgdex.jobs.logging import JsonLines, fields
from pgdex.jobs.mcp.throttle import LONGEST_MESSAGE, Throttle
from tests.support.waiting import wait_for

MOST = 5


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logger(log: io.StringIO) -> Iterator[logging.Logger]:
    handler = logging.StreamHandler(log)
    handler.setFormatter(JsonLines())
    handler.addFilter(Throttle(most=MOST, period_seconds=0.3))
    logger = logging.getLogger("pgdex.test.throttle")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def test_of_one_kind_of_line_so_many_are_written_and_the_rest_is_counted(
    logger: logging.Logger, log: io.StringIO
) -> None:
    for number in range(100):
        logger.warning("refused %d", number, extra=fields(action="refused"))
    logger.warning("another kind")

    assert log.getvalue().count("refused") == 2 * MOST  # message and action
    assert log.getvalue().count("another kind") == 1
    wait_for(lambda: "95 more lines" in log.getvalue(), what="the count of what was left out", seconds=5)
    assert '"suppressed": 95' in log.getvalue()


def test_after_the_period_lines_are_written_again(logger: logging.Logger, log: io.StringIO) -> None:
    def write() -> bool:
        logger.warning("again")
        return log.getvalue().count('"again"') > MOST

    wait_for(write, what="a line of the next period", seconds=5)


def test_a_line_is_one_line_and_not_long(logger: logging.Logger, log: io.StringIO) -> None:
    logger.warning("said %s", "x\n\x1b[2J" * 10_000, extra=fields(peer="y" * 10_000))

    (line,) = log.getvalue().splitlines()
    assert len(line) < LONGEST_MESSAGE + 2000
    assert "\x1b" not in line
