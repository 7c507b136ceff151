"""Three worktrees of one repository and two branches, edited while they are searched, with an agent's server in each:
every answer is that of its own worktree, at once."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal

from pgdex.jobs.client.client import Client
from tests.contract.agents import Agent
from tests.contract.test_watched_folder import agent_in
from tests.support.databases import settings_for
from tests.support.git_trees import git, repository
from tests.support.index_digest import assert_index_is_sound
from tests.support.trees import python_tree, write_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import Workers, end_processes_in, workers_on

NAMES = ("main", "fix", "feature")
PATIENCE = {"PGDEX_FRESH_SECONDS": "30", "PGDEX_EMBEDDER": "hashing"}


@pytest.fixture
def workers(database_url: str, tmp_path: Path) -> Iterator[Workers]:
    """Two workers."""
    folder = tmp_path / "workers"
    folder.mkdir()
    with workers_on(database_url, folder, count=2) as workers:
        workers.wait_until_alive(2)
        yield workers


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The servers' PGDEX_HOME."""
    yield tmp_path / "home"
    assert end_processes_in(tmp_path / "home") == []


@pytest.fixture
def worktrees(database_url: str, tmp_path: Path, workers: Workers) -> dict[str, Path]:
    """The main worktree, one beside it on the branch `fix`, and one inside it on a branch `feature`; all indexed."""
    main = tmp_path.resolve() / "main"
    python_tree(main, 20)
    repository(main, {"where.py": "def where_main():\n    return 0\n"})
    git("branch", "fix", at=main)
    git("branch", "feature", at=main)
    git("worktree", "add", "--quiet", "../fix", "fix", at=main)
    git("worktree", "add", "--quiet", ".trees/feature", "feature", at=main)
    trees = {"main": main, "fix": main.parent / "fix", "feature": main / ".trees" / "feature"}
    for name in ("fix", "feature"):
        write_tree(trees[name], {"where.py": f"def where_{name}():\n    return 0\n"})
    with Client.open(settings_for(database_url, embedder="hashing")) as client:
        for tree in trees.values():
            assert wait_for_end(client, client.start(tree).job_id, workers=workers).status == "completed"
        shared = client.connection.execute(
            "select count(*), count(distinct repository_id) from pgdex.versions"
        ).fetchone()
    assert shared == (20 + 3, 1), "what is the same in all is stored once"
    return trees


def contents(agent: Agent, query: str, **arguments: object) -> dict[str, str]:
    """The code of each file that is found."""
    answer = agent.call("search_code", query=query, **arguments).data
    files = [f"{hit.get('repo_path')}/{hit['path']}" for hit in answer["hits"]]
    assert len(files) == len(set(files))
    assert not any("is_outdated" in hit for hit in answer["hits"]), answer["notes"]
    return {hit["path"]: hit["code"] for hit in answer["hits"] if query in hit.get("code", "")}


@pytest.mark.parametrize("watching", ["1", "0"])
def test_each_agent_finds_what_is_in_its_worktree_and_nothing_of_the_others(
    portal: BlockingPortal, worktrees: dict[str, Path], database_url: str, home: Path, watching: str
) -> None:
    with ExitStack() as stack:
        agents = {
            name: stack.enter_context(agent_in(portal, tree, database_url, home, PGDEX_WATCH=watching, **PATIENCE))
            for name, tree in worktrees.items()
        }
        wrong: list[str] = []

        def work(name: str) -> None:
            agent, tree = agents[name], worktrees[name]
            for step in range(5):
                write_tree(tree, {"where.py": f"def where_{name}_{step}():\n    return {step}\n"})
                write_tree(tree, {f"made_{step}.py": f"def made_in_{name}_{step}():\n    pass\n"})
                if f"where_{name}_{step}" not in contents(agent, f"where_{name}_{step}").get("where.py", ""):
                    wrong.append(f"{name} {step}: not as it was saved")
                if not contents(agent, f"made_in_{name}_{step}"):
                    wrong.append(f"{name} {step}: the new file is not found")
                wrong.extend(
                    f"{name} {step}: finds what is made in {other}"
                    for other in NAMES
                    if other != name and contents(agent, f"made_in_{other}_{step}")
                )

        threads = [threading.Thread(target=work, args=[name]) for name in NAMES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []

        # A branch is switched under an agent, and back.
        git("stash", "--include-untracked", "--quiet", at=worktrees["fix"])
        git("checkout", "--quiet", "-b", "third", at=worktrees["fix"])
        write_tree(worktrees["fix"], {"where.py": "def where_third():\n    return 0\n"})
        assert contents(agents["fix"], "where_third")
        assert not contents(agents["fix"], "made_in_fix_4")
        git("checkout", "--quiet", "--force", "fix", at=worktrees["fix"])
        git("stash", "pop", "--quiet", at=worktrees["fix"])
        assert contents(agents["fix"], "made_in_fix_4")
        assert not contents(agents["fix"], "where_third")

        # Others are searched where they are named, the main one where all is.
        assert contents(agents["fix"], "where_feature_4", view="feature")
        assert contents(agents["feature"], "where_main_4", everywhere=True)
        assert contents(agents["main"], "where_fix_4", repo_path=str(worktrees["fix"]))
        searched = agents["main"].call("search_code", query="where", everywhere=True).data
        assert (searched["repo_path"], searched.get("searched")) == (str(worktrees["main"]), None)
    with Client.open(settings_for(database_url)) as client:
        assert_index_is_sound(client.connection)
