"""The ignore rules, measured against git itself."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.sources import walk
from pgdex.indexer.sources.ignores import MAX_IGNORE_FILE_BYTES, RuleSet

GIT_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}

ORDINARY_NAMES = (b"ab", b"foobar", b"a.c", b"b.c", b"A", b"a b", "é".encode(), b"x-y", b"0", b"_")
ODD_NAMES = (b"]", b"a]", b"\\", b"!a", b"#a", b"a\\b", b"a ", b"[a]", b"*", b"-", b":", b"\xff")
FOLDERS = (b"a", b"foo", b"b.d")
# What makes patterns interesting, in pieces that are put together at random.
PIECES = (
    *(b"a", b"b", b"c", b"foo", b"bar", b"x-y", b".c", b"0", b"_", b" ", b"!", b"#", b"]", b"-", b":", "é".encode()),
    *(b"*", b"**", b"***", b"?", b"/", b"/", b"**/", b"/**", b"/**/", b"*.c", b"f*", b"\\", b"\\*", b"\\a", b"\\/"),
    *(b"[ab]", b"[!a]", b"[^b]", b"[a-c]", b"[]a]", b"[a", b"[\\]]", b"[a-\\b]", b"[c-a]", b"[a-]", b"[!/]", b"[/]"),
    *(b"[[:alpha:]]", b"[[:digit:]_]", b"[![:punct:]]", b"[[:bad:]]", b"[[:alpha]", b"[[]", b"\xff", b"\r", b"\0"),
)

LITERALS = (*FOLDERS, *ORDINARY_NAMES, b"a/foo", b"foo/a.c", b"a/b.d/ab")
GLOBS = (b"*", b"*.c", b"*b", b"*bar", b"f*", b"[ab]*", b"?", b"a/*", b"foo/**", b"**/a", b"a/**/ab", b"**/foo/**/a.c")

ordinary_rules = st.builds(
    lambda *parts: b"".join(parts),
    st.sampled_from([b"", b"", b"!", b"!", b"/", b"!/"]),
    st.sampled_from(LITERALS + GLOBS),
    st.sampled_from([b"", b"", b"/"]),
)
odd_rules = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map(b"".join)
ignore_files = st.builds(
    lambda rules, end: b"\n".join(rules) + end,
    st.lists(st.one_of(ordinary_rules, ordinary_rules, odd_rules), max_size=6),
    st.sampled_from([b"", b"\n", b"\r\n", b"  \n"]),
).filter(lambda content: content.strip() != b"*")  # the one deliberate exception, tested below


def plant(folder: bytes, *, depth: int) -> None:
    """Make a tree in which most patterns find something to match: 22 names in each of 40 folders."""
    os.makedirs(folder, exist_ok=True)
    for name in ORDINARY_NAMES + ODD_NAMES:
        Path(os.fsdecode(os.path.join(folder, name))).touch()
    if depth:
        for name in FOLDERS:
            plant(os.path.join(folder, name), depth=depth - 1)


def git(*arguments: str, at: Path, check: bool = True) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=at, env=GIT_ENVIRONMENT, capture_output=True, check=check)
    return done.stdout


def kept_by_git(root: Path) -> set[str]:
    listed = git("ls-files", "-z", "--others", "--exclude-standard", at=root)
    return {shown(path) for path in listed.split(b"\0") if path}


def shown(path: bytes) -> str:
    try:
        return path.decode()
    except UnicodeDecodeError:
        return "./" + path.replace(b"\\", b"\\\\").decode(errors="backslashreplace")


def kept(root: Path) -> set[str]:
    return {file.path for file in walk(root)}


def write(root: Path, files: dict[str, str]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)


@pytest.fixture(scope="module")
def planted() -> Iterator[Path]:
    """One git repository for all examples, which only write the ignore files again."""
    with TemporaryDirectory() as folder:
        git("init", "--quiet", folder, at=Path(folder))
        plant(os.fsencode(folder), depth=3)
        yield Path(folder)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git("init", "--quiet", str(tmp_path), at=tmp_path)
    return tmp_path


@given(top=ignore_files, middle=ignore_files, deep=ignore_files, exclude=ignore_files)
def test_the_walk_leaves_out_what_git_leaves_out(
    planted: Path, top: bytes, middle: bytes, deep: bytes, exclude: bytes
) -> None:
    (planted / ".gitignore").write_bytes(top)
    (planted / "a" / ".gitignore").write_bytes(middle)
    (planted / "a" / "foo" / ".gitignore").write_bytes(deep)
    (planted / ".git" / "info" / "exclude").write_bytes(exclude)

    assert kept(planted) == kept_by_git(planted)

    subfolder = planted / "a" / "foo"
    if not git("check-ignore", "a/foo", at=planted, check=False):
        assert kept(subfolder) == kept_by_git(subfolder)


@pytest.mark.parametrize(
    ("rules", "ignored", "not_ignored"),
    [
        ("*.log\n!keep.log", ["a.log", "d/b.log"], ["keep.log", "d/keep.log"]),
        ("build/", ["build/x", "d/build/x"], ["e/build"]),
        ("/build", ["build/x"], ["d/build/x"]),
        ("docs/build", ["docs/build/x"], ["d/docs/build/x"]),
        ("build/\n!build/keep", ["build/keep", "build/x"], []),
        ("build/*\n!build/keep", ["build/x"], ["build/keep"]),
        ("**/temp\nd/**/z", ["temp", "d/e/temp", "d/z", "d/e/f/z"], ["z"]),
        ("d/**", ["d/x", "d/e/x"], ["x"]),
        (r"\!x" + "\n" + r"\#y" + "\n" + r"z\ ", ["!x", "#y", "z "], ["x", "y", "z"]),
        ("a?c\n[!b-d]z", ["abc", "az", "d/ez"], ["ac", "bz", "a/c"]),
        ("x   \n# y\n\n", ["x"], ["y"]),
        ("foo**/bar", ["foo/bar", "foobar", "foox/y/bar"], ["bar"]),  # git's matcher, not its manual
        ("d/foo**", ["d/foo", "d/foox"], ["foo"]),
        ("d/**/e/**/z", ["d/e/z", "d/x/e/y/z"], ["d/z", "e/z", "d/xe/z", "d/e/xz"]),
        ("d/a[!b]c\nd/x[/]y", ["d/axc"], ["d/abc", "d/a/c", "d/xy", "d/x/y"]),
        ("[a-c]x\n[c-a]y\n[0-]z", ["cx", "ax", "cy", "-z", "0z"], ["dx", "y", "by", "z"]),
        ("*.c\n!*b.c\n*bb.c", ["a.c", "bb.c"], ["b.c"]),
        (" # x\ny", [" # x", "y"], ["x", "# x"]),
        ("\ufeff*.log", ["a.log"], ["b"]),
        ("x\\", [], ["x", "x\\"]),
        ("[[:upper:]]x\n[[:nonsense:]]", ["Ax"], ["ax", "n"]),
        ("?", ["a"], ["é"]),  # git matches bytes
    ],
)
def test_a_rule_does_what_the_manual_and_git_say(
    repository: Path, rules: str, ignored: list[str], not_ignored: list[str]
) -> None:
    write(repository, dict.fromkeys([*ignored, *not_ignored], ""))
    write(repository, {".gitignore": rules})

    assert kept(repository) == {*not_ignored, ".gitignore"} == kept_by_git(repository)


def test_gitignore_files_hold_without_a_git_repository(tmp_path: Path) -> None:
    write(tmp_path, {"d/.gitignore": "*.log", "d/a.log": "", "d/a.py": "", "a.log": ""})

    assert kept(tmp_path) == {"a.log", "d/.gitignore", "d/a.py"}


def test_pgdexignore_wins_over_every_gitignore(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            ".pgdexignore": "!generated/\n*.csv\n",
            ".gitignore": "generated/\n",
            "generated/a.py": "",
            "generated/b.csv": "",
            "d/.gitignore": "!*.csv\nbin/\n",
            "d/c.csv": "",
            "d/bin/x": "",
        },
    )

    assert kept(tmp_path) == {".gitignore", ".pgdexignore", "d/.gitignore", "generated/a.py"}


def test_a_deeper_pgdexignore_wins_over_one_above(tmp_path: Path) -> None:
    write(tmp_path, {".pgdexignore": "*.csv", "d/.pgdexignore": "!a.csv", "d/a.csv": "", "d/b.csv": "", "a.csv": ""})

    assert kept(tmp_path) == {".pgdexignore", "d/.pgdexignore", "d/a.csv"}


def test_pgdexignore_does_not_reach_into_a_folder_it_ignores(tmp_path: Path) -> None:
    write(tmp_path, {".pgdexignore": "data/\n!data/keep.py\n", "data/keep.py": ""})

    assert kept(tmp_path) == {".pgdexignore"}


def test_a_pgdexignore_above_the_root_holds_up_to_the_top_of_the_repository(repository: Path) -> None:
    write(repository, {".pgdexignore": "*.csv", "d/a.csv": "", "d/a.py": ""})

    assert kept(repository / "d") == {"a.py"}


def test_a_path_rule_above_the_root_counts_from_its_own_folder(repository: Path) -> None:
    write(repository, {".gitignore": "d/e/x", "d/.gitignore": "/e/y\ne/f/z", "d/e/.gitignore": "/v"})
    write(repository / "d" / "e", dict.fromkeys(["x", "y", "v", "w", "f/x", "f/y", "f/z"], ""))

    assert kept(repository / "d" / "e") == {".gitignore", "w", "f/x", "f/y"} == kept_by_git(repository / "d" / "e")


def test_ignore_files_above_a_root_in_no_repository_do_not_count(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "*.csv", ".pgdexignore": "*.py", "d/a.csv": "", "d/a.py": ""})

    assert kept(tmp_path / "d") == {"a.csv", "a.py"}


@pytest.mark.parametrize("rule", ["out/", "d/out", "d/", "*"])
def test_a_root_that_is_git_ignored_is_walked_all_the_same(repository: Path, rule: str) -> None:
    write(repository, {".gitignore": f"{rule}\n*.log", "d/out/a.py": "", "d/out/a.log": "", "d/out/e/b.py": ""})

    assert kept(repository / "d" / "out") == {"a.py", "a.log", "e/b.py"}


def test_a_root_that_hides_itself_is_walked_but_not_as_a_subfolder(tmp_path: Path) -> None:
    write(tmp_path, {"env/.gitignore": "# made by a tool\n*\n", "env/a.py": "", "b.py": ""})

    assert kept(tmp_path / "env") == {".gitignore", "a.py"}
    assert kept(tmp_path) == {"b.py"}


def test_a_repository_within_the_tree_has_only_its_own_git_rules(repository: Path) -> None:
    write(repository, {".gitignore": "*.log", ".pgdexignore": "*.csv", "a.log": ""})
    inner = repository / "inner"
    git("init", "--quiet", str(inner), at=repository)
    write(inner, {"a.log": "", "a.csv": "", "a.tmp": "", "a.bak": "", ".gitignore": "*.tmp"})
    (inner / ".git" / "info" / "exclude").write_text("*.bak")

    assert kept(repository) == {".gitignore", ".pgdexignore", "inner/.gitignore", "inner/a.log"}


def test_the_exclude_file_of_a_linked_worktree_is_that_of_its_repository(repository: Path) -> None:
    main = repository / "main"
    git("init", "--quiet", str(main), at=repository)
    identity = ["-c", "user.name=n", "-c", "user.email=e"]
    git(*identity, "commit", "--quiet", "--allow-empty", "-m", "first", at=main)
    git("worktree", "add", "--quiet", "../linked", at=main)
    (main / ".git" / "info" / "exclude").write_text("*.bak")
    linked = repository / "linked"
    write(linked, {"a.bak": "", "a.py": ""})

    assert kept(linked) == {"a.py"} == kept_by_git(linked)


def test_a_folder_only_named_git_is_no_repository(repository: Path) -> None:
    write(repository, {".gitignore": "*.log", "d/.git/x": "", "d/a.log": "", "d/a.py": ""})

    assert kept(repository) == {".gitignore", "d/a.py"}


def test_an_ignore_file_that_is_no_plain_file_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"rules": "*.py", "a/a.py": "", "b/b.py": "", "c/c.py": ""})
    (tmp_path / "a" / ".gitignore").symlink_to(tmp_path / "rules")
    os.mkfifo(tmp_path / "b" / ".gitignore")
    (tmp_path / "c" / ".gitignore").mkdir()

    assert {"a/a.py", "b/b.py", "c/c.py"} <= kept(tmp_path)


def test_an_enormous_ignore_file_is_applied_as_far_as_its_limit(tmp_path: Path) -> None:
    filler = "#" * 99 + "\n"
    write(
        tmp_path,
        {".gitignore": "*.log\n" + filler * (MAX_IGNORE_FILE_BYTES // 100 + 1) + "*.py\n", "a.log": "", "a.py": ""},
    )

    assert kept(tmp_path) == {".gitignore", "a.py"}


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (b"*a" * 40 + b"b", b"a" * 255),
        (b"x/" + b"*a" * 40 + b"b", b"x/" + b"a" * 255),
        (b"**/a/" * 20 + b"b", b"a/" * 400 + b"c"),
        (b"**/*a*/" * 12 + b"b", b"aaa/" * 200 + b"c"),
        (b"a/" + b"**\\/" * 20 + b"b", b"a/" * 400 + b"c"),
    ],
)
def test_a_hostile_pattern_is_answered_without_endless_backtracking(pattern: bytes, path: bytes) -> None:
    rules = RuleSet(pattern)

    assert rules.decision(path.rpartition(b"/")[2], path, is_folder=False) is None


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=60))
def test_no_bytes_in_an_ignore_file_are_an_error(content: bytes, path: bytes) -> None:
    decision = RuleSet(content).decision(path.rpartition(b"/")[2], path, is_folder=True)

    assert decision is None or decision.ignored in (True, False)
