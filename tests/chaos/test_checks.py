"""The checks of a run find what they look for: each kind of damage, done to a sound database, is complained about."""

from collections.abc import Callable, Iterator

import pytest

from tests.chaos import checks
from tests.chaos.cluster import chaos_cluster
from tests.chaos.fleet import Departure
from tests.chaos.run import Run, new_run
from tests.chaos.schedule import Schedule

Check = Callable[[Run], Iterator[str]]
DAMAGE: list[tuple[Check, str, str]] = [
    (checks.jobs_ended_as_they_should, "update pgdex.indexing_jobs set status = 'cancelled'", "is cancelled, not comp"),
    (checks.jobs_ended_as_they_should, "update pgdex.indexing_jobs set chunks_created = 0", "changed after its end"),
    (checks.jobs_ended_as_they_should, "delete from pgdex.indexing_jobs", "jobs are gone"),
    (
        checks.jobs_ended_as_they_should,
        "with other as (insert into pgdex.indexing_jobs (view_id, project_id, repo_path)"
        " select view_id, project_id, repo_path from pgdex.indexing_jobs limit 1 returning id)"
        " insert into pgdex.job_events (id, job_id, event_type) overriding system value"
        " select 0, id, 'created' from other",
        "were live at the same time",
    ),
    (
        checks.the_index_is_sound,
        "delete from pgdex.versions where path like '%module_1.py'",
        "chunks without a version",
    ),
    (checks.the_index_is_sound, "delete from pgdex.versions where path like '%module_1.py'", "files of a view without"),
    (
        checks.the_index_is_sound,
        "update pgdex.versions set path = 'b' where path like '%module_1.py'",
        "files of a view w",
    ),
    (checks.the_index_is_sound, "delete from pgdex.chunks", "versions with a wrong count of chunks"),
    (checks.the_index_is_sound, "update pgdex.versions set chunks = 7 where chunks > 0", "wrong count of chunks"),
    (
        checks.the_index_is_sound,
        "update pgdex.versions set unused_since = now() where path like '%module_1.py'",
        "1 versions of beta with a wrong mark of being unused",
    ),
    (
        checks.the_index_is_sound,
        "delete from pgdex.view_files where path like '%module_1.py'",
        "1 versions of beta with a wrong mark of being unused",
    ),
    (
        checks.views_are_what_they_were,
        "update pgdex.views set repository_id = (select max(id) from pgdex.repositories) where root like '%alpha-1'",
        "the views of alpha are in the repositories",
    ),
    (checks.views_are_what_they_were, "update pgdex.views set is_default = false", "beta has 0 default views"),
    (checks.views_are_what_they_were, "update pgdex.views set chunks = chunks + 1", "chunks, and has"),
    (checks.views_are_what_they_were, "update pgdex.views set removed_at = now() where ref <> ''", "the views are"),
    (
        checks.only_what_is_held_is_left,
        "delete from pgdex.view_files where path like '%module_1.py'",
        "versions that no view holds were not collected",
    ),
    (
        checks.nothing_is_left_over,
        "update pgdex.job_batches set state = 'waiting' where seq = 1",
        "open batches of ended jobs",
    ),
    (checks.nothing_is_left_over, "update pgdex.job_batches set paths = '{a}'", "still list files"),
    (
        checks.nothing_is_left_over,
        "insert into pgdex.procrastinate_jobs (queue_name, task_name) values ('pgdex', 'scan')",
        "1 tokens in the queue",
    ),
    (checks.nothing_is_left_over, "insert into pgdex.procrastinate_workers default values", "the database knows"),
    (checks.events_are_in_order, "delete from pgdex.job_events where event_type = 'started'", "from created to comp"),
    (checks.events_are_in_order, "delete from pgdex.job_events where event_type = 'completed'", "no final event"),
    (
        checks.events_are_in_order,
        "update pgdex.job_events set event_data = event_data || '{\"progress_percentage\": 5}'"
        " where event_type = 'completed'",
        "to 5 % with completed",
    ),
    (checks.counters_equal_a_recount, "delete from pgdex.job_batches where seq = 1", "its batches"),
    (checks.counters_equal_a_recount, "update pgdex.indexing_jobs set files_to_index = 99", "says what became of"),
    (checks.counters_equal_a_recount, "update pgdex.indexing_jobs set files_deleted = 9", "differ in the summary"),
    (checks.counters_equal_a_recount, "delete from pgdex.view_files where path like '%empty.py'", "the last job says"),
]


@pytest.fixture(scope="module")
def calm_run() -> Iterator[Run]:
    """A run in which nothing went wrong."""
    with chaos_cluster(places=1, slots=2) as cluster:
        run = new_run(cluster, Schedule(0, 1, 2, ()), modules=12)
        run.play(say=print)
        yield run


@pytest.mark.parametrize(("check", "statement", "complaint"), DAMAGE)
def test_damage_is_complained_about(calm_run: Run, check: Check, statement: str, complaint: str) -> None:
    connection = calm_run.cluster.client.connection
    assert list(check(calm_run)) == []
    with connection.transaction(force_rollback=True):
        connection.execute("set local session_replication_role = replica")  # no trigger stands in the way
        connection.execute(statement.encode())
        assert complaint in "\n".join(check(calm_run))


def test_an_index_that_differs_is_complained_about(calm_run: Run) -> None:
    connection = calm_run.cluster.client.connection
    assert list(checks.the_index_equals(calm_run, connection)) == []
    with connection.transaction(force_rollback=True):
        files = connection.execute(checks.FILES.encode()).fetchall()
        connection.execute("delete from pgdex.view_files")
        assert files
        assert "the undisturbed run has no file" in "\n".join(checks.the_index_equals(calm_run, connection))


def test_work_done_twice_without_a_reason_is_complained_about(calm_run: Run) -> None:
    assert list(checks.repeated_work_is_bounded(calm_run)) == []
    shared = sum(view.tree.family.allowance for view in calm_run.views[:1])
    assert checks.bound_of(calm_run) == shared > 0, "two worktrees that are indexed at once have most files in common"
    calm_run.cluster.service.record(["twice"] * (shared + 2))
    assert f"embedded again, the bound is {shared}" in "\n".join(checks.repeated_work_is_bounded(calm_run))


def test_a_worker_that_ends_by_itself_is_complained_about(calm_run: Run) -> None:
    gone = Departure(pid=1, code=1, at=0.0, lived_seconds=2.0, found_no_database=False, log="a reason")
    calm_run.cluster.fleet.departures.append(gone)
    assert "ended with code 1 after 2.0 s" in "\n".join(checks.workers_survive(calm_run))
    calm_run.cluster.fleet.departures.clear()
