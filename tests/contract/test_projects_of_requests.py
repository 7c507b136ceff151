"""Which project a request without project_id is about, and that the answer says so."""

from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal
from mcp import Client

from pgdex.jobs.client.trust import allow
from tests.contract.agents import TRANSPORTS, Agent, Agents, stdio_server
from tests.contract.test_jobs import project


def with_project(root: Path, project_id: str, *, home: Path | None) -> Path:
    """`root` with a .pgdex.toml in the folder above it; the file's path. With the `home` of a user who allowed it."""
    file = root.parent / ".pgdex.toml"
    file.write_text(f'project = "{project_id}"\n')
    if home is not None:
        allow(home, file, file.read_bytes())
    return file


@pytest.fixture
def home(folder: Path) -> Path:
    """PGDEX_HOME of the common servers."""
    return folder / "home"


def test_the_argument_comes_first(agent: Agent, repository: Path) -> None:
    with_project(repository, "from-the-file", home=None)
    mine = project()

    answer = agent.call("start_indexing_background", repo_path=str(repository), project_id=mine).data

    assert (answer["project_id"], answer["project_source"]) == (mine, "argument")


def test_a_file_above_the_repository_names_the_project(agent: Agent, repository: Path, home: Path) -> None:
    mine = project()
    file = with_project(repository, mine, home=home)

    answer = agent.call("start_indexing_background", repo_path=str(repository)).data

    assert (answer["project_id"], answer["project_source"]) == (mine, str(file))
    # The other tools come to the same project by the job's repository, or by the path that they are asked about.
    assert agent.call("get_indexing_status", job_id=answer["job_id"]).data["project_id"] == mine
    page = agent.call("list_background_jobs", repo_path=str(repository)).data
    assert (page["project_id"], page["project_source"], page["total_count"]) == (mine, str(file), 1)
    found = agent.call("search_code", query="thing", repo_path=str(repository)).data
    assert (found["project_id"], found["project_source"]) == (mine, str(file))
    assert agent.call("cancel_indexing_background", job_id=answer["job_id"], confirmed=True).data["cancelled"]


def test_without_any_word_it_is_the_default(agent: Agent, repository: Path) -> None:
    answer = agent.call("start_indexing_background", repo_path=str(repository)).data

    assert (answer["project_id"], answer["project_source"]) == ("default", "default")
    assert agent.call("get_indexing_status", job_id=answer["job_id"]).data["project_id"] == "default"
    assert agent.call("list_background_jobs").data["project_source"] == "default"


def test_a_file_that_nobody_allowed_changes_nothing_and_every_answer_says_so(agent: Agent, repository: Path) -> None:
    theirs = project()
    file = with_project(repository, theirs, home=None)

    started = agent.call("start_indexing_background", repo_path=str(repository)).data
    found = agent.call("search_code", query="thing", repo_path=str(repository)).data
    page = agent.call("list_background_jobs", repo_path=str(repository)).data

    for answer in (started, found, page):
        assert (answer["project_id"], answer["project_source"]) == ("default", "default")
        assert any(str(file) in note and theirs in note and "pgdex allow" in note for note in answer["notes"])


@pytest.mark.parametrize("content", ["project = 3\n", "project = 'no spaces'\n", "projekt = 'x'\n", "[[[\n"])
def test_a_file_that_says_nothing_usable_is_named_and_stops_nobody(
    content: str, agent: Agent, repository: Path
) -> None:
    file = repository / ".pgdex.toml"
    file.write_text(content)

    answer = agent.call("start_indexing_background", repo_path=str(repository)).data

    assert answer["project_id"] == "default"
    assert any(str(file) in note for note in answer["notes"])


def test_a_server_s_own_project_comes_before_the_file_and_its_folder_s_file_is_found(
    portal: BlockingPortal, client_url: str, repository: Path, tmp_path: Path
) -> None:
    mine, other = project(), project()
    with_project(repository, other, home=tmp_path / "home")
    url = {"PGDEX_DATABASE_URL": client_url, "PGDEX_HOME": str(tmp_path / "home")}

    for variables, expected in (({"PGDEX_PROJECT": mine}, (mine, "PGDEX_PROJECT")), ({}, (other, None))):
        server = stdio_server(repository, **url, **variables)
        with portal.wrap_async_context_manager(Client(server, mode="legacy")) as client:
            page = Agent(portal, client).call("list_background_jobs").data
            assert page["project_id"] == expected[0]
            assert page["project_source"] == (expected[1] or str(repository.parent / ".pgdex.toml"))


def test_all_doors_are_of_the_same_database(agents: Agents, repository: Path) -> None:
    mine = project()
    ids = {
        agents.agent(name).call("start_indexing_background", repo_path=str(repository), project_id=mine).data["job_id"]
        for name in TRANSPORTS
    }

    assert len(ids) == 1
