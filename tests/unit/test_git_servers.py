"""Git over https, from git's own server behind TLS, and over ssh; logins, and what goes wrong on the way."""

import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pgdex.indexer.git import (
    AuthenticationFailed,
    CertificateRefused,
    CommitNotFound,
    GitAborted,
    GitTimedOut,
    GitUrl,
    HostKeyRefused,
    HostUnknown,
    Limits,
    Mirrors,
    NotARepository,
    Ref,
    SourceRefused,
    SourceUnreachable,
)
from pgdex.indexer.git.outcomes import failure, readable
from tests.support.git_repositories import Repository
from tests.support.git_server import GitServer, git_server

SECRET = "s3cr3t-Pa55"


@pytest.fixture
def source(tmp_path: Path) -> Repository:
    repository = Repository.make(tmp_path / "source")
    repository.commit({"a.py": "x = 1\n"}, "first")
    (tmp_path / "served").mkdir()
    repository.bare(tmp_path / "served" / "repo.git")
    repository.git("remote", "add", "origin", str(tmp_path / "served" / "repo.git"))
    return repository


@pytest.fixture
def server(source: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with openssl")
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (tmp_path / "gitconfig").write_text("")
    with git_server(tmp_path / "served", tmp_path) as started:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(started.certificate))
        yield started


@pytest.fixture
def mirrors(tmp_path: Path) -> Mirrors:
    return Mirrors(folder=tmp_path / "cache", max_bytes=1 << 30, limits=Limits(stall=30, total=60))


def url(server: GitServer, name: str = "repo.git") -> GitUrl:
    return GitUrl.parse(f"{server.url}/{name}")


def paths(mirrors: Mirrors, url: GitUrl, commit: str) -> list[str]:
    with mirrors.snapshot(url, commit) as snapshot:
        return [file.path for file in snapshot.listing()]


# https


def test_a_repository_is_fetched_over_https(server: GitServer, mirrors: Mirrors, source: Repository) -> None:
    resolved = mirrors.resolve(url(server))
    assert (resolved.commit, resolved.ref_name) == (source.git("rev-parse", "HEAD"), "main")
    assert paths(mirrors, url(server), resolved.commit) == ["a.py"]

    second = source.commit({"b.py": "y = 1\n"})
    source.git("push", "--quiet", "origin", "main")
    assert mirrors.resolve(url(server), Ref.branch("main")).commit == second
    assert paths(mirrors, url(server), second) == ["a.py", "b.py"]


def test_a_commit_is_fetched_by_its_id_after_its_branch_moved_on(
    server: GitServer, mirrors: Mirrors, source: Repository
) -> None:
    first = source.git("rev-parse", "HEAD")
    source.commit({"b.py": "y = 1\n"})
    source.git("push", "--quiet", "origin", "main")
    mirrors.ensure(url(server), first)
    assert paths(mirrors, url(server), first) == ["a.py"]


@pytest.mark.parametrize("is_pushed_over", [False, True])
def test_a_server_of_the_old_protocol_is_asked_for_branches(
    server: GitServer, mirrors: Mirrors, source: Repository, is_pushed_over: bool
) -> None:
    """It serves no commit by its id unless a branch or tag has it."""
    server.environment["GIT_PROTOCOL"] = "version=0"
    first = source.git("rev-parse", "HEAD")
    source.commit({"b.py": "y = 1\n"})
    if is_pushed_over:
        source.git("checkout", "--quiet", "--orphan", "other")
        source.git("commit", "--quiet", "-m", "other")
        source.git("push", "--quiet", "--force", "origin", "other:main")
        with pytest.raises(CommitNotFound, match="force push"):
            mirrors.ensure(url(server), first, ref_name="main")
    else:
        source.git("push", "--quiet", "origin", "main")
        mirrors.ensure(url(server), first, ref_name="main")
        assert paths(mirrors, url(server), first) == ["a.py"]
    assert mirrors.resolve(url(server)).ref_name == "main"


def test_a_commit_that_the_server_lost_is_said_to_be_gone(server: GitServer, mirrors: Mirrors) -> None:
    with pytest.raises(CommitNotFound, match=r"localhost:.*/repo does not have the commit"):
        mirrors.ensure(url(server), "1" * 40)


def test_without_a_login_the_message_names_the_way(server: GitServer, mirrors: Mirrors) -> None:
    server.login = f"me:{SECRET}"
    began = time.monotonic()
    with pytest.raises(AuthenticationFailed, match="credential helper"):
        mirrors.resolve(url(server))
    assert time.monotonic() - began < 30


def test_a_credential_helper_of_the_user_counts(server: GitServer, mirrors: Mirrors, tmp_path: Path) -> None:
    server.login = f"me:{SECRET}"
    helper = f'!f() {{ echo username=me; echo "password={SECRET}"; }}; f'
    (tmp_path / "gitconfig").write_text(f'[credential]\n\thelper = "{helper.replace(chr(34), chr(92) + chr(34))}"\n')
    assert mirrors.resolve(url(server)).ref_name == "main"


def test_a_token_in_the_users_own_settings_shows_nowhere(
    server: GitServer, mirrors: Mirrors, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As CI systems set it: url.https://TOKEN@host/.insteadOf."""
    caplog.set_level(logging.DEBUG)
    server.login = f"me:{SECRET}"
    place = server.url.removeprefix("https://")
    (tmp_path / "gitconfig").write_text(f'[url "https://me:{SECRET}@{place}/"]\n\tinsteadOf = {server.url}/\n')
    said: list[str] = []

    resolved = mirrors.resolve(url(server), progress=said.append)
    server.status = 403
    with pytest.raises(AuthenticationFailed) as refused:
        mirrors.resolve(url(server), progress=said.append)

    assert resolved.ref_name == "main"
    for text in (str(refused.value), repr(refused.value), repr(url(server)), caplog.text, *said):
        assert SECRET not in text
    for path in mirrors.folder.rglob("*"):
        assert SECRET not in str(path)
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_no_commands_arguments_hold_a_credential(server: GitServer, mirrors: Mirrors) -> None:
    with pytest.raises(SourceRefused) as refused:
        GitUrl.parse(f"{server.url.replace('https://', f'https://me:{SECRET}@')}/repo.git")
    assert SECRET not in str(refused.value)
    assert server.asked == []


@pytest.mark.parametrize("name", ["missing.git", "repo.git/deeper"])
def test_where_no_repository_is_the_message_says_so(server: GitServer, mirrors: Mirrors, name: str) -> None:
    with pytest.raises(NotARepository, match="no git repository at localhost"):
        mirrors.resolve(url(server, name))


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_server_with_troubles_may_be_asked_again(server: GitServer, mirrors: Mirrors, status: int) -> None:
    server.status = status
    with pytest.raises(SourceUnreachable) as error:
        mirrors.resolve(url(server))
    assert error.value.is_transient


def test_a_server_that_stalls_is_given_up(server: GitServer, tmp_path: Path) -> None:
    server.stalls = True
    hasty = Mirrors(folder=tmp_path / "cache", max_bytes=1, limits=Limits(stall=1, total=60))
    began = time.monotonic()
    with pytest.raises((GitTimedOut, SourceUnreachable)) as error:
        hasty.resolve(url(server))
    assert time.monotonic() - began < 20
    assert error.value.is_transient
    assert not gits_below(os.getpid())


def test_an_abort_ends_git_and_its_children_at_once(server: GitServer, mirrors: Mirrors) -> None:
    server.stalls = True
    stop = threading.Event()
    timer = threading.Timer(1, stop.set)
    timer.start()
    began = time.monotonic()
    with pytest.raises(GitAborted):
        mirrors.resolve(url(server), aborted=stop.is_set)
    assert time.monotonic() - began < 15
    assert not gits_below(os.getpid())


def gits_below(pid: int) -> list[str]:
    """The git processes that this one has started and that still run."""
    children = psutil.Process(pid).children(recursive=True)
    return [child.name() for child in children if "git" in child.name() and child.status() != psutil.STATUS_ZOMBIE]


def test_a_certificate_that_nobody_vouches_for_is_refused(
    server: GitServer, mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GIT_SSL_CAINFO")
    with pytest.raises(CertificateRefused, match="not trusted"):
        mirrors.resolve(url(server))


def test_a_redirection_is_followed_only_where_hosts_are_not_limited(
    server: GitServer, mirrors: Mirrors, tmp_path: Path
) -> None:
    server.redirects["/old.git"] = f"{server.url}/repo.git"
    assert mirrors.resolve(url(server, "old.git")).ref_name == "main"
    host = server.url.removeprefix("https://")
    limited = Mirrors(folder=tmp_path / "other", max_bytes=1, sources=[host])
    assert limited.resolve(url(server)).ref_name == "main"
    with pytest.raises(SourceRefused, match="leads to another address"):
        limited.resolve(url(server, "old.git"))


@pytest.mark.parametrize("place", ["http://localhost:1/repo.git", "file:///etc", "ext::sh -c x", "ftp://localhost/x"])
def test_a_redirection_to_another_protocol_is_refused(server: GitServer, mirrors: Mirrors, place: str) -> None:
    server.redirects["/old.git"] = place
    with pytest.raises((SourceRefused, SourceUnreachable, NotARepository)):
        mirrors.resolve(url(server, "old.git"))


def test_the_users_settings_cannot_lead_to_a_program(server: GitServer, mirrors: Mirrors, tmp_path: Path) -> None:
    (tmp_path / "gitconfig").write_text(f'[url "ext::touch {tmp_path}/sprung "]\n\tinsteadOf = {server.url}/\n')
    with pytest.raises(SourceRefused, match="protocol that pgdex does not use"):
        mirrors.resolve(url(server))
    assert not (tmp_path / "sprung").exists()


def test_nobody_listening_and_no_such_host(server: GitServer, mirrors: Mirrors) -> None:
    with pytest.raises(SourceUnreachable, match="localhost:1 can't be reached"):
        mirrors.resolve(GitUrl.parse("https://localhost:1/x"))
    with pytest.raises(HostUnknown, match=r"nowhere\.invalid is not known"):
        mirrors.resolve(GitUrl.parse("https://nowhere.invalid/x"))


def test_progress_is_told(server: GitServer, mirrors: Mirrors, source: Repository) -> None:
    source.commit({f"f{number}.py": f"x = {number}\n" for number in range(300)})
    source.git("push", "--quiet", "origin", "main")
    said: list[str] = []
    mirrors.resolve(url(server), progress=said.append)
    assert any("Receiving objects" in line for line in said)


# ssh


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for ssh: notes its arguments and runs the command here. Whoever sets GIT_SSH_COMMAND may do that."""
    program = tmp_path / "ssh.sh"
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >> {tmp_path}/asked\n'
        'while [ "$#" -gt 1 ]; do shift; done\nunset GIT_DIR\nexec sh -c "$1"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(program))
    monkeypatch.setenv("GIT_SSH_VARIANT", "ssh")
    return tmp_path / "asked"


@pytest.mark.parametrize("form", ["ssh://git@host:2222{path}", "git@host:{path}", "ssh://host{path}"])
def test_a_repository_is_fetched_over_ssh(
    source: Repository, mirrors: Mirrors, ssh: Path, tmp_path: Path, form: str
) -> None:
    address = GitUrl.parse(form.format(path=tmp_path / "served" / "repo.git"))
    resolved = mirrors.resolve(address)
    assert resolved.commit == source.git("rev-parse", "HEAD")
    assert paths(mirrors, address, resolved.commit) == ["a.py"]
    asked = ssh.read_text()
    assert ("2222" in asked) == ("2222" in form)
    assert "host\n" in asked


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("git@host: Permission denied (publickey,password).", AuthenticationFailed),
        ("Host key verification failed.", HostKeyRefused),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", HostKeyRefused),
        ("ssh: Could not resolve hostname host: Name or service not known", HostUnknown),
        ("ssh: connect to host host port 22: Connection refused", SourceUnreachable),
        ("ERROR: Repository not found.", NotARepository),
        ("fatal: '/x' does not appear to be a git repository", NotARepository),
    ],
)
def test_what_ssh_says_becomes_a_clear_error(
    mirrors: Mirrors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, kind: type[Exception]
) -> None:
    program = tmp_path / "ssh.sh"
    program.write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 255\n')
    program.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(program))
    with pytest.raises(kind, match="host"):
        mirrors.resolve(GitUrl.parse("git@host:/x"))


def test_the_real_ssh_asks_nobody(mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("ssh") is None:
        pytest.skip("there is no ssh here")
    monkeypatch.delenv("GIT_SSH_COMMAND", raising=False)
    began = time.monotonic()
    with pytest.raises((SourceUnreachable, HostUnknown)):
        mirrors.resolve(GitUrl.parse("ssh://git@localhost:1/x"))
    assert time.monotonic() - began < 30


def test_what_a_server_says_can_obey_no_terminal() -> None:
    said = readable(b"remote: \x1b]0;evil\x07\x1b[31mred\r\nfatal: something\x00 new\n")
    message = str(failure(said, GitUrl.parse("https://host/x")))
    assert message.isprintable()
    assert "something" in message
