"""Asking for a job: one live job per repository, one repository per folder, and who may ask for what."""

from functools import partial
from uuid import uuid4

import hypothesis.strategies as st
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from pgdex.jobs.database.connection import Connection
from pgdex.jobs.repository_path import normalized_path
from tests.integration.roles.members import CLIENT, WORKER, logged_in
from tests.support.at_once import at_once
from tests.support.job_checks import admitted, events_of, job_in, refused, value
from tests.support.sql_worker import SqlWorker, enqueue, tree


def test_one_of_many_enqueues_at_once_makes_the_job_and_all_get_its_id(
    connection: Connection, database_url: str
) -> None:
    ids = at_once(database_url, *[enqueue] * 8)
    assert len(set(ids)) == 1
    assert value(connection, "select count(*) from pgdex.indexing_jobs") == 1
    assert events_of(connection, ids[0]) == ["created"]
    assert value(connection, "select count(*) from procrastinate_jobs") == 1


@pytest.mark.parametrize(
    "address",
    [
        "https://user:secret@git.example.com/team/app.git",
        "https://secret@git.example.com/team/app.git",
        "https://git.example.com/team/app.git?private_token=secret",
        "https://git.example.com/team/app.git#secret",
        "ssh://git:secret@git.example.com/team/app.git",
        "git:secret@git.example.com:team/app.git",
        "ssh://ghp_secret@git.example.com/team/app.git",
        "oauth2@git.example.com:team/app.git",
    ],
)
def test_an_address_that_holds_a_secret_is_refused_and_not_repeated(connection: Connection, address: str) -> None:
    with pytest.raises(psycopg.Error, match="password or a token") as error:
        enqueue(connection, address)
    assert error.value.sqlstate == "PX005"
    assert "secret" not in str(error.value)
    assert value(connection, "select count(*) from pgdex.views") == 0


PARTS = ["a", "b c", ".", "..", "", "...", "..a", "é", "a\nb", "x'y", "\\", "a\\", "C:", "c:\\"]


@given(path=st.lists(st.sampled_from(PARTS), max_size=8).map("/".join) | st.text(alphabet="/\\.:Ca \n", max_size=12))
@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sql_and_python_normalise_every_path_alike(connection: Connection, path: str) -> None:
    assert value(connection, "select pgdex.normalized_path(%s)", path) == normalized_path(path)


def test_one_folder_is_one_repository_however_it_is_spelled(connection: Connection) -> None:
    spellings = ["/src/repo", "/src/./repo", "/src//repo/", "//src/x/../repo/.", "/../src/repo"]
    assert len({enqueue(connection, path) for path in spellings}) == 1
    assert connection.execute("select root, name from pgdex.views").fetchall() == [("/src/repo", "repo")]
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
    assert value(connection, "select count(distinct repository_id) from pgdex.views") == 2


def test_a_bad_argument_is_refused_with_the_value_that_was_given(connection: Connection) -> None:
    path = "repo_path must be an absolute path, https://host/path, ssh://host/path or user@host:path, got "
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


def test_a_name_that_could_not_be_given_later_is_refused_from_the_beginning(connection: Connection) -> None:
    for name in ("", " ", "a\nb", "\x1b[31m", "x" * 201):
        with refused("PX005", saying="a name must have 1 to 200 characters"):
            connection.execute("select pgdex.enqueue_job('/repo', name => %s)", [name])
    connection.execute("select pgdex.enqueue_job('/repo', name => ' shop ')")
    assert connection.execute("select name from pgdex.views").fetchall() == [("shop",)]


def test_windows_paths_are_absolute(connection: Connection) -> None:
    enqueue(connection, "C:\\code\\app")
    names = connection.execute("select root, name from pgdex.views_status order by root").fetchall()
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
