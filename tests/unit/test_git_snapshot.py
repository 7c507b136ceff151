"""Listing and reading a commit: what a walk of its working tree would give, and what only git has."""

import gc
import os
from pathlib import Path

import pytest

from pgdex.indexer.git import GitAborted, GitSnapshot, GitTimedOut, GitUrl, Limits, Mirrors
from pgdex.indexer.git.program import Git
from pgdex.indexer.git.submodules import address
from pgdex.indexer.sources import LeftOut, Skipped, SkipReason, SourceDocument, SourceText, Unchanged, read_source, walk
from tests.support.documents import pdf
from tests.support.git_repositories import Repository, git

LIMIT = 1 << 20
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12345\n"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"


@pytest.fixture
def source(tmp_path: Path) -> Repository:
    return Repository.make(tmp_path / "source")


@pytest.fixture
def mirrors(tmp_path: Path) -> Mirrors:
    return Mirrors(folder=tmp_path / "cache", max_bytes=1 << 30)


TREE: dict[str, str | bytes] = {
    "a.py": "x = 1\n",
    "a/b.py": "x = 2\n",
    "a-b.py": "x = 3\n",
    "a.d/b.py": "x = 4\n",
    "empty.py": "",
    "large.txt": "word " * 500_000,
    "binary.bin": bytes(range(256)) * 10,
    "latin.py": "# caf\xe9 \xfc\n".encode("latin-1") * 3,
    "min.js": "a" * 5_000,
    "package-lock.json": "{}\n",
    "weights.bin": POINTER,
    ".env": "A=1\n",
    ".env.example": "A=1\n",
    "server.pem": KEY,
    ".gitignore": "ignored/\n",
    "ignored/tracked.py": "x = 5\n",
    "node_modules/x/index.js": "x\n",
    "x/__pycache__/y.py": "x\n",
    "env/pyvenv.cfg": "home = /\n",
    "env/lib/x.py": "x\n",
    "vendor/modules.txt": "# x\n",
    "vendor/x/y.go": "package y\n",
    "sellers/vendor/z.go": "package z\n",
    "conda/conda-meta/history": "x\n",
    "conda/lib.py": "x\n",
    "gems/vendor/bundle/ruby/3.0/x.rb": "x\n",
    "sub/.pgdexignore": "*.log\n!keep.log\n/local/\n",
    "sub/x.log": "x\n",
    "sub/keep.log": "x\n",
    "sub/local/y.py": "x\n",
    "sub/deeper/local/y.py": "x = 6\n",
    ".pgdexignore": "!brought/node_modules/\n!brought/.env\ndocs/*.txt\n!keys/*.pem\n",
    "brought/node_modules/x.py": "x = 7\n",
    "brought/.env": "B=1\n",
    "keys/test.pem": KEY,
    "docs/a.txt": "x\n",
    "docs/a.md": "text\n",
    "dir with space/ü.py": "x = 8\n",
    "notebook.ipynb": '{"cells": [{"cell_type": "code", "source": ["x"]}], "metadata": {}, "nbformat": 4}',
    "deep/" * 210 + "x.py": "x\n",
    "n" * 200 + ".py": "x = 9\n",
}


def test_a_listing_and_its_reading_are_those_of_the_working_tree(mirrors: Mirrors, source: Repository) -> None:
    commit = source.commit(TREE)
    counted, counted_here = LeftOut(), LeftOut()
    walked = list(walk(source.path, heeds_git=False, left_out=counted_here))

    with mirrors.snapshot(GitUrl.local(source.path), commit) as snapshot:
        listed = list(snapshot.listing(left_out=counted))
        assert [(file.path, file.size, file.skip_reason, file.detail) for file in listed] == [
            (file.path, file.size, file.skip_reason, file.detail) for file in walked
        ]
        assert counted.entries == counted_here.entries
        rules = {str(rule): rule.entries for rule in counted.most(b"", number=50)}
        root = os.fsencode(source.path.resolve())
        assert rules == {str(rule): rule.entries for rule in counted_here.most(root, number=50)}
        assert rules["sub/.pgdexignore:1 `*.log`"] == 1
        for file in listed:
            if file.skip_reason is not None:
                continue
            assert file.blob_id is not None
            here = read_source(source.path, file.path, max_file_bytes=LIMIT)
            there = snapshot.read(file.path, file.blob_id, max_file_bytes=LIMIT)
            assert type(there) is type(here), file.path
            assert (there.size, there.content_hash) == (here.size, here.content_hash)
            assert getattr(there, "text", None) == getattr(here, "text", None)
            assert getattr(there, "reason", None) == getattr(here, "reason", None)
            assert snapshot.blob_id(file.path) == file.blob_id
            assert there.mtime_ns is None
    assert {file.skip_reason for file in listed} >= {SkipReason.SECRET, SkipReason.VENDORED, SkipReason.OVERSIZED}
    assert "ignored/tracked.py" in {file.path for file in listed}


def test_content_that_is_known_is_unchanged(mirrors: Mirrors, source: Repository) -> None:
    commit = source.commit({"a.py": "x = 1\n", "b.py": "y = 1\n"})
    with mirrors.snapshot(GitUrl.local(source.path), commit) as snapshot:
        one, other = snapshot.listing()
        assert one.blob_id is not None
        assert other.blob_id is not None
        first = snapshot.read("a.py", one.blob_id, max_file_bytes=LIMIT)
        assert isinstance(first, SourceText)
        known = {first.content_hash, b"x" * 32}
        assert isinstance(snapshot.read("c.py", one.blob_id, max_file_bytes=LIMIT, known_hashes=known), Unchanged)
        assert isinstance(snapshot.read("b.py", other.blob_id, max_file_bytes=LIMIT, known_hashes=known), SourceText)


def test_a_blob_above_the_limit_is_not_read_and_the_next_ones_are(mirrors: Mirrors, source: Repository) -> None:
    commit = source.commit({"a.py": "x = 1\n", "big.py": "x = 2\n" * 500_000, "c.py": "x = 3\n"})
    with mirrors.snapshot(GitUrl.local(source.path), commit) as snapshot:
        blobs = {file.path: file.blob_id or b"" for file in snapshot.listing(max_file_bytes=1 << 30)}
        for _ in range(3):
            big = snapshot.read("big.py", blobs["big.py"], max_file_bytes=LIMIT)
            assert isinstance(big, Skipped)
            assert (big.reason, big.size) == (SkipReason.OVERSIZED, 3_000_000)
            assert isinstance(snapshot.read("c.py", blobs["c.py"], max_file_bytes=LIMIT), SourceText)
    with pytest.raises(ValueError, match="must be positive"):
        list(snapshot.listing(max_file_bytes=0))


def test_a_git_lfs_pointer_has_a_reason_of_its_own_in_working_trees_too(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_text(POINTER)
    read = read_source(tmp_path, "weights.bin", max_file_bytes=LIMIT)
    assert isinstance(read, Skipped)
    assert read.reason is SkipReason.GIT_LFS
    assert "12,345 bytes" in (read.detail or "")
    for text in (
        POINTER + "text\n" * 300,
        "# " + POINTER,
        POINTER.replace("sha256", "md5"),
        POINTER + "And prose.\n",
    ):
        (tmp_path / "no.txt").write_text(text)
        assert isinstance(read_source(tmp_path, "no.txt", max_file_bytes=LIMIT), SourceText), text


def test_links_are_listed_and_never_followed(mirrors: Mirrors, source: Repository) -> None:
    (source.path / "inside.py").symlink_to("a.py")
    (source.path / "outside").symlink_to("/etc/passwd")
    (source.path / "up").symlink_to("../../x")
    commit = source.commit({"a.py": "x = 1\n"})
    with mirrors.snapshot(GitUrl.local(source.path), commit) as snapshot:
        links = {file.path: file.detail for file in snapshot.listing() if file.skip_reason is SkipReason.SYMLINK}
        assert snapshot.blob_id("outside") is None
    assert links == {
        "inside.py": "a link to a.py, inside the tree",
        "outside": "a link to /etc/passwd, outside the tree",
        "up": "a link to ../../x, outside the tree",
    }


def test_a_link_named_as_an_ignore_file_is_not_read(mirrors: Mirrors, source: Repository) -> None:
    (source.path / ".pgdexignore").symlink_to("rules")
    commit = source.commit({"a.py": "x = 1\n", "rules": "*.py\n"})
    with mirrors.snapshot(GitUrl.local(source.path), commit) as snapshot:
        assert "a.py" in [file.path for file in snapshot.listing()]


def test_a_submodule_is_one_row_that_names_its_repository(mirrors: Mirrors, source: Repository, tmp_path: Path) -> None:
    inner = Repository.make(tmp_path / "inner")
    commit = inner.commit({"b.py": "y = 1\n"})
    source.commit({"a.py": "x = 1\n"})
    source.git("submodule", "--quiet", "add", str(inner.path), "libs/inner")
    (source.path / ".gitmodules").write_text(
        '[submodule "inner"]\n\tpath = libs/inner\n\turl = ../inner.git\n'
        '[submodule "token"]\n\tpath = token\n\turl = https://me:s3cr3t@host/x\n'
    )
    source.git("update-index", "--add", "--cacheinfo", f"160000,{commit},token")
    source.git("update-index", "--add", "--cacheinfo", f"160000,{commit},unnamed")
    source.git("add", ".gitmodules")
    source.git("commit", "--quiet", "-m", "x")
    head = source.git("rev-parse", "HEAD")

    with mirrors.snapshot(GitUrl.local(source.path), head) as snapshot:
        rows = {file.path: file.detail or "" for file in snapshot.listing() if file.skip_reason is SkipReason.SUBMODULE}
        submodules = {each.path: each for each in snapshot.submodules(GitUrl.parse("https://host/team/main.git"))}

    assert rows["libs/inner"] == f"../inner.git at the commit {commit}"
    assert rows["unnamed"].startswith("a repository that .gitmodules does not name")
    assert "s3cr3t" not in str(rows) + str(submodules)
    url = submodules["libs/inner"].url
    assert url is not None
    assert (url.text, submodules["libs/inner"].commit) == ("https://host/team/inner.git", commit)
    assert submodules["token"].url is None
    assert "credential helper" in (submodules["token"].problem or "")
    assert submodules["unnamed"].problem == "the .gitmodules file names no URL for it"


@pytest.mark.parametrize(
    ("parent", "text", "meant"),
    [
        ("https://host/team/main.git", "../lib.git", "https://host/team/lib.git"),
        ("https://host/team/main.git", "../../other/lib", "https://host/other/lib"),
        ("https://host/team/main", "./lib", "https://host/team/main/lib"),
        ("git@host:team/main.git", "../lib.git", "git@host:team/lib.git"),
        ("git@host:team/main.git", "../../other/lib.git", "git@host:other/lib.git"),
        ("https://host/main", "../../../etc", None),
        ("git@host:main", "../../../x", None),
        ("https://host/main", "ext::sh -c x", None),
        ("https://host/main", "-u", None),
        ("https://host/main", "git@other:x/y", "git@other:x/y"),
    ],
)
def test_relative_urls_of_submodules_are_resolved_as_git_does(parent: str, text: str, meant: str | None) -> None:
    url, problem = address(text, GitUrl.parse(parent))
    assert (None if url is None else url.text) == meant
    assert (problem is None) == (meant is not None)


def test_names_that_are_no_text_or_too_long_are_listed_escaped(mirrors: Mirrors, source: Repository) -> None:
    blob = source.git("hash-object", "-w", "--stdin", data=b"x = 1\n")
    names = [b"caf\xe9.py", b"line\nfeed.py", b"tab\t.py", b"n" * 1_200]
    tree = source.git("mktree", "-z", data=b"".join(b"100644 blob %s\t%s\0" % (blob.encode(), name) for name in names))
    source.git("update-ref", "refs/heads/main", source.git("commit-tree", tree, "-m", "x"))
    url = GitUrl.local(source.path)
    with mirrors.snapshot(url, mirrors.resolve(url).commit) as snapshot:
        found = {file.path: file.skip_reason for file in snapshot.listing()}
        assert snapshot.blob_id("line\nfeed.py") == bytes.fromhex(blob)
    assert found["./caf\\xe9.py"] is SkipReason.NAME_NOT_UTF8
    assert found["line\nfeed.py"] is None
    assert found["tab\t.py"] is None
    assert [reason for path, reason in found.items() if "//" in path] == [SkipReason.NAME_TOO_LONG]


def test_an_empty_commit_has_no_files(mirrors: Mirrors, source: Repository) -> None:
    commit = source.commit({})
    with mirrors.snapshot(GitUrl.local(source.path), commit) as snapshot:
        assert list(snapshot.listing()) == []
        assert snapshot.submodules() == []


def test_a_closed_snapshot_is_of_no_use(mirrors: Mirrors, source: Repository) -> None:
    commit = source.commit({"a.py": "x = 1\n"})
    with mirrors.snapshot(GitUrl.local(source.path), commit) as snapshot:
        blob = snapshot.blob_id("a.py")
        assert blob is not None
    with pytest.raises(ValueError, match="closed"):
        snapshot.read("a.py", blob, max_file_bytes=LIMIT)
    with pytest.raises(ValueError, match="closed"):
        next(snapshot.listing())


def test_a_listing_can_be_stopped_and_leaves_no_process(mirrors: Mirrors, source: Repository) -> None:
    commit = source.commit({f"f{number}.py": "x = 1\n" for number in range(50)})
    with mirrors.snapshot(GitUrl.local(source.path), commit) as snapshot:
        listing = snapshot.listing()
        next(listing)
        listing.close()  # type: ignore[attr-defined]  # it is a generator
        with pytest.raises(GitAborted):
            list(snapshot.listing(aborted=lambda: True))
        assert len(list(snapshot.listing())) == 50


def test_no_descriptor_and_no_process_is_left(mirrors: Mirrors, source: Repository) -> None:
    commit = source.commit(TREE)
    url = GitUrl.local(source.path)
    mirrors.ensure(url, commit)
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with mirrors.snapshot(url, commit) as snapshot:
            for file in snapshot.listing():
                if file.blob_id is not None and file.skip_reason is None:
                    snapshot.read(file.path, file.blob_id, max_file_bytes=LIMIT)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_git_that_hangs_is_given_up(source: Repository, tmp_path: Path) -> None:
    commit = source.commit({"a.py": "x = 1\n"})
    blob = bytes.fromhex(source.git("rev-parse", "HEAD:a.py"))
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\nsleep 60\n")
    program.chmod(0o755)
    limits = Limits(stall=0.5)
    with GitSnapshot(Git(str(program), (2, 40)), str(source.path / ".git"), commit, limits=limits) as snapshot:
        with pytest.raises(GitTimedOut, match=r"no answer from a mirror for 0\.5 s"):
            snapshot.read("a.py", blob, max_file_bytes=LIMIT)
        with pytest.raises(GitTimedOut):
            list(snapshot.listing())


def test_a_document_is_what_it_is_in_a_working_tree(mirrors: Mirrors, source: Repository) -> None:
    data = pdf("words of a document")
    commit = source.commit({"a.pdf": data})
    with mirrors.snapshot(GitUrl.local(source.path), commit) as snapshot:
        (found,) = snapshot.listing()
        read = snapshot.read("a.pdf", found.blob_id or b"", max_file_bytes=100)
    here = read_source(source.path, "a.pdf", max_file_bytes=100)
    assert isinstance(read, SourceDocument)
    assert isinstance(here, SourceDocument)
    assert (read.data, read.kind, read.content_hash, read.blob_id) == (
        *(data, here.kind, here.content_hash, here.blob_id),
    )


def test_a_notebook_is_read_without_its_outputs(mirrors: Mirrors, source: Repository) -> None:
    outputs = '{"output_type": "stream", "text": ["' + "y" * 2_000_000 + '"]}'
    cell = f'{{"cell_type": "code", "source": ["x = 1"], "outputs": [{outputs}]}}'
    commit = source.commit({"n.ipynb": f'{{"cells": [{cell}], "metadata": {{}}, "nbformat": 4, "nbformat_minor": 5}}'})
    with mirrors.snapshot(GitUrl.local(source.path), commit) as snapshot:
        (found,) = snapshot.listing()
        assert found.skip_reason is None
        read = snapshot.read("n.ipynb", found.blob_id or b"", max_file_bytes=LIMIT)
    assert isinstance(read, SourceText)
    assert "x = 1" in read.text
    assert git(source.path, "status", "--porcelain") == ""
