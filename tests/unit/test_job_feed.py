"""What a watch tells of its jobs: the newest of each, everything at first, the end, and that one is gone."""

from dataclasses import fields, replace
from typing import Any
from uuid import UUID, uuid4

import anyio
import pytest

from pgdex.jobs.client.models import JobStatus, Status
from pgdex.jobs.mcp.job_feed import GoneJob, Watch


def job(job_id: UUID) -> JobStatus:
    """A running job; nothing else of it matters here."""
    others: dict[str, Any] = {one.name: None for one in fields(JobStatus)}
    running = {"status": "running", "progress_percentage": 0.0, "progress_message": "working"}
    return JobStatus(**{**others, **running, "job_id": job_id})


def told(watch: Watch) -> list[object]:
    """Everything that there is to tell now."""

    async def collect() -> list[object]:
        news = []
        with anyio.move_on_after(0.05):
            while True:
                news.append(await watch.next())
        return news

    return anyio.run(collect)


def look(watch: Watch, *found: JobStatus, looked_for: set[UUID] | None = None) -> None:
    jobs = {one.job_id: one for one in found}
    watch.look(jobs.keys() if looked_for is None else looked_for, jobs)


def test_the_first_look_tells_everything_and_later_ones_what_changed() -> None:
    one, other = job(uuid4()), job(uuid4())
    watch = Watch([one.job_id, other.job_id])

    look(watch, one, other)
    assert {id(news) for news in told(watch)} == {id(one), id(other)}
    look(watch, one, other)
    assert told(watch) == []
    look(watch, replace(one, progress_percentage=5.0), other)
    assert told(watch) == [replace(one, progress_percentage=5.0)]


def test_a_slow_reader_gets_the_newest_only() -> None:
    one = job(uuid4())
    watch = Watch([one.job_id])
    for percentage in range(100):
        look(watch, replace(one, progress_percentage=float(percentage)))

    assert told(watch) == [replace(one, progress_percentage=99.0)]


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_a_job_that_has_ended_is_told_of_once_and_looked_at_no_more(status: Status) -> None:
    one = replace(job(uuid4()), status=status)
    watch = Watch([one.job_id])
    look(watch, one)
    look(watch, replace(one, progress_message="something else"))

    assert told(watch) == [one]
    assert watch.jobs == set()


def test_a_job_that_was_looked_for_and_not_found_is_gone() -> None:
    gone, added_meanwhile = uuid4(), uuid4()
    watch = Watch([gone, added_meanwhile])

    look(watch, looked_for={gone})

    assert told(watch) == [GoneJob(gone)]
    assert watch.jobs == {added_meanwhile}
