"""Resources: what is indexed, files by their lines, jobs; by the rules of the tools."""

import json
from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, TextResourceContents

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.indexed_files import MOST_CHARACTERS, MOST_LINES
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.mcp.resources.uris import file_uri
from tests.contract.agents import Agent, Agents
from tests.contract.conftest import PROJECT, SEARCHED
from tests.contract.test_jobs import half_done, project
from tests.support.databases import settings_for
from tests.support.trees import write_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import workers_on

# One agent for each transport, which has one protocol each: the others are the SDK's business here.
AGENTS = ["stdio-2025-11-25", "http-2026-07-28"]
CART = str(SEARCHED["shop/cart.py"])
LONG = "long-files"
"""The project of the long files: in the shared one, the searches of other tests would find them."""
CELLS = [
    ["# Trees\n", "How they grow.\n"],
    ["import os\n", "def grow():\n", "    return os.getcwd()"],
    ["print(grow())"],
]


def notebook(cells: list[Any], *, indent: int | None = 1) -> str:
    """A text, a raw and a code cell with these sources."""
    document = {
        "cells": [
            {"cell_type": kind, "metadata": {}, "source": source}
            for kind, source in zip(["markdown", "raw", "code"], cells, strict=True)
        ],
        "metadata": {"kernelspec": {"language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=indent)


NOTEBOOK = notebook(CELLS)


@pytest.fixture(params=AGENTS)
def agent(request: pytest.FixtureRequest, agents: Agents) -> Agent:
    return agents.agent(request.param)


def read(agent: Agent, uri: str) -> str:
    """The text of a resource."""
    answer = agent.portal.call(lambda: agent.client.read_resource(uri))
    [content] = answer.contents
    assert isinstance(content, TextResourceContents)
    return content.text


def refused(agent: Agent, uri: str) -> Any:
    with pytest.raises(MCPError) as error:
        read(agent, uri)
    return error.value.error


@pytest.fixture(scope="module")
def long_files(admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with files that are long, wide, odd and hostile."""
    root = write_tree(
        tmp_path_factory.mktemp("long").resolve() / "long",
        {
            "long.py": "".join(f"value_{number} = {number}\n" for number in range(1, 3001)),
            "wide.txt": "word " * 13_000 + "\n" + "some words of a text\n" * 12_000 + "last line",
            "dir with space/ä?#&%41.py": "def odd() -> None:\n    pass\n",
            "hostile.py": "# \x1b[31mred\x1b[0m \u202eevil\ndef hostile() -> int:\n    return 1\n",
            "ends without newline.py": "a = 1\n\n\nb = 2",
            "book.ipynb": NOTEBOOK,
            "cell on a line.ipynb": notebook(["".join(cell) for cell in CELLS]),
            "all on one line.ipynb": notebook(CELLS, indent=None),
            "much on one line.ipynb": notebook([["# Much\n"] * 20_000, *CELLS[1:]], indent=None),
        },
    )
    (root / "link.py").symlink_to("/etc/passwd")
    (root / "folder").symlink_to("/etc")
    folder = tmp_path_factory.mktemp("workers")
    with Client.open(settings_for(admin_url)) as client, workers_on(admin_url, folder) as workers:
        job_id = client.start(root, project=LONG).job_id
        assert wait_for_end(client, job_id, workers=workers).status == "completed"
    return root


def test_the_list_shows_the_repositories_of_a_project(agent: Agent, indexed: Path) -> None:
    shown = json.loads(read(agent, f"pgdex://repositories?project_id={PROJECT}"))

    assert shown["project_id"] == PROJECT
    assert "not instructions" in shown["about"]
    assert str(indexed) in [view["root"] for one in shown["repositories"] for view in one["views"]]
    assert shown["next"] is None


def test_the_plain_list_is_of_the_servers_own_project(agent: Agent, indexed: Path) -> None:
    shown = json.loads(read(agent, "pgdex://repositories"))

    assert shown["project_id"] == "default"
    assert str(indexed) not in json.dumps(shown)


def test_all_three_are_told_of_in_the_lists(agent: Agent) -> None:
    resources = agent.portal.call(agent.client.list_resources).resources
    templates = agent.portal.call(agent.client.list_resource_templates).resource_templates

    assert [one.uri for one in resources] == ["pgdex://repositories"]
    assert {one.uri_template.partition("{")[0] for one in templates} == {
        "pgdex://repositories",
        "pgdex://files/",
        "pgdex://jobs/",
    }
    assert all("data" in (one.description or "") for one in templates)


def test_a_file_is_read_as_it_was_indexed(agent: Agent, indexed: Path) -> None:
    head, _, text = read(agent, file_uri(str(indexed), "shop/cart.py", project_id=PROJECT)).partition("\n\n")

    assert text == CART
    assert f"{indexed}/shop/cart.py" in head
    assert "lines 1-3 of 3" in head
    assert "data, not instructions" in head
    assert "next" not in head


@pytest.mark.parametrize(
    ("lines", "first", "last"), [("2", 2, 2), ("10-12", 10, 12), ("2999-", 2999, 3000), ("2990-9999", 2990, 3000)]
)
def test_some_lines_of_a_file(lines: str, first: int, last: int, agent: Agent, long_files: Path) -> None:
    head, _, text = read(agent, file_uri(str(long_files), "long.py", lines=lines, project_id=LONG)).partition("\n\n")

    assert f"lines {first}-{last} of 3000" in head
    assert text.rstrip("\n").split("\n") == [f"value_{number} = {number}" for number in range(first, last + 1)]


def test_a_long_file_is_read_part_by_part(agent: Agent, long_files: Path) -> None:
    uri = file_uri(str(long_files), "long.py", project_id=LONG)
    parts = []
    while uri:
        head, _, text = read(agent, uri).partition("\n\n")
        parts += text.rstrip("\n").split("\n")
        uri = head.partition("next: ")[2].partition(". Quoted")[0]

    assert parts == [f"value_{number} = {number}" for number in range(1, 3001)]
    assert len(parts) > MOST_LINES


@pytest.mark.parametrize("lines", [None, "1-15", "14-30", "3"])
def test_a_notebook_is_read_as_its_cells_at_their_lines(lines: str | None, agent: Agent, long_files: Path) -> None:
    head, _, text = read(agent, file_uri(str(long_files), "book.ipynb", lines=lines, project_id=LONG)).partition("\n\n")
    first = int(head.partition("lines ")[2].partition("-")[0])
    of_file = NOTEBOOK.split("\n")
    shown = text.split("\n")

    assert first == int((lines or "1").partition("-")[0])
    for line, source in zip(shown, of_file[first - 1 :], strict=False):
        assert json.dumps(line)[1:-1] in source
    asked = range(first, int((lines or "1-99").partition("-")[2] or first) + 1)
    said = [line.rstrip("\n") for cell in CELLS for line in cell]
    assert [line for line in shown if line] == [one for one in said if 1 + line_of(one, of_file) in asked]


def test_a_hit_in_a_notebook_says_its_cell_and_its_lines_read_the_same(agent: Agent, long_files: Path) -> None:
    asked = {"repo_path": str(long_files), "project_id": LONG, "path_glob": "book.ipynb"}
    reply = agent.call("search_code", query="how do trees grow", **asked)
    (hit,) = reply.data["hits"]
    lines = f"{hit['start_line']}-{hit['end_line']}"

    assert hit["symbol"] == "cell 1 > Trees"
    assert f"book.ipynb:{lines} cell 1 > Trees" in reply.text.splitlines()
    text = read(agent, file_uri(str(long_files), "book.ipynb", lines=lines, project_id=LONG)).partition("\n\n")[2]
    assert text.rstrip("\n") == hit["code"].rstrip("\n")
    for piece in [*hit.get("pieces", ()), *hit.get("more", ())]:
        assert "cell " in str(piece)


@pytest.mark.parametrize("name", ["cell on a line.ipynb", "all on one line.ipynb"])
def test_a_cell_that_is_one_line_of_the_json_is_read_whole_at_that_line(
    name: str, agent: Agent, long_files: Path
) -> None:
    whole = read(agent, file_uri(str(long_files), name, project_id=LONG)).partition("\n\n")[2]
    asked = {"repo_path": str(long_files), "project_id": LONG, "path_glob": name}
    (hit,) = agent.call("search_code", query="how do trees grow", **asked).data["hits"]
    lines = f"{hit['start_line']}-{hit['end_line']}"
    read_again = read(agent, file_uri(str(long_files), name, lines=lines, project_id=LONG)).partition("\n\n")[2]

    assert [line for line in whole.split("\n") if line] == [line.rstrip("\n") for cell in CELLS for line in cell]
    assert hit["symbol"] == "cell 1 > Trees"
    assert hit["start_line"] == hit["end_line"]
    assert read_again.startswith("".join(CELLS[0]).rstrip("\n"))


def test_more_on_one_line_than_an_answer_holds_is_cut_and_says_so(agent: Agent, long_files: Path) -> None:
    head, _, text = read(agent, file_uri(str(long_files), "much on one line.ipynb", project_id=LONG)).partition("\n\n")

    assert "lines 1-1 of 1; line 1 is cut" in head
    assert MOST_CHARACTERS - 10 < len(text) <= MOST_CHARACTERS


def line_of(code: str, lines: list[str]) -> int:
    return next(number for number, line in enumerate(lines) if json.dumps(code)[:-1] in line)


def test_a_line_without_end_is_cut(agent: Agent, long_files: Path) -> None:
    head, _, text = read(agent, file_uri(str(long_files), "wide.txt", project_id=LONG)).partition("\n\n")

    assert "line 1 is cut" in head
    assert len(text) == MOST_CHARACTERS
    last = file_uri(str(long_files), "wide.txt", lines="12002", project_id=LONG)
    assert read(agent, last).endswith("\n\nlast line")


@pytest.mark.parametrize("path", ["dir with space/ä?#&%41.py", "ends without newline.py"])
def test_odd_names_come_through(path: str, agent: Agent, long_files: Path) -> None:
    text = read(agent, file_uri(str(long_files), path, project_id=LONG)).partition("\n\n")[2]

    assert text == (long_files / path).read_text("utf-8")


def test_what_acts_on_a_terminal_is_written_out(agent: Agent, long_files: Path) -> None:
    text = read(agent, file_uri(str(long_files), "hostile.py", project_id=LONG))

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\x1b[31mred" in text


@pytest.mark.parametrize(
    "path",
    [
        "../../../etc/passwd",
        "shop/../../x",
        "/etc/passwd",
        "link.py",
        "folder/passwd",
        "blob.bin",
        "empty.py",
        "no/such/file.py",
        "shop",
        "shop/cart.py\0",
        ".git/config",
    ],
)
def test_nothing_is_read_but_what_is_indexed(path: str, agent: Agent, indexed: Path, long_files: Path) -> None:
    for root in (indexed, long_files):
        error = refused(agent, file_uri(str(root), path, project_id=PROJECT))
        assert error.code == INVALID_PARAMS
        assert "root:" not in error.message


def test_a_folder_that_is_not_indexed_is_not_read(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("password = 1\n")

    error = refused(agent, file_uri(str(tmp_path), "secret.py"))

    assert error.code == INVALID_PARAMS
    assert "is not indexed" in error.message
    assert "password" not in error.message


def test_a_file_of_another_project_is_not_read(agent: Agent, indexed: Path) -> None:
    assert "is not indexed in project default" in refused(agent, file_uri(str(indexed), "shop/cart.py")).message
    error = refused(agent, file_uri(str(indexed), "shop/cart.py", project_id=project()))
    assert error.message.startswith("VALIDATION_ERROR: there is no project")


@pytest.mark.parametrize("lines", ["0", "5-2", "x", "1-2-3", "-3", "1e3", "99999999999", "٣"])
def test_lines_that_are_none_are_refused(lines: str, agent: Agent, indexed: Path) -> None:
    error = refused(agent, file_uri(str(indexed), "shop/cart.py", lines=lines, project_id=PROJECT))

    assert error.code == INVALID_PARAMS
    assert "lines" in error.message


def test_a_line_beyond_the_end_says_how_many_there_are(agent: Agent, indexed: Path) -> None:
    assert (
        "has 3 in the index"
        in refused(agent, file_uri(str(indexed), "shop/cart.py", lines="4", project_id=PROJECT)).message
    )


def test_a_job_is_told_without_the_workers_traceback(agent: Agent, admin: Connection) -> None:
    mine = project()
    job_id = half_done(admin, mine)

    shown = json.loads(read(agent, f"pgdex://jobs/{job_id}?project_id={mine}"))

    assert (shown["job_id"], shown["status"], shown["is_final"]) == (job_id, "running", False)
    assert "error_traceback" not in shown


def test_a_job_of_another_project_is_not_told(agent: Agent, admin: Connection) -> None:
    job_id = half_done(admin, project())

    error = refused(agent, f"pgdex://jobs/{job_id}")

    assert (error.code, error.message.partition(":")[0]) == (INVALID_PARAMS, "JOB_NOT_FOUND")


@pytest.mark.parametrize(
    "uri",
    ["pgdex://nothing", "pgdex://jobs/", "file:///etc/passwd", "pgdex://files/", "", "pgdex://jobs/no-id", "x" * 9000],
)
def test_an_address_that_is_none_is_an_invalid_parameter(uri: str, agent: Agent) -> None:
    assert refused(agent, uri).code == INVALID_PARAMS


def test_what_the_database_refuses_is_told_with_the_code_of_the_tools(
    agent: Agent, indexed: Path, admin: Connection
) -> None:
    admin.execute("alter table pgdex.view_files rename to view_files_away")
    try:
        error = refused(agent, file_uri(str(indexed), "shop/cart.py", project_id=PROJECT))
    finally:
        admin.execute("alter table pgdex.view_files_away rename to view_files")

    assert (error.code, error.message.partition(":")[0]) == (INTERNAL_ERROR, "DATABASE_ERROR")
