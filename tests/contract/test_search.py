"""search_code: what is found, and what is said about how complete and how new that is."""

import json
import os
from pathlib import Path

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import Connection
from tests.contract.agents import Agent
from tests.contract.commands import run_pgdex
from tests.contract.conftest import PROJECT
from tests.contract.test_jobs import half_done, project, start
from tests.support.databases import settings_for
from tests.support.trees import python_tree, write_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import workers_on


def but_on_the_folder(notes: list[str]) -> list[str]:
    """The notes without the one that commands and stdio servers give in pgdex's own checkout, which nobody has
    indexed, and without the one on a question that nothing fits, which has a test of its own."""
    others = ("the whole project was searched", "Nothing fits well")
    return [note for note in notes if not any(other in note for other in others)]


def test_a_hit_has_its_place_its_symbol_and_its_code(agent: Agent, indexed: Path) -> None:
    answer = agent.call("search_code", query="put an item into the shopping cart", project_id=PROJECT).data

    hit = answer["hits"][0]
    assert (hit["repo_path"], hit["path"]) == (str(indexed), "shop/cart.py")
    assert (hit["start_line"], hit["symbol"], hit["kind"], hit["language"]) == (1, "add_to_cart", "function", "python")
    assert "basket.append((item, quantity))" in hit["code"]
    assert hit["score"] > answer["hits"][1]["score"]
    assert hit["is_outdated"] is False
    assert but_on_the_folder(answer["notes"]) == []
    assert answer["project_id"] == PROJECT


def test_the_first_hits_of_a_question_bring_the_code_of_further_pieces(agent: Agent, indexed: Path) -> None:
    hits = agent.call("search_code", query="how is a cart paid or loaded", project_id=PROJECT).data["hits"]

    with_pieces = [hit for hit in hits[:3] if hit["more"]]
    for hit in with_pieces:
        assert [f"{piece['lines']} {piece['symbol'] or ''}".rstrip() for piece in hit["pieces"]] == hit["more"][:2]
        assert all(piece["code"].strip() for piece in hit["pieces"])
    assert all(hit["pieces"] == [] for hit in hits[3:])


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
    told = agent.call("search_code", query=query, project_id=PROJECT, **arguments).data

    assert shown.code == 0, shown.err
    places = [
        (hit["path"], hit["start_line"], hit["end_line"], hit["content"]) for hit in json.loads(shown.out)["hits"]
    ]
    assert places == [(hit["path"], hit["start_line"], hit["end_line"], hit["code"]) for hit in told["hits"]]
    assert but_on_the_folder(json.loads(shown.out)["notes"]) == but_on_the_folder(told["notes"])


def test_what_is_related_to_a_place_does_not_hold_the_place_itself(agent: Agent, indexed: Path) -> None:
    place = {"repo_path": str(indexed), "path": "shop/cart.py", "project_id": PROJECT}

    found = agent.call("find_related_code", **place, line=1).data["hits"]

    assert found
    assert all((hit["path"], hit["start_line"]) != ("shop/cart.py", 1) for hit in found)
    too_far = agent.call("find_related_code", **place, line=99_999)
    assert "VALIDATION_ERROR" in too_far.text
    assert "line: shop/cart.py has lines 1 to" in too_far.text


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

    outdated = {hit["path"]: hit["is_outdated"] for hit in answer["hits"] if "zebra" in hit["code"]}
    assert outdated == {"same.py": False, "new.py": True, "new2.py": True, "gone.py": True}
    assert answer["notes"] == [
        f"{root} is being indexed (pending), so results may be incomplete",  # asked for by the search; nobody works
        f"3 files of those found in {root} have changed or gone since they were indexed. Update with: "
        "start_indexing_background",
    ]
