"""The shell tool of benchmarks.agents: what it runs, and all that it must not."""

import os
from pathlib import Path

import anyio
import pytest

from benchmarks.agents import shell
from benchmarks.agents.shell import NotAllowed, Output, checked


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository beside a file that must stay unread, with a link to it."""
    (tmp_path / "secret.txt").write_text("root password\n")
    repository = tmp_path / "repository"
    (repository / "src").mkdir(parents=True)
    (repository / "src" / "a.py").write_text("import os\n\n\ndef first() -> None:\n    os.sync()\n")
    (repository / "b c.txt").write_text("one|two\nfirst\n")
    (repository / "link.txt").symlink_to(tmp_path / "secret.txt")
    (repository / "up").symlink_to(tmp_path)
    return repository


def ran(line: str, root: Path, *, seconds: float = 30) -> Output:
    async def run() -> Output:
        return await shell.run(line, root=root, seconds=seconds)

    return anyio.run(run)


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("grep -rn 'def first' .", "./src/a.py:4:def first() -> None:\n"),
        ("grep -rn --include=*.py first", "./src/a.py:4:def first() -> None:\n"),
        ("grep -c 'one|two' 'b c.txt'", "1\n"),
        (r"grep -h one\|two b\ c.txt", "one|two\n"),
        ('grep -n "first$" "b c.txt"', "2:first\n"),
        ("grep first src/a.py -n -A 1", "4:def first() -> None:\n5-    os.sync()\n"),
        ("grep -- -x src/a.py", "(no output, exit status 1)"),
        ("sed -n '4,5p' src/a.py", "def first() -> None:\n    os.sync()\n"),
        ("sed -n '1p;5p' src/a.py", "import os\n    os.sync()\n"),
        ("ls src", "a.py\n"),
        ("cat src/../src/a.py", "import os\n\n\ndef first() -> None:\n    os.sync()\n"),
    ],
)
def test_a_command_that_reads_in_the_repository_prints_what_it_prints_in_a_shell(
    line: str, printed: str, root: Path
) -> None:
    assert ran(line, root) == Output(printed, failed=False)


@pytest.mark.parametrize(
    "line",
    [
        "rm src/a.py",
        "find . -delete",
        "bash -c ls",
        "/bin/cat src/a.py",
        "./cat src/a.py",
        "env ls",
        "",
        "  ",
        "LC_ALL=C ls",
    ],
)
def test_no_command_outside_the_list_runs(line: str, root: Path) -> None:
    with pytest.raises(NotAllowed, match=r"grep \[options\]"):
        checked(line, root=root)


@pytest.mark.parametrize(
    "line",
    [
        "cat src/a.py | sh",
        "cat src/a.py; ls",
        "cat src/a.py && ls",
        "ls & ls",
        "ls\nls",
        "grep x src/a.py > src/a.py",
        "cat < src/a.py",
        "cat $(ls)",
        'cat "$(ls)"',
        "cat `ls`",
        'cat "`ls`"',
        "cat $HOME",
        'cat "${HOME}"',
        "cat ~/x",
        "cat src/*.py",
        "cat src/{a,b}.py",
        "cat 'src/a.py",
        "cat src/\0a.py",
        "cat \ud800",
        "cat " + "a" * 5_000,
    ],
)
def test_nothing_that_only_a_shell_could_do_is_accepted(line: str, root: Path) -> None:
    with pytest.raises(NotAllowed):
        checked(line, root=root)

    assert ran(line, root).failed


@pytest.mark.parametrize(
    "line",
    [
        "cat ../secret.txt",
        "cat src/../../secret.txt",
        "cat /etc/passwd",
        "cat link.txt",
        "cat up/secret.txt",
        "ls ..",
        "ls /",
        "ls up",
        "grep -r password ..",
        "grep password -e x ../secret.txt",
        "grep -r password up",
        "sed -n 1p ../secret.txt",
        "cat -- ../secret.txt",
    ],
)
def test_no_path_leads_out_of_the_repository(line: str, root: Path) -> None:
    with pytest.raises(NotAllowed, match="outside of the repository"):
        checked(line, root=root)


@pytest.mark.parametrize(
    "line",
    [
        "grep -R password .",
        "grep --dereference-recursive password .",
        "grep -f ../secret.txt src/a.py",
        "grep --file=../secret.txt src/a.py",
        "grep --exclude-from=../secret.txt -r x",
        "sed 1p src/a.py",
        "sed -n -i 1p src/a.py",
        "sed -n '1w out' src/a.py",
        "sed -n '1e id' src/a.py",
        "sed -n '1r ../secret.txt' src/a.py",
        "sed -n -f ../secret.txt src/a.py",
        "sed -n 1p",
        "ls --hyperlink",
        "cat",
        "grep x",
        "grep",
    ],
)
def test_no_option_or_script_reaches_further_than_reading(line: str, root: Path) -> None:
    with pytest.raises(NotAllowed):
        checked(line, root=root)


def test_an_empty_value_of_an_option_does_not_turn_a_pattern_into_a_file(root: Path) -> None:
    outside = root.parent / "secret.txt"

    output = ran(f"grep --include= -e {outside} -e password -r", root)

    assert "root password" not in output.text


def test_a_recursive_grep_does_not_follow_links_out_of_the_repository(root: Path) -> None:
    assert ran("grep -r password", root) == Output("(no output, exit status 1)", failed=False)


def test_a_file_named_like_the_standard_input_is_a_file(root: Path) -> None:
    (root / "-").write_text("dash\n")

    assert ran("cat -", root) == Output("dash\n", failed=False)


def test_a_failure_is_told_apart_from_finding_nothing(root: Path) -> None:
    assert ran("cat missing.py", root).failed
    assert ran("grep '[' src/a.py", root).failed
    assert not ran("grep nothing src/a.py", root).failed


def test_long_output_is_cut_and_says_so(root: Path) -> None:
    (root / "long.txt").write_text("x" * 10 * shell.OUTPUT_BYTES)

    output = ran("cat long.txt", root)

    assert len(output.text) < shell.OUTPUT_BYTES + 100
    assert "cut after 30,000 bytes" in output.text


def test_a_command_that_does_not_end_is_stopped(root: Path) -> None:
    os.mkfifo(root / "pipe")

    output = ran("cat pipe", root, seconds=0.2)

    assert output.failed
    assert "stopped after 0.2 s" in output.text
