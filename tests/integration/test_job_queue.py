"""Asking for a job and letting it in: one live job per repository, three at once, and nobody held up."""

from functools import partial
from uuid import UUID, uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.repository_path import normalized_path
from tests.integration.roles.members import CLIENT, WORKER, logged_in
from tests.support.at_once import at_once
from tests.support.databases import settings_for
from tests.support.job_checks import events_of, job_in, refused, status_of, value
from tests.support.sql_worker import SqlWorker, enqueue, tick, tree


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


PARTS = ["a", "b c", ".", "..", "", "...", "..a", "é", "a\nb", "x'y", "\\", "a\\", "C:", "c:\\"]


@given(path=st.lists(st.sampled_from(PARTS), max_size=8).map("/".join) | st.text(alphabet="/\\.:Ca \n", max_size=12))
@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sql_and_python_normalise_every_path_alike(connection: Connection, path: str) -> None:
    assert value(connection, "select pgdex.normalized_path(%s)", path) == normalized_path(path)


def test_one_folder_is_one_repository_however_it_is_spelled(connection: Connection) -> None:
    spellings = ["/src/repo", "/src/./repo", "/src//repo/", "//src/x/../repo/.", "/../src/repo"]
    assert len({enqueue(connection, path) for path in spellings}) == 1
    assert connection.execute("select root, name from pgdex.repositories").fetchall() == [("/src/repo", "repo")]
    assert enqueue(connection, "C:\\code\\app\\") == enqueue(connection, "C:\\code\\app")


@pytest.mark.parametrize(
    ("path", "what"),
    [
        *((path, "the whole disk") for path in ("/", "//", "/x/..", "C:\\", "d:/")),
        *((path, "homes") for path in ("/home", "/Users/", "/var/home", "C:\\Users")),
        *((path, "a whole home folder") for path in ("/home/ada", "/root", "/Users/ada/", "c:\\users\\ada")),
        *(
            (path, "a folder of the operating system")
            for path in ("/usr", "/etc", "/var", "/usr/lib", "/proc/1", "/tmp")
        ),
    ],
)
def test_a_folder_that_nobody_means_is_refused_unless_it_is_said_that_it_is_meant(
    connection: Connection, path: str, what: str
) -> None:
    with refused("PX005", saying=what):
        enqueue(connection, path)
    enqueue(connection, path, allow_broad=True)


def test_a_folder_of_source_code_is_not_taken_for_a_broad_one(connection: Connection) -> None:
    for path in ("/repo", "/srv", "/srv/code", "/home/ada/code", "/root/app", "/usr/lib/python3", "/opt/app", "/tmp/x",
                 "/Users/ada/src", "C:\\code", "C:\\Users\\ada\\src", "/workspace", "/usr/src/linux"):  # fmt: skip
        assert value(connection, "select pgdex.broad_folder(pgdex.normalized_path(%s))", path) is None


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


def test_windows_paths_are_absolute(connection: Connection) -> None:
    enqueue(connection, "C:\\code\\app")
    names = connection.execute("select root, name from pgdex.repositories order by root").fetchall()
    assert names == [("C:\\code\\app", "app")]


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


def test_only_who_may_do_a_workers_work_chooses_where_code_is_sent(connection: Connection, database_url: str) -> None:
    look = "select embedder_allowed from pgdex.indexing_jobs where id = %s"
    worker = SqlWorker(connection)
    assert value(connection, look, enqueue(connection, "/owner", embedder="test-model")) is True
    worker.work_all(tree(2))
    with logged_in(database_url, WORKER) as member:
        assert value(connection, look, enqueue(member, "/worker", embedder="openai:x")) is True
    with logged_in(database_url, CLIENT) as client:
        for path, embedder, force, allowed in (
            ("/client", "openai:x", False, False),
            ("/without", None, False, True),
            ("/owner", "test-model", False, True),
            ("/owner", "openai:x", True, False),
        ):
            job_id = enqueue(client, path, embedder=embedder, force=force, then_admit=False)
            assert value(connection, look, job_id) is allowed
            connection.execute("select pgdex.cancel_job(%s)", [job_id])
        with refused("42501"):
            client.execute("update pgdex.indexing_jobs set embedder_allowed = true")


# Open transactions of others: someone types BEGIN in psql, a statement, and goes for lunch


def test_an_enqueue_in_an_open_transaction_holds_nobody_else_up(connection: Connection, database_url: str) -> None:
    for number in range(4):
        enqueue(connection, f"/repo{number}")
    worker = SqlWorker(connection)
    connection.execute("set statement_timeout = '3s'")
    with connect(settings_for(database_url)) as psql:
        psql.execute("begin")
        enqueue(psql, "/lunch", project="new", then_admit=False)
        assert tick(connection, worker.id) is True
        first = worker.take()
        connection.execute("select pgdex.cancel_job(%s)", [first.wake_up.job_id])
        enqueue(connection, "/repo9", project="new")
        assert admitted(connection) == ["/repo1", "/repo2", "/repo9"], "into a project that both have just made"
        psql.execute("rollback")


@pytest.mark.parametrize("ending", ["cancel_job(%s)", "fail_job(%s, 'no good', 'SomeError')"])
def test_an_end_in_an_open_transaction_keeps_nobody_from_being_let_in(
    connection: Connection, database_url: str, ending: str
) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection, "/held")
    worker.take()
    connection.execute("set statement_timeout = '3s'")
    with connect(settings_for(database_url)) as psql:
        psql.execute("begin")
        psql.execute(f"select pgdex.{ending}", [job_id])
        enqueue(connection, "/other", then_admit=False)
        assert tick(connection, worker.id) is True
        assert admitted(connection) == ["/held", "/other"]
        psql.execute("rollback")


def test_two_first_requests_for_one_repository_wait_three_seconds_at_most_and_say_why(
    connection: Connection, database_url: str
) -> None:
    with connect(settings_for(database_url)) as psql:
        psql.execute("begin")
        enqueue(psql, then_admit=False)
        connection.execute("set statement_timeout = '20s'")
        with refused("55P03", saying="/repo is locked by another transaction"):
            enqueue(connection)
        psql.execute("rollback")
    enqueue(connection)


def test_what_a_reader_and_a_client_can_lock_keeps_no_job_from_being_let_in(
    connection: Connection, database_url: str
) -> None:
    enqueue(connection, "/held", then_admit=False)
    worker = SqlWorker(connection)
    connection.execute("set statement_timeout = '3s'")
    with logged_in(database_url, CLIENT) as client:
        for name in ("admit_jobs", "heal_batches", "reclaim_batches", "remove_old_jobs", "claim_probes"):
            client.execute("select pg_advisory_lock(hashtext('pgdex.' || %s))", [name])
        client.execute("select pg_advisory_lock(pgdex.worker_lock_class(), n) from generate_series(1, 20) n")
        client.execute("begin")
        client.execute("lock table pgdex.indexing_jobs, pgdex.settings, pgdex.projects in access share mode")
        with refused("42501"), client.transaction():
            client.execute("select from pgdex.cluster_duties for key share")
        enqueue(connection, "/free", then_admit=False)
        assert tick(connection, worker.id) is True
        assert admitted(connection) == ["/held", "/free"]
        claim = worker.take()
        worker.drop(claim.wake_up)
        assert value(connection, "select pgdex.heal_batches()") == 1


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
        assert tick(connection, peer.id) is True
        connection.execute("select pgdex.heal_batches()")
        assert peer.take().wake_up.job_id == free
        psql.execute("rollback")
    assert not worker.release(claims[1])
    tick(connection, peer.id)
    assert peer.take().wake_up.job_id == held
    assert tick(connection, worker.id) is False


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
    connection.execute("select pgdex.fail_job(%s, 'no good', 'SomeError')", [claim.wake_up.job_id])
    assert tick(connection, worker.id)
    assert admitted(connection) == ["/repo1", "/repo2", "/repo3"]
    connection.execute("select pgdex.cancel_job(%s)", [jobs[1]])
    assert tick(connection, worker.id)
    assert admitted(connection) == ["/repo2", "/repo3", "/repo4"]


def test_a_blocked_job_gives_its_place_to_another_and_needs_one_again_to_go_on(connection: Connection) -> None:
    for number in range(5):
        enqueue(connection, f"/repo{number}")
    worker = SqlWorker(connection)
    claims = [worker.take() for _ in range(3)]
    for claim in claims:
        worker.release(claim)
        connection.execute("select pgdex.block_job(%s, 'service is away')", [claim.wake_up.job_id])
        worker.drop(claim.wake_up)
    assert tick(connection, worker.id)
    assert admitted(connection) == ["/repo3", "/repo4"], "three that wait for a service hold nobody up"
    blocked = claims[0].wake_up.job_id
    enqueue(connection, "/repo5")

    assert value(connection, "select pgdex.resume_job(%s)", blocked) is True
    assert value(connection, "select pgdex.resume_job(%s)", blocked) is False, "it waits for a place already"
    tick(connection, worker.id)
    assert status_of(connection, blocked) == "blocked", "there is none"
    enqueue(connection, "/repo6")
    other = value(connection, "select id from pgdex.indexing_jobs where repo_path = '/repo4'")
    connection.execute("select pgdex.cancel_job(%s)", [other])
    tick(connection, worker.id)

    assert status_of(connection, blocked) == "running", "before the job that is new"
    assert events_of(connection, blocked)[-1] == "resumed"
    assert "/repo6" not in admitted(connection)


# Projects take turns


def enqueue_many(connection: Connection, project: str, count: int) -> None:
    connection.execute(
        "select pgdex.enqueue_job('/' || %s || n, project => %s) from generate_series(1, %s) n",
        [project, project, count],
    )


def let_one_in(connection: Connection) -> str:
    """End a job that has a place; the path of the one that gets it."""
    before = set(admitted(connection))
    connection.execute(
        "select pgdex.cancel_job(id) from pgdex.indexing_jobs where repo_path = %s and status <> 'cancelled'",
        [min(before)],
    )
    connection.execute("select pgdex.admit_jobs()")
    (path,) = set(admitted(connection)) - before
    return path


def test_three_thousand_jobs_of_one_project_do_not_hold_anothers_first(connection: Connection) -> None:
    enqueue_many(connection, "a", 3000)
    connection.execute("select pgdex.admit_jobs()")
    enqueue_many(connection, "b", 2)
    assert let_one_in(connection) == "/b1"
    assert let_one_in(connection) == "/a4"
    enqueue_many(connection, "c", 1)
    assert [let_one_in(connection) for _ in range(4)] == ["/c1", "/b2", "/a5", "/a6"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_number_of_jobs_before_one_is_the_number_that_are_let_in_earlier(
    connection: Connection, data: st.DataObject
) -> None:
    with connection.transaction(force_rollback=True):
        for _ in range(data.draw(st.integers(1, 6))):
            project = data.draw(st.sampled_from("abcd"))
            start = value(connection, "select count(*) from pgdex.repositories")
            connection.execute(
                "select pgdex.enqueue_job('/r' || %s + n, project => %s) from generate_series(1, %s) n",
                [start, project, data.draw(st.integers(1, 5))],
            )
            if data.draw(st.booleans()):
                connection.execute("select pgdex.admit_jobs()")
        connection.execute("select pgdex.admit_jobs()")
        told: dict[UUID, int] = dict(
            connection.execute(
                "select j.id, pgdex.jobs_before(j) from pgdex.indexing_jobs j where j.waits_for_admission"
            ).fetchall()
        )
        assert len(told) == len(set(told.values())), "no two have the same place in the queue"
        order: list[UUID] = []
        while len(order) < len(told):
            connection.execute(
                "select pgdex.cancel_job(id) from pgdex.indexing_jobs where admitted_at is not null"
                " and status = 'pending' limit 1"
            )
            connection.execute("select pgdex.admit_jobs()")
            rows = connection.execute(
                "select id from pgdex.indexing_jobs"
                " where admitted_at is not null and not id = any(%s) and id = any(%s)",
                [order, list(told)],
            ).fetchall()
            order += [row[0] for row in rows]
        assert [told[job] for job in order] == list(range(3, 3 + len(order)))


def test_the_text_counts_no_further_than_a_thousand(connection: Connection) -> None:
    enqueue_many(connection, "a", 1200)
    connection.execute("select pgdex.admit_jobs()")
    texts = connection.execute(
        "select pgdex.job_message(j) from pgdex.indexing_jobs j"
        " where repo_path in ('/a4', '/a1200') order by queue_number"
    ).fetchall()
    assert [row[0] for row in texts] == [
        "Waiting for its turn: 3 jobs are before it",
        "Waiting for its turn: 1,000 jobs or more are before it",
    ]


def test_a_clock_that_goes_back_does_not_reorder_the_queue(connection: Connection) -> None:
    for number in range(5):
        enqueue(connection, f"/repo{number}")
    connection.execute("alter table pgdex.indexing_jobs disable trigger user")
    connection.execute("update pgdex.indexing_jobs set created_at = now() + interval '4 h' where repo_path = '/repo3'")
    connection.execute("alter table pgdex.indexing_jobs enable trigger user")
    assert let_one_in(connection) == "/repo3"


def test_raising_the_limit_lets_more_in_on_the_next_tick(connection: Connection) -> None:
    for number in range(6):
        enqueue(connection, f"/repo{number}")
    connection.execute("select pgdex.set_setting('max_concurrent_jobs', '5')")
    connection.execute("select pgdex.admit_jobs()")
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
    assert tick(connection, worker.id) is True
    assert admitted(connection) == ["/repo"]
    worker.take()


def test_enqueue_and_an_end_wake_workers_up_to_let_jobs_in(connection: Connection, database_url: str) -> None:
    with connect(settings_for(database_url)) as listener:
        listener.execute("listen pgdex_wake")
        job_id = enqueue(connection)
        assert len(list(listener.notifies(timeout=5, stop_after=1))) == 1
        connection.execute("select pgdex.cancel_job(%s)", [job_id])
        assert len(list(listener.notifies(timeout=5, stop_after=1))) == 1


# Probes of services that are away


def test_a_service_that_answers_probes_and_not_the_work_is_asked_less_and_less_and_the_wait_counts_from_its_beginning(
    connection: Connection,
) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(4))
    look = "select probe_number, probe_wait, seconds_waited from pgdex.indexing_jobs"
    for turn, delay in enumerate((1, 2, 4, 8, 15, 15)):
        claim = worker.take()
        worker.release(claim)
        connection.execute("select pgdex.block_job(%s, 'the service is away', 0)", [job_id])
        number, wait, waited = connection.execute(look).fetchone() or (0, 0, 0)
        assert (wait, waited) == (delay, 2.5 * turn)
        claimed = "select job_id, seconds from pgdex.claim_probes(%s, %s, %s)"
        assert connection.execute(claimed, [[job_id], [number - 1], [9.9]]).fetchall() == [], "a peer was first"
        assert connection.execute(claimed, [[job_id], [number], [2.5]]).fetchall() == [(job_id, 2.5 * (turn + 1))]
        assert connection.execute(claimed, [[job_id], [number], [2.5]]).fetchall() == []
        connection.execute("select pgdex.resume_job(%s)", [job_id])
        connection.execute("select pgdex.admit_jobs()")
    worker.complete(worker.take())
    assert connection.execute("select seconds_waited, probe_delay from indexing_jobs").fetchone() == (0, 1)


def test_a_failed_probe_doubles_the_wait_but_not_beyond_the_moment_in_which_the_job_is_given_up(
    connection: Connection,
) -> None:
    job_id = job_in(connection, "blocked")
    look = "select probe_wait, seconds_waited from pgdex.indexing_jobs"
    for failed, expected in (((0, 0.5), (2, 0.5)), ((600, 0.5), (600, 1)), ((600, 1, 100), (98, 2)), ((0, 0), (15, 2))):
        placeholders = ", ".join(["%s"] * len(failed))
        connection.execute(f"select pgdex.probe_failed(%s, {placeholders})", [[job_id], *failed])
        assert connection.execute(look).fetchone() == expected


def test_a_probe_leaves_jobs_alone_that_someone_has_locked(connection: Connection, database_url: str) -> None:
    held, free = job_in(connection, "blocked", "/held"), job_in(connection, "blocked", "/free")
    connection.execute("set statement_timeout = '3s'")
    with connect(settings_for(database_url)) as psql, psql.transaction(force_rollback=True):
        psql.execute("select pgdex.cancel_job(%s)", [held])
        rows = connection.execute(
            "select job_id from pgdex.claim_probes(%s, %s, %s)", [[held, free], [1, 1], [2.0, 2.0]]
        ).fetchall()
        connection.execute("select pgdex.probe_failed(%s)", [[held, free]])
    assert rows == [(free,)]
    numbers: dict[str, int] = dict(
        connection.execute("select repo_path, probe_number from pgdex.indexing_jobs").fetchall()
    )
    assert numbers == {"/held": 1, "/free": 3}


def test_a_date_that_a_service_asks_for_is_kept_within_a_day(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(4))
    worker.release(worker.take())
    connection.execute("select pgdex.block_job(%s, 'the service is away', 1e300)", [job_id])
    connection.execute("select pgdex.probe_failed(%s, 1e300)", [[job_id]])
    assert value(connection, "select next_probe_at < now() + interval '25 hours' from indexing_jobs") is True
    assert value(connection, "select probe_wait from indexing_jobs") == 86_400
