"""Which service is asked next, from what one process has seen of blocked jobs on its own clock."""

from uuid import UUID

from pgdex.jobs.worker.probing import Blocked, Watch


def blocked(job: int, number: int = 1, *, wait: float = 1.0, embedder: str | None = "ollama:x") -> Blocked:
    return Blocked(UUID(int=job), embedder, False, number, wait)


def test_a_service_is_due_when_its_job_was_seen_to_wait_long_enough_and_with_it_all_its_jobs() -> None:
    watch = Watch()
    jobs = [blocked(1, wait=4), blocked(2), blocked(3, embedder="openai:y")]
    watch.look(jobs, now=100.0)
    assert watch.due(jobs, now=100.9) == []
    assert watch.due(jobs[:2], now=101.0) == jobs[:2]


def test_a_new_number_begins_to_count_again() -> None:
    watch = Watch()
    watch.look([blocked(1)], now=0)
    watch.look([blocked(1, 2)], now=50)
    assert watch.due([blocked(1, 2)], now=50.5) == []
    assert watch.seconds(blocked(1, 2), now=50.5) == 0.5


def test_the_service_that_is_late_for_longest_comes_first() -> None:
    watch = Watch()
    jobs = [blocked(1, wait=9), blocked(2, wait=2, embedder=None), blocked(3, wait=5, embedder="openai:y")]
    watch.look(jobs, now=0)
    assert watch.due(jobs, now=10) == [jobs[1]]
    assert watch.due([], now=10) == []


def test_a_job_that_is_gone_is_forgotten() -> None:
    watch = Watch()
    watch.look([blocked(1)], now=0)
    watch.look([], now=1)
    watch.look([blocked(1)], now=2)
    assert watch.seconds(blocked(1), now=5) == 3
