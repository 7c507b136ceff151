"""What `pgdex index` and `pgdex skipped` say of files that are left out."""

from pathlib import Path

import pytest

from pgdex.jobs.cli.exit_codes import ExitCode
from tests.integration.cli.commands import Run


@pytest.mark.usefixtures("worker")
def test_a_folder_without_a_file_is_no_success(run_pgdex: Run, repository: Path) -> None:
    (repository / ".gitignore").write_text("*.o\n/*\n")

    refused = run_pgdex("index", ".", cwd=repository)

    assert refused.code == ExitCode.FAILED
    assert f"Error: no file to index in {repository}: .gitignore:2 `/*` excludes 5 entries" in refused.err
    assert refused.out == ""
    asked = run_pgdex("skipped", "--why", "src/module_1.py", cwd=repository)
    assert asked.out.startswith("src/module_1.py lies in src, which is ignored by .gitignore:2 `/*`.")

    done = run_pgdex("index", ".", "--no-ignore", cwd=repository)
    assert done.code == ExitCode.DONE, done.err
    assert "  ignored  git's ignore rules are off (--no-ignore)" in done.out
    assert "git's ignore rules are off" in run_pgdex("status", "last").out


@pytest.mark.usefixtures("worker")
def test_the_summary_says_how_much_was_ignored_by_which_rule(run_pgdex: Run, repository: Path) -> None:
    (repository / ".gitignore").write_text("module_1*\n*.md\n")

    done = run_pgdex("index", ".", cwd=repository)

    assert "  ignored  4 entries, most of them by .gitignore:1 `module_1*`" in done.out


@pytest.mark.usefixtures("worker")
def test_a_file_is_explained_wherever_the_user_stands(run_pgdex: Run, repository: Path, tmp_path: Path) -> None:
    assert run_pgdex("index", str(repository)).code == ExitCode.DONE
    (tmp_path / "link").symlink_to(repository)
    (repository / "to_docs").symlink_to("src")

    for arguments, cwd in (
        ((".", "--why", "src/module_1.py"), repository),
        (("--why", "module_1.py"), repository / "src"),
        ((str(repository), "--why", "src/module_1.py"), tmp_path),
        (("--why", str(repository / "src" / "module_1.py")), tmp_path),
        ((str(tmp_path / "link"), "--why", str(tmp_path / "link" / "src" / "module_1.py")), tmp_path),
    ):
        asked = run_pgdex("skipped", *arguments, cwd=cwd)
        assert asked.out.startswith("src/module_1.py is indexed: python, 1 chunk, on "), (arguments, asked)
    link = run_pgdex("skipped", "--why", "to_docs/module_1.py", "--json", cwd=repository).json
    assert (link["status"], link["skip_reason"], link["at"]) == ("skipped", "symlink", "to_docs")
    outside = run_pgdex("skipped", ".", "--why", "/etc/passwd", cwd=repository)
    assert (outside.code, outside.err) == (ExitCode.USAGE, f"Error: /etc/passwd is outside {repository}\n")


def test_a_broad_folder_needs_a_flag(run_pgdex: Run) -> None:
    refused = run_pgdex("index", "/usr")

    assert refused.code == ExitCode.USAGE
    assert "/usr is a folder of the operating system" in refused.err
    assert "If you really mean all of it: pgdex index /usr --allow-broad" in refused.err


@pytest.mark.usefixtures("worker")
def test_a_folder_that_is_not_there_is_no_folder_without_skipped_files(run_pgdex: Run, repository: Path) -> None:
    assert run_pgdex("index", str(repository)).code == ExitCode.DONE
    assert run_pgdex("skipped", str(repository / "src")).code == ExitCode.DONE

    refused = run_pgdex("skipped", str(repository / "srcs"))

    assert refused.code == ExitCode.USAGE
    assert f"there is no {repository / 'srcs'}" in refused.err
