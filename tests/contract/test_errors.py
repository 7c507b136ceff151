"""Every error is a tool error with a code and a sentence that says what to do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from anyio.from_thread import BlockingPortal
from mcp import Client

from pgdex.jobs.database.connection import Connection
from tests.contract.agents import Agent, stdio_server
from tests.contract.test_jobs import project, start
from tests.support.databases import new_database, url_of
from tests.support.trees import python_tree
from tests.support.waiting import wait_for

JOB = str(uuid4())
NO_SUCH_PROJECT = "there is no project 'never-seen'"


@pytest.mark.parametrize(
    ("tool", "arguments", "part"),
    [
        ("start_indexing_background", {}, "repo_path: is required"),
        ("start_indexing_background", {"repo_path": "src"}, "must be absolute, got 'src'"),
        ("start_indexing_background", {"repo_path": ""}, "repo_path: "),
        ("start_indexing_background", {"repo_path": "/no/such/folder"}, "there is no folder /no/such/folder"),
        ("start_indexing_background", {"repo_path": "/etc/passwd"}, "/etc/passwd is not a folder"),
        ("start_indexing_background", {"repo_path": "/etc\0"}, "NUL"),
        ("start_indexing_background", {"repo_path": "~nobody-of-that-name/x"}, "repo_path"),
        ("start_indexing_background", {"repo_path": 7}, "repo_path must be absolute"),
        ("start_indexing_background", {"repo_path": "/"}, "/ is the top of a disk"),
        ("start_indexing_background", {"repo_path": "/usr"}, "call again with allow_broad: true"),
        ("start_indexing_background", {"repo_path": "/tmp", "project_id": "a b"}, "a project id is"),
        ("start_indexing_background", {"repo_path": "/tmp", "project_id": "-" * 101}, "a project id is"),
        ("start_indexing_background", {"repo_path": "/tmp", "force_reindex": "perhaps"}, "force_reindex: "),
        ("start_indexing_background", {"repo_path": "/tmp", "path": "/tmp"}, "unknown argument 'path'"),
        ("start_indexing_background", {"repo_path": "/tmp", "branch": "a", "tag": "b"}, "only one of branch and tag"),
        ("get_indexing_status", {"job_id": "17"}, "a job id looks like"),
        ("get_indexing_status", {"job_id": f"{JOB}; drop table"}, "a job id looks like"),
        ("get_indexing_status", {"job_id": None}, "job_id: "),
        ("get_indexing_status", {"job_id": JOB, "project_id": "never-seen"}, NO_SUCH_PROJECT),
        ("watch_indexing", {"job_id": "17"}, "a job id looks like"),
        ("watch_indexing", {"job_id": JOB, "timeout_seconds": -1}, "timeout_seconds: "),
        ("watch_indexing", {"job_id": JOB, "timeout_seconds": 1e9}, "timeout_seconds: "),
        ("cancel_indexing_background", {"job_id": "17"}, "a job id looks like"),
        ("cancel_indexing_background", {"job_id": "17", "confirmed": True}, "a job id looks like"),
        ("cancel_indexing_background", {"job_id": JOB, "project_id": "never-seen"}, NO_SUCH_PROJECT),
        ("list_background_jobs", {"status": "done"}, "status: must be one or several of pending, running"),
        ("list_background_jobs", {"status": ["running", "done"]}, "status: "),
        ("list_background_jobs", {"repo_path": "src"}, "must be absolute, got 'src'"),
        ("list_background_jobs", {"limit": 0}, "limit: "),
        ("list_background_jobs", {"limit": 101}, "limit: "),
        ("list_background_jobs", {"offset": -1}, "offset: "),
        ("list_background_jobs", {"created_after": "yesterday"}, "created_after: "),
        ("list_background_jobs", {"created_before": "1700000000"}, "created_before: must be a date and time"),
        ("list_background_jobs", {"project_id": "never-seen"}, NO_SUCH_PROJECT),
        ("search_code", {"query": ""}, "query: "),
        ("search_code", {"query": "x" * 4001}, "query: has more than 4,000 characters"),
        ("search_code", {"query": "x", "kinds": ["class"] * 21}, "kinds: List should have at most 20 items"),
        ("search_code", {"query": " \n"}, "query: it is empty"),
        ("search_code", {"query": "x", "limit": 0}, "limit: "),
        ("search_code", {"query": "x", "language": "pyton"}, "did you mean python"),
        ("search_code", {"query": "x", "path_glob": "/"}, "path_glob: "),
        ("search_code", {"query": "x", "repo_path": "./x"}, "must be absolute, got './x'"),
        ("search_code", {"query": "x", "project_id": "never-seen"}, NO_SUCH_PROJECT),
        ("search_code", {"query": "x", "detail": "all"}, "detail: "),
        ("search_code", {"query": "x", "max_tokens": 99}, "max_tokens: "),
        ("find_related_code", {"path": "/no/such/file.py", "line": 1}, "path: /no/such/file.py is in no repository"),
        ("find_related_code", {"line": 1}, "path: is required"),
    ],
)
def test_a_wrong_argument_is_a_validation_error_that_names_it(
    tool: str, arguments: dict[str, Any], part: str, agent: Agent
) -> None:
    reply = agent.call(tool, **arguments)

    assert reply.code == "VALIDATION_ERROR"
    assert part in reply.error
    assert "pydantic" not in reply.error
    assert "\n" not in reply.error


def test_another_embedding_model_is_refused_with_the_argument_that_allows_it(
    agent: Agent, repository: Path, admin: Connection
) -> None:
    mine = project()
    job = {"job_id": start(agent, repository, mine), "project_id": mine}
    agent.call("cancel_indexing_background", **job, confirmed=True)
    admin.execute("update pgdex.repositories set embedding_model = 'ollama:other' where project_id = %s", [mine])

    reply = agent.call("start_indexing_background", repo_path=str(repository), project_id=mine)

    assert reply.code == "MODEL_CHANGED"
    assert "force_reindex=true" in reply.error
    assert not agent.call(
        "start_indexing_background", repo_path=str(repository), project_id=mine, force_reindex=True
    ).raw.is_error


@pytest.fixture
def own_server(portal: BlockingPortal, server_url: str, template: str, tmp_path: Path) -> Iterator[tuple[Agent, str]]:
    """A stdio server with a database that nobody else uses, whose embedding service does not exist."""
    with new_database(server_url, template=template) as name:
        url = url_of(server_url, name)
        server = stdio_server(
            tmp_path,
            PGDEX_DATABASE_URL=url,
            PGDEX_HOME=str(tmp_path / "home"),
            PGDEX_EMBEDDER="ollama:nothing",
            PGDEX_EMBEDDER_URL="http://127.0.0.1:1",
        )
        with portal.wrap_async_context_manager(Client(server)) as client:
            yield Agent(portal, client), url


def test_an_embedding_service_that_is_away_is_an_error_before_there_is_a_job(
    own_server: tuple[Agent, str], tmp_path: Path
) -> None:
    agent, _ = own_server

    reply = agent.call("start_indexing_background", repo_path=str(python_tree(tmp_path.resolve() / "r", 1)))

    assert reply.code == "EMBEDDER_UNAVAILABLE"
    assert "127.0.0.1:1" in reply.error
    assert "PGDEX_EMBEDDER" in reply.error
    assert agent.call("list_background_jobs").data["total_count"] == 0


def test_a_database_that_goes_away_is_a_tool_error_and_one_that_is_back_is_used_again(
    own_server: tuple[Agent, str], server_url: str
) -> None:
    agent, url = own_server
    database = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    assert agent.call("list_background_jobs").data["total_count"] == 0

    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'alter database "{database}" with allow_connections false')
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [database])
        for tool, arguments in (("list_background_jobs", {}), ("search_code", {"query": "x"})):
            reply = agent.call(tool, **arguments)
            assert reply.code == "DATABASE_ERROR"
            assert "call again" in reply.error
        admin.execute(f'alter database "{database}" with allow_connections true')

    wait_for(lambda: not agent.call("list_background_jobs").raw.is_error, what="the database", seconds=10)


def test_a_database_that_was_never_there_is_a_tool_error_and_not_a_failed_handshake(
    portal: BlockingPortal, tmp_path: Path
) -> None:
    server = stdio_server(
        tmp_path, PGDEX_DATABASE_URL="postgresql://pgdex:s3cret@127.0.0.1:1/x", PGDEX_HOME=str(tmp_path)
    )
    with portal.wrap_async_context_manager(Client(server)) as client:
        for _ in range(2):
            reply = Agent(portal, client).call("search_code", query="x")
            assert reply.code == "DATABASE_ERROR"
            assert "127.0.0.1:1" in reply.error
            assert "s3cret" not in reply.error


def test_a_database_without_the_schema_says_how_to_make_it(
    portal: BlockingPortal, empty_database_url: str, tmp_path: Path
) -> None:
    server = stdio_server(tmp_path, PGDEX_DATABASE_URL=empty_database_url, PGDEX_HOME=str(tmp_path))
    with portal.wrap_async_context_manager(Client(server)) as client:
        reply = Agent(portal, client).call("list_background_jobs")

    assert reply.code == "DATABASE_ERROR"
    assert "pgdex db upgrade" in reply.error
