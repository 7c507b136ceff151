"""What rules leave out: counted, explained, and an error where nothing is left; secrets; folders that are too broad."""

from pathlib import Path

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.explain import Why, why
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.client.views import skipped_files
from pgdex.jobs.errors import InvalidRequest, TooBroad
from tests.support.index_digest import assert_index_is_sound
from tests.support.trees import write_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import Workers

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----\n"


@pytest.fixture
def workers(workers: Workers) -> Workers:
    workers.start()
    return workers


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return tmp_path / "repository"


def run(client: Client, workers: Workers, tree: Path, *, no_ignore: bool | None = None) -> JobStatus:
    """One job to its end, whatever that is."""
    status = wait_for_end(client, client.start(tree, no_ignore=no_ignore).job_id, workers=workers)
    assert_index_is_sound(client.connection)
    return status


def explained(client: Client, tree: Path, path: str) -> Why:
    """What is said of a path."""
    return why(client.connection, project="default", root=tree, path=path, max_file_bytes=1 << 20)


def indexed(client: Client) -> set[str]:
    """The paths of the files that can be found."""
    rows = client.connection.execute("select path from pgdex.files where skip_reason is null")
    return {row[0] for row in rows}


def test_a_folder_in_which_rules_leave_out_everything_is_an_error_that_names_them(
    client: Client, workers: Workers, tree: Path
) -> None:
    write_tree(tree, {".gitignore": "*.o\n# from a source package\n/*\n", "src/a.py": "x = 1\n", "README": "words\n"})
    write_tree(tree, {"node_modules/a.js": "x\n"})

    status = run(client, workers, tree)

    assert (status.status, status.error_type) == ("failed", "NothingFound")
    message = status.error_message or ""
    assert f"no file to index in {tree}: .gitignore:3 `/*` excludes 3 entries" in message
    assert "built-in rule `node_modules` excludes 1 entry" in message
    assert f"pgdex skipped {tree} --why FILE" in message
    assert "--no-ignore" in message


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({}, "there is nothing in it"),
        ({".git/HEAD": "x"}, "there is nothing in it"),
        ({"a/.git/x": "x"}, "only empty folders"),
    ],
)
def test_an_empty_folder_is_an_error_that_says_so(
    client: Client, workers: Workers, tree: Path, files: dict[str, str | bytes], what: str
) -> None:
    tree.mkdir()
    write_tree(tree, files)

    status = run(client, workers, tree)

    assert (status.status, status.error_type) == ("failed", "NothingFound")
    assert what in (status.error_message or "")


def test_the_summary_counts_what_was_left_out_by_which_rule(client: Client, workers: Workers, tree: Path) -> None:
    write_tree(tree, {"a.py": "x = 1\n", ".gitignore": "*.log\nbuild/\n", **{f"{n}.log": "x\n" for n in range(5)}})
    write_tree(tree, {"build/x.py": "x\n", "build/y.py": "x\n", "d/.gitignore": "secret*\n", "d/secret.txt": "x\n"})

    status = run(client, workers, tree)

    assert status.status == "completed", status.error_message
    assert status.summary is not None
    ignored = status.summary["ignored"]
    assert (ignored["entries"], ignored["heeds_git"]) == (7, True)
    assert ignored["rules"][0] == {"file": ".gitignore", "line": 1, "pattern": "*.log", "entries": 5}
    assert {"file": "d/.gitignore", "line": 1, "pattern": "secret*", "entries": 1} in ignored["rules"]


def test_without_ignore_rules_is_remembered_until_it_is_taken_back(
    client: Client, workers: Workers, tree: Path
) -> None:
    write_tree(tree, {".gitignore": "/*\n", ".pgdexignore": "own.txt\n", "own.txt": "x\n"})
    write_tree(tree, {"src/a.py": "x = 1\n", "node_modules/b.js": "x\n"})

    first = run(client, workers, tree, no_ignore=True)

    assert first.status == "completed", first.error_message
    assert indexed(client) == {".gitignore", ".pgdexignore", "src/a.py"}
    assert run(client, workers, tree).files_unchanged == 3
    taken_back = run(client, workers, tree, no_ignore=False)
    assert (taken_back.status, taken_back.error_type) == ("failed", "NothingFound")
    assert "What was indexed before is kept" in (taken_back.error_message or "")
    assert indexed(client) == {".gitignore", ".pgdexignore", "src/a.py"}


def test_a_live_job_keeps_what_it_was_asked_for(client: Client, tree: Path) -> None:
    write_tree(tree, {"a.py": "x = 1\n"})
    client.start(tree, no_ignore=True)

    assert client.start(tree, no_ignore=False).already_running
    assert client.connection.execute("select no_ignore from pgdex.views").fetchone() == (True,)


def test_files_that_become_secrets_leave_the_index_and_come_back_by_pgdexignore(
    client: Client, workers: Workers, tree: Path
) -> None:
    write_tree(tree, {"a.py": "x = 1\n", ".env": "PASSWORD=1\n", "server.pem": KEY, ".pgdexignore": "!.env\n!*.pem\n"})
    run(client, workers, tree)
    assert indexed(client) == {"a.py", ".env", "server.pem", ".pgdexignore"}

    write_tree(tree, {".pgdexignore": "# nothing\n"})
    run(client, workers, tree)

    assert indexed(client) == {"a.py", ".pgdexignore"}
    files = list(skipped_files(client.connection, project="default", repo_path=str(tree)))
    assert {(file.path, file.skip_reason) for file in files} == {(".env", "secret"), ("server.pem", "secret")}
    assert "MII" not in str(files)
    write_tree(tree, {".pgdexignore": "!.env\n!*.pem\n"})
    run(client, workers, tree)
    assert indexed(client) == {"a.py", ".env", "server.pem", ".pgdexignore"}


def test_every_path_is_explained(client: Client, workers: Workers, tree: Path) -> None:
    write_tree(tree, {".gitignore": "build/\n*.log\n", "src/a.py": "def f(): pass\n", "src/b.py": "y = 1\n"})
    write_tree(tree, {"build/x/y.py": "x\n", "a.log": "x\n", "node_modules/m/i.js": "x\n", ".env": "A=1\n", "e.py": ""})
    write_tree(tree, {"logo.png": b"\x89PNG\0\0", ".git/HEAD": "ref: x\n", "gone.py": "x = 1\n", "d/f": "x\n"})
    (tree / "link").symlink_to("src")
    run(client, workers, tree)
    write_tree(tree, {"src/b.py": "y = 2\n", "new.py": "z = 1\n"})
    (tree / "gone.py").unlink()

    answers = {
        path: explained(client, tree, path)
        for path in (
            *("src/a.py", "src/b.py", "new.py", "build/x/y.py", "a.log", "node_modules/m/i.js", ".env", "e.py"),
            *("logo.png", "link", "link/a.py", ".git/HEAD", "gone.py", "nowhere/x.py", "src", ".", "src/a.py/x"),
        )
    }

    assert {path: answer.status for path, answer in answers.items()} == {
        "src/a.py": "indexed",
        "src/b.py": "changed",
        "new.py": "new",
        "build/x/y.py": "ignored",
        "a.log": "ignored",
        "node_modules/m/i.js": "ignored",
        ".env": "skipped",
        "e.py": "skipped",
        "logo.png": "skipped",
        "link": "skipped",
        "link/a.py": "skipped",
        ".git/HEAD": "ignored",
        "gone.py": "missing",
        "nowhere/x.py": "missing",
        "src": "folder",
        ".": "folder",
        "src/a.py/x": "missing",
    }
    assert (answers["src/a.py"].language, answers["src/a.py"].chunks) == ("python", 1)
    assert answers["build/x/y.py"].message.startswith(
        "build/x/y.py lies in build, which is ignored by .gitignore:1 `build/`"
    )
    assert answers["a.log"].message.startswith("a.log is ignored by .gitignore:2 `*.log`")
    assert "built-in rule for node_modules" in answers["node_modules/m/i.js"].message
    assert answers[".env"].skip_reason == "secret"
    assert "never indexed" in answers[".git/HEAD"].message
    assert "the next one removes it" in answers["gone.py"].message
    assert answers["link/a.py"].at == "link"


def test_a_path_outside_and_a_repository_that_is_not_there(client: Client, tmp_path: Path) -> None:
    tree = tmp_path / "unknown"
    write_tree(tree, {"a.py": "x = 1\n"})

    assert explained(client, tree, "a.py").status == "new"
    assert explained(client, tmp_path / "missing", "a.py").status == "unseen"
    with pytest.raises(InvalidRequest, match="is outside"):
        explained(client, tree, "../elsewhere.py")


@pytest.mark.parametrize("folder", ["/", "/usr", "/etc", "~"])
def test_a_folder_that_nobody_means_is_refused_before_a_row_is_written(client: Client, folder: str) -> None:
    with pytest.raises(TooBroad):
        client.start(folder)
    assert client.connection.execute("select count(*) from pgdex.repositories").fetchone() == (0,)


def test_who_insists_gets_a_broad_folder(client: Client, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(tree, {"a.py": "x = 1\n"})
    monkeypatch.setenv("HOME", str(tree))
    with pytest.raises(TooBroad, match="is a home folder"):
        client.start(tree)

    assert client.start(tree, allow_broad=True).status == "pending"


def test_an_allowed_root_needs_no_insisting(client: Client, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(tree, {"a.py": "x = 1\n"})
    monkeypatch.setenv("HOME", str(tree))
    client.settings = client.settings.with_values(allowed_roots=str(tree))

    assert client.start(tree).status == "pending"
