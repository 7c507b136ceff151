"""Asking for a job and letting it in: one live job per repository, three at once, and nobody held up."""

from functools import partial
from uuid import uuid4

import pytest

from jobs.database import Connection, connect
from tests.at_once import at_once
from tests.databases import settings_for
from tests.job_checks import events_of, job_in, refused, value
from tests.sql_worker import SqlWorker, enqueue, tree


def admitted(connection: Connection) -> list[str]:
    """Paths of the live jobs that were let in, oldest first."""
    rows = connection.execute(
        "select repo_path from pgdex.indexing_jobs where admitted_at is not null"
        " and status in ('pending', 'running', 'blocked') order by created_at"
    ).fetchall()
    return [row[0] for row in rows]


# Enqueue


def test_one_of_many_enqueues_at_once_makes_the_job_and_all_get_its_id(
    connection: Connection, database_url: str
) -> None:
    ids = at_once(database_url, *[enqueue] * 8)
    assert len(set(ids)) == 1
    assert value(connection, "select count(*) from pgdex.indexing_jobs") == 1
    assert events_of(connection, ids[0]) == ["created"]
    assert value(connection, "select count(*) from procrastinate_jobs") == 1


def test_many_repositories_at_once_let_exactly_three_in(connection: Connection, database_url: str) -> None:
    at_once(database_url, *[partial(enqueue, repo_path=f"/repo{number}") for number in range(10)])
    SqlWorker(connection)
    connection.execute("select pgdex.admit_jobs()")
    assert len(admitted(connection)) == 3
    assert value(connection, "select count(*) from procrastinate_jobs") == 3


@pytest.mark.parametrize("status", ["pending", "running", "blocked"])
def test_a_request_for_a_repository_with_a_live_job_gets_that_job(connection: Connection, status: str) -> None:
    job_id = job_in(connection, status)
    events = events_of(connection, job_id)
    assert enqueue(connection, force=True, job_id=uuid4()) == job_id
    assert enqueue(connection, "/repo/") == job_id
    assert events_of(connection, job_id) == events


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_a_repository_whose_job_has_ended_can_be_indexed_again(connection: Connection, status: str) -> None:
    job_id, wished = job_in(connection, status), uuid4()
    assert enqueue(connection, job_id=wished) == wished != job_id


def test_the_same_path_in_two_projects_is_two_repositories(connection: Connection) -> None:
    assert enqueue(connection) != enqueue(connection, project="web")
    assert value(connection, "select count(distinct repository_id) from pgdex.indexing_jobs") == 2


def test_a_bad_argument_is_refused_with_the_value_that_was_given(connection: Connection) -> None:
    path = "repo_path must be an absolute path, got "
    project_id = "project must be 1 to 100 letters, digits, dots, dashes or underscores, got "
    for repo_path, project, message in (
        (None, "default", path + "NULL"),
        ("", "default", path + "''"),
        ("relative/path", "default", path + "'relative/path'"),
        ("./here", "default", path + "'./here'"),
        ("~/code", "default", path + "'~/code'"),
        ("/repo", None, project_id + "NULL"),
        ("/repo", "", project_id + "''"),
        ("/repo", "two words", project_id + "'two words'"),
        ("/repo", ".hidden", project_id + "'.hidden'"),
        ("/repo", "x" * 101, project_id),
        ("/repo", "a\nb", project_id),
    ):
        with refused("PX005", saying=message):
            connection.execute("select pgdex.enqueue_job(%s, project => %s)", [repo_path, project])
    assert value(connection, "select count(*) from pgdex.repositories") == 0


def test_the_root_folder_and_windows_paths_are_absolute(connection: Connection) -> None:
    enqueue(connection, "/")
    enqueue(connection, "C:\\code\\app")
    names = connection.execute("select root, name from pgdex.repositories order by root").fetchall()
    assert names == [("/", "/"), ("C:\\code\\app", "app")]


def test_another_embedding_model_needs_force(connection: Connection) -> None:
    worker = SqlWorker(connection)
    enqueue(connection, embedder="test-model")
    worker.work_all(tree(3))
    with refused("PX004", saying="was made with the embedding model test-model, and other was asked for"):
        enqueue(connection, embedder="other")
    assert value(connection, "select count(*) from pgdex.indexing_jobs") == 1

    unasked = enqueue(connection)
    assert value(connection, "select embedder from pgdex.indexing_jobs where id = %s", unasked) == "test-model"
    worker.work_all(tree(3))

    forced = enqueue(connection, embedder="other", force=True)
    worker.plan(worker.take(), tree(3), model="other", dimension=8)
    assert connection.execute(
        "select embedder, embed_all, files_to_index from pgdex.indexing_jobs where id = %s", [forced]
    ).fetchone() == ("other", True, 3)
    assert connection.execute("select embedding_model, embedding_dimension from pgdex.repositories").fetchone() == (
        "other",
        8,
    )


# Open transactions of others: somebody types BEGIN in psql, a statement, and goes for lunch


def test_an_enqueue_in_an_open_transaction_holds_nobody_else_up(connection: Connection, database_url: str) -> None:
    for number in range(4):
        enqueue(connection, f"/repo{number}")
    worker = SqlWorker(connection)
    connection.execute("set statement_timeout = '3s'")
    with connect(settings_for(database_url)) as psql:
        psql.execute("begin")
        enqueue(psql, "/lunch")
        assert value(connection, "select pgdex.tick(%s)", worker.id) is True
        first = worker.take()
        connection.execute("select pgdex.cancel_job(%s)", [first.token.job_id])
        enqueue(connection, "/repo9")
        psql.execute("rollback")
    connection.execute("select pgdex.tick(%s)", [worker.id])
    assert admitted(connection) == ["/repo1", "/repo2", "/repo3"]


def test_a_cancellation_in_an_open_transaction_holds_up_its_own_job_only(
    connection: Connection, database_url: str
) -> None:
    worker, peer = SqlWorker(connection), SqlWorker(connection)
    held, free = enqueue(connection, "/held"), enqueue(connection, "/free")
    claims = [worker.take(), worker.take()]
    worker.die()
    connection.execute("set statement_timeout = '3s'")
    with connect(settings_for(database_url)) as psql:
        psql.execute("begin")
        psql.execute("select pgdex.cancel_job(%s)", [held])
        assert value(connection, "select pgdex.tick(%s)", peer.id) is True
        connection.execute("select pgdex.heal_batches()")
        assert peer.take().token.job_id == free
        psql.execute("rollback")
    assert not worker.release(claims[1])
    connection.execute("select pgdex.tick(%s)", [peer.id])
    assert peer.take().token.job_id == held
    assert value(connection, "select pgdex.tick(%s)", worker.id) is False


def test_a_repository_that_is_being_planned_does_not_hold_up_requests_for_it(
    connection: Connection, database_url: str
) -> None:
    job_id = enqueue(connection)
    claim = SqlWorker(connection).take()
    with connect(settings_for(database_url)) as planner, planner.transaction(force_rollback=True):
        SqlWorker(planner).plan(claim, tree(3))
        connection.execute("set statement_timeout = '3s'")
        assert enqueue(connection, name="other name") == job_id


# Admission


def test_the_fourth_job_waits_until_one_of_three_ends(connection: Connection) -> None:
    jobs = [enqueue(connection, f"/repo{number}") for number in range(5)]
    assert admitted(connection) == ["/repo0", "/repo1", "/repo2"]
    worker = SqlWorker(connection)
    claim = worker.take()
    connection.execute("select pgdex.fail_job(%s, 'no good', 'SomeError')", [claim.token.job_id])
    assert admitted(connection) == ["/repo1", "/repo2", "/repo3"]
    connection.execute("select pgdex.cancel_job(%s)", [jobs[1]])
    assert admitted(connection) == ["/repo2", "/repo3", "/repo4"]


def test_a_blocked_job_keeps_its_place(connection: Connection) -> None:
    for number in range(4):
        enqueue(connection, f"/repo{number}")
    worker = SqlWorker(connection)
    claim = worker.take()
    connection.execute("select pgdex.block_job(%s, 'service is away')", [claim.token.job_id])
    connection.execute("select pgdex.admit_jobs()")
    assert admitted(connection) == ["/repo0", "/repo1", "/repo2"]


def test_raising_the_limit_lets_more_in_at_once(connection: Connection) -> None:
    for number in range(6):
        enqueue(connection, f"/repo{number}")
    connection.execute("select pgdex.set_setting('max_concurrent_jobs', '5')")
    assert len(admitted(connection)) == 5
    connection.execute("select pgdex.set_setting('max_concurrent_jobs', '1')")
    assert len(admitted(connection)) == 5, "nobody is thrown out"


def test_a_limit_that_is_no_positive_number_is_refused(connection: Connection) -> None:
    for number in ("0", "-1", "", "three", "1.5", "1000000", None):
        with refused("PX005", saying="max_concurrent_jobs must be a positive whole number"):
            connection.execute("select pgdex.set_setting('max_concurrent_jobs', %s)", [number])


def test_only_known_settings_can_be_set(connection: Connection) -> None:
    for name in ("speed", "schema_version", None):
        with refused("PX005", saying="unknown setting"):
            connection.execute("select pgdex.set_setting(%s, '1')", [name])


def test_a_lost_admission_is_made_up_for_by_the_next_tick(connection: Connection) -> None:
    worker = SqlWorker(connection)
    enqueue(connection)
    connection.execute("update pgdex.indexing_jobs set admitted_at = null")
    connection.execute("delete from procrastinate_jobs")
    assert value(connection, "select pgdex.tick(%s)", worker.id) is True
    assert admitted(connection) == ["/repo"]
    worker.take()


def test_a_service_that_answers_probes_and_not_the_work_is_asked_less_and_less_and_the_wait_counts_from_its_beginning(
    connection: Connection,
) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(4))
    look = "select waiting_since, probe_delay, next_probe_at - clock_timestamp() > interval '{} s' from indexing_jobs"
    first = None
    for delay in (1, 2, 4, 8, 15, 15):
        claim = worker.take()
        worker.release(claim)
        connection.execute("select pgdex.block_job(%s, 'the service is away', 0)", [job_id])
        since, shown, is_far = connection.execute(look.format(delay - 0.5).encode()).fetchone() or (None, 0, False)
        first = first or since
        assert (since, shown, is_far) == (first, delay, True)
        connection.execute("select pgdex.resume_job(%s)", [job_id])
    worker.complete(worker.take())
    assert connection.execute("select waiting_since, probe_delay from indexing_jobs").fetchone() == (None, 1)


def test_a_date_that_a_service_asks_for_is_kept_within_a_day(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(4))
    worker.release(worker.take())
    connection.execute("select pgdex.block_job(%s, 'the service is away', 1e300)", [job_id])
    connection.execute("select pgdex.probe_failed(%s, 1e300)", [job_id])
    assert value(connection, "select next_probe_at < now() + interval '25 hours' from indexing_jobs") is True
