"""What a job indexes of a working tree of git: what git knows, and each file once."""

from pathlib import Path

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.explain import why
from tests.support.git_trees import git, repository
from tests.support.index_digest import assert_index_is_sound
from tests.support.trees import write_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import Workers


def test_a_job_indexes_what_git_knows_and_counts_and_explains_the_rest(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    root = repository(tmp_path / "r", {"m.py": "x = 1\n", "build/release.py": "y = 2\n", ".gitignore": "build/\n"})
    git("worktree", "add", "--quiet", ".claude/worktrees/a", at=root)
    write_tree(root, {"build/out.py": "z = 3\n", "a.scratch.py": "q = 4\n"})
    excludes = tmp_path / "xdg" / "git" / "ignore"
    write_tree(tmp_path, {"xdg/git/ignore": "*.scratch.py\n"})
    workers.environment["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    workers.start()

    status = wait_for_end(client, client.start(root).job_id, workers=workers)

    assert status.status == "completed", status.error_message
    assert status.files_indexed == 3
    rules = {rule["pattern"]: (rule["file"], rule["entries"]) for rule in (status.summary or {})["ignored"]["rules"]}
    assert rules == {
        "build/": (".gitignore", 1),
        "*.scratch.py": (str(excludes), 1),
        "linked worktrees": (None, 1),
    }
    told = why(client.connection, project="default", root=root, path=".claude/worktrees/a/m.py", max_file_bytes=99)
    assert "excluded by the built-in rule for linked worktrees" in told.message
    assert "A line !/.claude/worktrees/a/ in .pgdexignore brings it back" in told.message
    assert_index_is_sound(client.connection)
