"""Repositories that would run something: each could create a file, and none does.

That the traps work on a git that is called without care is a test of its own.
"""

import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from pgdex.indexer.git import CommitNotFound, Git, GitError, GitFailed, GitUrl, Mirrors, remote, tree_listing
from pgdex.indexer.git.mirror_folder import MirrorFolder
from pgdex.indexer.git.program import UPLOAD_PACK
from tests.support.git_repositories import ENVIRONMENT, Repository

LIMIT = 1 << 20


def script(path: Path, sprung: Path) -> Path:
    path.write_text(f"#!/bin/sh\ntouch '{sprung}'\nexit 1\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def sprung(tmp_path: Path) -> Path:
    """The file that a trap creates."""
    return tmp_path / "sprung"


@pytest.fixture
def source(tmp_path: Path) -> Repository:
    repository = Repository.make(tmp_path / "source")
    repository.commit({"a.py": "x = 1\n", "sub/b.txt": "text\n"})
    return repository


@pytest.fixture
def mirrors(tmp_path: Path) -> Mirrors:
    return Mirrors(folder=tmp_path / "cache", max_bytes=1 << 30)


def everything(mirrors: Mirrors, url: GitUrl) -> list[str]:
    """List and read it all, as a job does."""
    resolved = mirrors.resolve(url)
    with mirrors.snapshot(url, resolved.commit) as snapshot:
        snapshot.submodules(url)
        found = list(snapshot.listing())
        for file in found:
            if file.skip_reason is None:
                assert file.blob_id is not None
                snapshot.read(file.path, file.blob_id, max_file_bytes=LIMIT)
    return [file.path for file in found]


def _hooks(repository: Repository, trap: Path) -> None:
    hooks = repository.path / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in (
        "reference-transaction",
        "post-checkout",
        "pre-auto-gc",
        "post-update",
        "pre-receive",
        "post-index-change",
    ):
        os.link(trap, hooks / name)
    repository.git("config", "core.hooksPath", str(hooks))


def _filters(repository: Repository, trap: Path) -> None:
    (repository.path / ".gitattributes").write_text("* filter=trap diff=trap\n")
    repository.git("add", ".gitattributes")
    repository.git("commit", "--quiet", "-m", "attributes")
    (repository.path / ".git" / "info").mkdir(exist_ok=True)
    (repository.path / ".git" / "info" / "attributes").write_text("* filter=trap diff=trap\n")
    for name in ("filter.trap.smudge", "filter.trap.clean", "filter.trap.process", "diff.trap.textconv"):
        repository.git("config", name, str(trap))


def _settings(*names: str) -> Callable[[Repository, Path], None]:
    def lay(repository: Repository, trap: Path) -> None:
        for name in names:
            repository.git("config", name, str(trap))

    return lay


def _included(repository: Repository, trap: Path) -> None:
    more = repository.path / ".git" / "more"
    more.write_text(f"[core]\n\tfsmonitor = {trap}\n\tsshCommand = {trap}\n[uploadpack]\n\tpackObjectsHook = {trap}\n")
    repository.git("config", "include.path", str(more))


def _promisor(url: str) -> Callable[[Repository, Path], None]:
    """A part of it is missing, and to be fetched from where a program of its choice is run."""

    def lay(repository: Repository, trap: Path) -> None:
        blob = repository.git("rev-parse", "HEAD:a.py")
        (repository.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
        settings = {
            "core.repositoryFormatVersion": "1",
            "extensions.partialClone": "origin",
            "remote.origin.url": url.format(trap=trap, path=repository.path),
            "remote.origin.promisor": "true",
            "remote.origin.uploadpack": str(trap),
            "remote.origin.partialCloneFilter": "blob:none",
            "core.sshCommand": str(trap),
            "core.gitProxy": str(trap),
            "protocol.allow": "always",
            "protocol.ext.allow": "always",
        }
        for name, value in settings.items():
            repository.git("config", name, value)

    return lay


TRAPS: dict[str, Callable[[Repository, Path], None]] = {
    "hooks": _hooks,
    "filters and attributes": _filters,
    "core.fsmonitor": _settings("core.fsmonitor"),
    "programs in settings": _settings(
        *("core.sshCommand", "core.gitProxy", "core.pager", "core.editor", "core.askPass", "credential.helper"),
        *("uploadpack.packObjectsHook", "gpg.program", "diff.external", "alias.upload-pack", "pager.ls-tree"),
        *("core.alternateRefsCommand", "sequence.editor", "trace2.eventTarget", "remote.origin.vcs"),
    ),
    "an included file": _included,
    "promisor by ext": _promisor("ext::{trap}"),
    "promisor by ssh": _promisor("ssh://localhost/x"),
    "promisor by file": _promisor("file://{path}"),
    "promisor by path": _promisor("{path}"),
    "promisor by git": _promisor("git://localhost/x"),
}
INCOMPLETE = [name for name in TRAPS if name.startswith("promisor")]


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("name", TRAPS)
def test_nothing_that_a_repository_configures_runs(
    mirrors: Mirrors, source: Repository, sprung: Path, tmp_path: Path, name: str, bare: bool
) -> None:
    TRAPS[name](source, script(tmp_path / "trap", sprung))
    sprung.unlink(missing_ok=True)  # by git itself, when it was laid
    if bare:
        source.git("config", "core.bare", "true")
    url = GitUrl.local(source.path / ".git" if bare else source.path)

    if name in INCOMPLETE:
        with pytest.raises(GitError):
            everything(mirrors, url)
    else:
        assert everything(mirrors, url)[-2:] == ["a.py", "sub/b.txt"]

    assert not sprung.exists()


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("core.fsmonitor", ["status"]),
        ("hooks", ["checkout", "--quiet", "-b", "other"]),
        ("filters and attributes", ["checkout-index", "--force", "--all"]),
        ("an included file", ["status"]),
        ("programs in settings", ["diff", "HEAD", "--", "a.py"]),
        ("promisor by file", ["cat-file", "-p", "HEAD:a.py"]),
        ("promisor by ext", ["cat-file", "-p", "HEAD:a.py"]),
        ("promisor by ssh", ["cat-file", "-p", "HEAD:a.py"]),
    ],
)
def test_the_traps_work_on_a_git_that_is_called_without_care(
    source: Repository, sprung: Path, tmp_path: Path, name: str, command: list[str]
) -> None:
    TRAPS[name](source, script(tmp_path / "trap", sprung))
    sprung.unlink(missing_ok=True)
    (source.path / "a.py").write_text("x = 2\n")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | ENVIRONMENT
    subprocess.run(["git", *command], cwd=source.path, env=environment, capture_output=True, check=False, timeout=30)
    assert sprung.exists()


def test_promised_objects_are_fetched_by_no_version(source: Repository, sprung: Path, tmp_path: Path) -> None:
    """Older versions fetch them while they serve; no protocol is left to them for that."""
    _promisor("file://{path}")(source, script(tmp_path / "trap", sprung))
    environment = Git.find().environment(folder=str(source.path / ".git"), in_repository=True)
    del environment["GIT_NO_LAZY_FETCH"]
    command = Git.find().command(["cat-file", "-p", "HEAD:a.py"])
    done = subprocess.run(
        command, cwd=source.path / ".git", env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "not allowed" in done.stderr
    assert not sprung.exists()


def test_the_settings_of_the_process_that_starts_us_stay_outside(
    mirrors: Mirrors, source: Repository, sprung: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a hook or an alias of another repository."""
    trap = script(tmp_path / "trap", sprung)
    other = Repository.make(tmp_path / "other")
    other.commit({"b.py": "y = 1\n"})
    for name, value in {
        "GIT_DIR": str(other.path / ".git"),
        "GIT_WORK_TREE": str(other.path),
        "GIT_INDEX_FILE": str(other.path / ".git" / "index"),
        "GIT_OBJECT_DIRECTORY": str(other.path / ".git" / "objects"),
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={trap}' 'core.sshCommand={trap}'",
        "GIT_TEMPLATE_DIR": str(tmp_path),
        "GIT_EXTERNAL_DIFF": str(trap),
        "GIT_PAGER": str(trap),
        "GIT_ASKPASS": str(trap),
        "SSH_ASKPASS": str(trap),
        "GIT_PROXY_COMMAND": str(trap),
        "GIT_TRACE": str(sprung),
        "GIT_TRACE2_EVENT": str(sprung),
        "GIT_CURL_VERBOSE": "1",
        "GIT_ALLOW_PROTOCOL": "ext",
        "GIT_NAMESPACE": "x",
        "GIT_SHALLOW_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(name, value)

    assert everything(mirrors, GitUrl.local(source.path)) == ["a.py", "sub/b.txt"]
    assert not sprung.exists()


def test_mirrors_inside_of_a_repository_have_nothing_of_it(source: Repository, sprung: Path, tmp_path: Path) -> None:
    """Some people keep their home folder under git."""
    home = Repository.make(tmp_path / "home")
    home.git("config", "core.fsmonitor", str(script(tmp_path / "trap", sprung)))
    home.git("config", f"url.{tmp_path}/nowhere.insteadOf", str(source.path))
    assert everything(Mirrors(folder=home.path / "cache", max_bytes=1), GitUrl.local(source.path)) == [
        "a.py",
        "sub/b.txt",
    ]
    assert not sprung.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_repository_of_another_user_is_read(mirrors: Mirrors, source: Repository) -> None:
    for folder, _, files in os.walk(source.path):
        for path in (folder, *(os.path.join(folder, file) for file in files)):
            os.chown(path, 12_345, 12_345)
    assert everything(mirrors, GitUrl.local(source.path)) == ["a.py", "sub/b.txt"]


def test_a_replaced_or_grafted_object_is_the_original_one(mirrors: Mirrors, source: Repository) -> None:
    blob = source.git("rev-parse", "HEAD:a.py")
    other = source.git("hash-object", "-w", "--stdin", data=b"evil\n")
    source.git("replace", blob, other)
    url = GitUrl.local(source.path)
    commit = mirrors.resolve(url).commit
    with mirrors.snapshot(url, commit) as snapshot:
        read = snapshot.read("a.py", bytes.fromhex(blob), max_file_bytes=LIMIT)
    assert getattr(read, "text", None) == "x = 1\n"


def test_names_in_a_tree_are_never_paths_here(mirrors: Mirrors, source: Repository, tmp_path: Path) -> None:
    """Nothing is written under the names of a tree, so what they say leads nowhere."""
    blob = source.git("rev-parse", "HEAD:a.py")
    inner = source.git("mktree", data=f"100644 blob {blob}\tsprung\n".encode())
    names = (
        f"100644 blob {blob}\t-rf\n040000 tree {inner}\t..\n100644 blob {blob}\tback\\slash\n120000 blob {blob}\tlink\n"
    )
    tree = source.git("mktree", data=names.encode())
    commit = source.git("commit-tree", tree, "-m", "x")
    source.git("update-ref", "refs/heads/evil", commit)
    before = {path for path in tmp_path.rglob("*") if mirrors.folder not in path.parents}

    url = GitUrl.local(source.path)
    with mirrors.snapshot(url, commit) as snapshot:
        found = {file.path: file.skip_reason for file in snapshot.listing()}
        assert snapshot.blob_id("-rf") == bytes.fromhex(blob)
        assert snapshot.blob_id("*") is None
    assert found.keys() == {"-rf", "back\\slash", "link"}
    assert {path for path in tmp_path.rglob("*") if mirrors.folder not in path.parents} - before <= {mirrors.folder}


def test_a_tree_that_multiplies_itself_is_given_up(
    mirrors: Mirrors, source: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_listing, "MOST_ENTRIES", 50_000)
    tree = source.git("rev-parse", "HEAD^{tree}")
    for _ in range(12):
        tree = source.git("mktree", data="".join(f"040000 tree {tree}\td{number}\n" for number in range(10)).encode())
    commit = source.git("commit-tree", tree, "-m", "x")
    source.git("update-ref", "refs/heads/bomb", commit)
    with (
        mirrors.snapshot(GitUrl.local(source.path), commit) as snapshot,
        pytest.raises(GitFailed, match="more than 50,000 files"),
    ):
        next(snapshot.listing())


def test_a_tree_that_names_a_file_twice_is_refused(mirrors: Mirrors, source: Repository) -> None:
    entry = b"100644 a.py\0" + bytes.fromhex(source.git("rev-parse", "HEAD:a.py"))
    tree = source.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", data=entry * 2)
    commit = source.git("commit-tree", tree, "-m", "x")
    source.git("update-ref", "refs/heads/twice", commit)
    with (
        mirrors.snapshot(GitUrl.local(source.path), commit) as snapshot,
        pytest.raises(GitFailed, match="not in order"),
    ):
        list(snapshot.listing())


@pytest.mark.parametrize("name", INCOMPLETE)
def test_a_git_that_fetches_promised_objects_while_it_serves_has_no_protocol_for_it(
    mirrors: Mirrors, source: Repository, sprung: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As versions before 2.39.4 do, which don't know GIT_NO_LAZY_FETCH."""
    older = UPLOAD_PACK.replace("GIT_NO_LAZY_FETCH=1", "GIT_NO_LAZY_FETCH=0")
    monkeypatch.setattr(remote, "UPLOAD_PACK", older)
    TRAPS[name](source, script(tmp_path / "trap", sprung))
    with pytest.raises(GitError):
        everything(mirrors, GitUrl.local(source.path))
    assert not sprung.exists()

    careless = older.replace("GIT_ALLOW_PROTOCOL=", "GIT_ALLOW_PROTOCOL=ext:ssh:file:git")
    monkeypatch.setattr(remote, "UPLOAD_PACK", careless.replace("core.sshCommand=false", "core.abbrev=7"))
    with pytest.raises(GitError):
        everything(mirrors, GitUrl.local(source.path))
    assert sprung.exists(), "the trap is none"


def test_a_source_whose_refs_name_options_is_only_a_source(mirrors: Mirrors, source: Repository, sprung: Path) -> None:
    evil = source.path / ".git" / "refs" / "heads" / f"--upload-pack=touch {sprung.name}"
    evil.write_text(source.git("rev-parse", "HEAD") + "\n")
    (source.path / ".git" / "HEAD").write_text(f"ref: refs/heads/{evil.name}\n")
    with suppress(GitError):
        everything(mirrors, GitUrl.local(source.path))
    assert not list(sprung.parent.rglob("sprung"))


def test_the_folders_of_mirrors_have_tame_names(tmp_path: Path) -> None:
    for text in ("https://host/..a/b", "https://host/" + "é" * 300, "host:~x/y@z/q", "https://[::1]/x"):
        name = MirrorFolder.of(tmp_path, GitUrl.parse(text), "a" * 40).name
        assert name.isascii()
        assert len(name) < 100
        assert not name.startswith(("-", "."))
        assert "/" not in name
    one, other = (GitUrl.parse(text) for text in ("https://host/x", "ssh://host/x"))
    assert MirrorFolder.of(tmp_path, one, "a" * 40) != MirrorFolder.of(tmp_path, other, "a" * 40)


def test_a_commit_of_another_repository_is_not_had_through_the_mirror_of_an_allowed_one(
    mirrors: Mirrors, source: Repository, tmp_path: Path
) -> None:
    private = Repository.make(tmp_path / "private")
    commit = private.commit({"secret.py": "y = 1\n"})
    mirrors.resolve(GitUrl.local(private.path))
    with pytest.raises(CommitNotFound):
        mirrors.ensure(GitUrl.local(source.path), commit)
