"""search_code: what is found, and what is said about how complete and how new that is."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.mcp.quoted import ABOUT
from pgdex.jobs.mcp.tokens import estimated_tokens
from tests.contract.agents import Agent, Agents
from tests.contract.conftest import PROJECT
from tests.contract.test_jobs import half_done, project, start
from tests.support.databases import settings_for
from tests.support.logins import run_pgdex
from tests.support.trees import python_tree, write_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import workers_on


def but_on_the_folder(answer: dict[str, Any]) -> list[str]:
    """The notes without the one that commands and stdio servers give in pgdex's own checkout, which nobody has
    indexed, and without the one on a question that nothing fits, which has a test of its own."""
    others = ("the whole project was searched", "Nothing fits well")
    return [note for note in answer.get("notes", []) if not any(other in note for other in others)]


def test_a_hit_has_its_place_its_symbol_and_its_code(agent: Agent, indexed: Path) -> None:
    answer = agent.call("search_code", query="put an item into the shopping cart", project_id=PROJECT).data

    hit = answer["hits"][0]
    assert (answer["repo_path"], hit["path"]) == (str(indexed), "shop/cart.py")
    assert (hit["start_line"], hit["symbol"], hit["kind"], hit["language"]) == (1, "add_to_cart", "function", "python")
    assert "basket.append((item, quantity))" in hit["code"]
    assert hit["score"] > answer["hits"][1]["score"]
    assert "is_outdated" not in hit
    assert but_on_the_folder(answer) == []
    assert answer["project_id"] == PROJECT


def test_what_is_quoted_comes_after_the_notes_and_after_a_line_that_says_so(agent: Agent, indexed: Path) -> None:
    reply = agent.call("search_code", query="put an item into the shopping cart", project_id=PROJECT)
    lines = reply.text.splitlines()

    (begin,) = (number for number, line in enumerate(lines) if line == f"In {indexed} ({ABOUT}):")
    assert all(line.startswith("Note: ") for line in lines[:begin])
    assert lines[begin + 1 : begin + 4] == [
        "",
        "shop/cart.py:1-3 add_to_cart",
        "def add_to_cart(item: str, quantity: int) -> None:",
    ]
    assert str(indexed) not in "\n".join(lines[begin + 1 :])


def test_the_first_hits_of_a_question_bring_the_code_of_further_pieces(agent: Agent, indexed: Path) -> None:
    hits = agent.call("search_code", query="how is a cart paid or loaded", project_id=PROJECT, detail="full").data[
        "hits"
    ]

    for hit in hits:
        shown = [piece["lines"] for piece in hit.get("pieces", [])]
        assert not {line.partition(" ")[0] for line in hit.get("more", [])} & {*shown}, "each place once"
        assert all(piece["code"].strip() for piece in hit.get("pieces", []))


def test_an_outline_has_places_and_no_code(agent: Agent, indexed: Path) -> None:
    reply = agent.call("search_code", query="put an item into the shopping cart", project_id=PROJECT, detail="outline")

    assert reply.data["hits"][0] == {
        "path": "shop/cart.py",
        "start_line": 1,
        "end_line": 3,
        "symbol": "add_to_cart",
    }
    assert "shop/cart.py:1-3 add_to_cart" in reply.text.splitlines()
    assert "basket" not in reply.text


def test_a_question_that_nothing_fits_is_answered_with_that_and_with_places_alone(agent: Agent, indexed: Path) -> None:
    question = {"query": "kubernetes ingress tls certificate cart", "project_id": PROJECT}
    reply = agent.call("search_code", **question)

    assert "Nothing fits well" in reply.data["notes"][0]
    assert reply.text.startswith("Note: Nothing fits well")
    assert reply.data["hits"]
    assert all("code" not in hit for hit in reply.data["hits"])
    assert all("code" in hit for hit in agent.call("search_code", **question, detail="code").data["hits"])


@pytest.mark.parametrize("most", [100, 300, 1000])
def test_an_answer_keeps_within_max_tokens_and_says_what_it_left_out(agent: Agent, indexed: Path, most: int) -> None:
    question = {"query": "cart pay load thing", "project_id": PROJECT, "limit": 10}
    whole = agent.call("search_code", **question, detail="full").data
    reply = agent.call("search_code", **question, max_tokens=most)

    # A tenth is the estimate's; in the smallest one are at least the notes and one place.
    assert estimated_tokens(reply.text) <= max(most, 200)
    left_out = reply.data.get("hits_left_out", 0)
    assert len(reply.data["hits"]) + left_out == len(whole["hits"])
    assert any("max_tokens" in note for note in reply.data.get("notes", [])) is (
        reply.data["hits"] != whole["hits"] or bool(left_out)
    )


@pytest.mark.parametrize(
    ("query", "options", "arguments"),
    [
        ("put an item into the shopping cart", [], {}),
        ("add_to_cart", ["--limit", "1"], {"limit": 1}),
        ("cart pay load thing", ["--language", "ts"], {"language": "ts"}),
        (
            "cart pay load thing",
            ["--path", "shop/**", "--kind", "function"],
            {"path_glob": "shop/**", "kinds": ["function"]},
        ),
        ("cart", ["--tests", "only"], {"tests": "only"}),
        ("shop/cart.py", [], {}),
    ],
)
def test_the_command_and_the_tool_give_the_same_answers(
    agent: Agent,
    indexed: Path,
    client_url: str,
    tmp_path: Path,
    query: str,
    options: list[str],
    arguments: dict[str, object],
) -> None:
    shown = run_pgdex(
        *("search", query, "--project", PROJECT, "--json", *options), home=tmp_path, PGDEX_DATABASE_URL=client_url
    )
    arguments = {"limit": 10, "detail": "full", **arguments}
    told = agent.call("search_code", query=query, project_id=PROJECT, **arguments).data

    assert shown.code == 0, shown.err
    places = [
        (hit["path"], hit["start_line"], hit["end_line"], hit["content"]) for hit in json.loads(shown.out)["hits"]
    ]
    assert places == [(hit["path"], hit["start_line"], hit["end_line"], hit["code"]) for hit in told["hits"]]
    assert but_on_the_folder(json.loads(shown.out)) == but_on_the_folder(told)


def test_what_is_related_to_a_place_does_not_hold_the_place_itself(agent: Agent, indexed: Path) -> None:
    place = {"repo_path": str(indexed), "path": "shop/cart.py", "project_id": PROJECT}

    found = agent.call("find_related_code", **place, line=1).data["hits"]

    assert found
    assert all((hit["path"], hit["start_line"]) != ("shop/cart.py", 1) for hit in found)
    too_far = agent.call("find_related_code", **place, line=99_999)
    assert "VALIDATION_ERROR" in too_far.text
    assert "line: shop/cart.py has lines 1 to" in too_far.text
    absolute = agent.call("find_related_code", path=f"{indexed}/shop/cart.py", line=1, project_id=PROJECT).data
    assert absolute["hits"] == found


def test_filters_narrow_a_search(agent: Agent, indexed: Path) -> None:
    def paths(**filters: object) -> set[str]:
        answer = agent.call("search_code", query="cart pay load thing", project_id=PROJECT, **filters).data
        return {hit["path"] for hit in answer["hits"]}

    assert paths(language="typescript") == paths(language="ts") == paths(path_glob="*.ts") == {"shop/checkout.ts"}
    assert paths(path_glob="shop/**") == {"shop/cart.py", "shop/checkout.ts"}
    assert len(agent.call("search_code", query="load thing", project_id=PROJECT, limit=2).data["hits"]) == 2
    assert paths(repo_path=str(indexed)) == paths(repo_path=str(indexed.parent)) == paths()


def test_a_search_stays_within_its_project(agent: Agent, indexed: Path, repository: Path) -> None:
    mine = project()
    start(agent, repository, mine)

    answer = agent.call("search_code", query="put an item into the shopping cart", project_id=mine).data

    assert answer["hits"] == []
    assert str(indexed) not in str(answer)


def test_a_folder_that_is_not_indexed_is_said_to_be_so(agent: Agent, indexed: Path, tmp_path: Path) -> None:
    def notes(folder: Path | str) -> str:
        answer = agent.call("search_code", query="cart", project_id=PROJECT, repo_path=str(folder)).data
        assert answer["hits"] == []
        return " ".join(answer["notes"])

    assert "is not indexed in project shop. Index it with: start_indexing_background" in notes(tmp_path)
    assert f"is a part of {indexed}: search with repo_path={str(indexed)!r}" in notes(indexed / "shop")


def test_a_repository_that_is_being_indexed_and_never_was_before_has_a_note(agent: Agent, admin: Connection) -> None:
    mine = project()
    half_done(admin, mine)

    answer = agent.call("search_code", query="file00001", project_id=mine).data

    about_it = [note for note in answer["notes"] if note.startswith("/half/done")]
    assert len(about_it) == 1
    assert "is being indexed (running)" in about_it[0]
    assert not any("pgdex index" in note for note in answer["notes"])


def test_a_repository_whose_first_job_was_cancelled_has_a_note(agent: Agent, admin: Connection) -> None:
    mine = project()
    job_id = half_done(admin, mine)
    agent.call("cancel_indexing_background", job_id=job_id, project_id=mine, confirmed=True)

    answer = agent.call("search_code", query="file00001", project_id=mine).data

    assert any("/half/done is only partly indexed" in note for note in answer["notes"])


@pytest.fixture(scope="module")
def changed(admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A repository in a project of its own that changed after it was indexed."""
    mine, folder = project(), tmp_path_factory.mktemp("changed").resolve()
    root = write_tree(
        folder / "changing",
        {
            f"{name}.py": f"def zebra_{name}() -> str:\n    return '{name}'\n"
            for name in ("same", "new", "gone", "new2")
        },
    )
    python_tree(root, 2)
    with Client.open(settings_for(admin_url)) as client:
        client.connection.execute(
            "select pgdex.cancel_job(job_id) from pgdex.job_status where status in ('pending', 'running')"
        )
        job_id = client.start(root, project=mine).job_id
        with workers_on(admin_url, folder) as workers:
            assert wait_for_end(client, job_id, workers=workers).status == "completed"
    (root / "new.py").write_text("def zebra_new() -> str:\n    return 'something longer'\n")
    (root / "new2.py").write_text("def zebra_new2() -> str:\n    return 'NEW2'\n")  # as long as before
    (root / "gone.py").unlink()
    os.utime(root / "same.py")  # a checkout writes files again that are what they were
    return mine, root


def test_files_that_changed_since_are_marked_and_counted(changed: tuple[str, Path], agent: Agent) -> None:
    mine, root = changed

    answer = agent.call("search_code", query="zebra", project_id=mine).data

    outdated = {hit["path"]: hit.get("is_outdated", False) for hit in answer["hits"] if "zebra" in hit["code"]}
    assert outdated == {"same.py": False, "new.py": True, "new2.py": True, "gone.py": True}
    heads = [
        line for line in agent.call("search_code", query="zebra", project_id=mine).text.splitlines() if ".py:" in line
    ]
    assert {line.partition(":")[0]: line.endswith(" [outdated]") for line in heads if "zebra" in line} == outdated
    assert answer["notes"] == [
        f"{root} is being indexed (pending), so results may be incomplete",  # asked for by the search; nobody works
        f"3 files of those found in {root} have changed or gone since they were indexed. Update with: "
        "start_indexing_background",
    ]


def test_hits_are_marked_in_the_text_of_the_tool_and_of_the_command(
    changed: tuple[str, Path], agents: Agents, client_url: str, tmp_path: Path
) -> None:
    mine, root = changed

    def marks_in(text: str) -> set[str]:
        """What is in square brackets in the line that begins the hit."""
        (head,) = (line for line in text.splitlines() if "new2.py:" in line)
        return set(re.findall(r"\[(\w+)\]", head))

    def marks() -> tuple[set[str], set[str]]:
        """Those of the tool's text, and of the command's."""
        told = agents.agent("stdio-2026-07-28").call("search_code", query="zebra", project_id=mine).text
        shown = run_pgdex(
            *("search", "zebra", "--project", mine), home=tmp_path, PGDEX_DATABASE_URL=client_url, COLUMNS="300"
        )
        return marks_in(told), marks_in(shown.out)

    assert marks() == ({"outdated"}, {"outdated"})
    away = root.rename(root.with_name("moved"))
    try:
        assert marks() == ({"gone"}, {"gone"})
    finally:
        away.rename(root)


def test_a_relative_path_begins_at_the_folder_of_the_session_and_nowhere_without_one(
    agents: Agents, folder: Path
) -> None:
    with_folder = agents.agent("stdio-2026-07-28").call("find_related_code", path="a.py", line=1)
    without = agents.agent("http-2026-07-28").call("find_related_code", path="a.py", line=1)

    assert f"path: {folder}/a.py is in no repository indexed in project default" in with_folder.error
    assert "path must be absolute where repo_path is not given, got 'a.py'" in without.error
