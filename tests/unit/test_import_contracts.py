"""The packages: the contracts of pyproject.toml hold, they bite, and each package says what it is for."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("indexer", "jobs", "migrations", "sql")
ROOMS = [
    *("indexer", "indexer/chunking", "indexer/embedding", "indexer/git", "indexer/search", "indexer/sources"),
    *(
        "migrations",
        "sql",
        "jobs",
        "jobs/agents",
        "jobs/api",
        "jobs/batches",
        "jobs/cli",
        "jobs/client",
        "jobs/database",
        "jobs/mcp",
    ),
    *("jobs/watching", "jobs/worker", "tests/support"),
]


def linted(folder: Path) -> subprocess.CompletedProcess[str]:
    """The run of `lint-imports` on the checkout in `folder`."""
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the code, with the links of pgdex/ to its folders."""
    shutil.copytree(ROOT / "pgdex", tmp_path / "pgdex", symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__", "*_data")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_go_down_the_layers() -> None:
    done = linted(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_import_that_goes_up_or_aside_is_found(checkout: Path) -> None:
    forbidden = {
        "jobs/errors.py": "pgdex.jobs.settings",
        "jobs/settings.py": "pgdex.jobs.logging",
        "jobs/database/roles.py": "pgdex.jobs.client.wording",
        "jobs/agents/edits.py": "pgdex.jobs.database.home",
        "jobs/client/models.py": "pgdex.jobs.worker.peers",
        "jobs/batches/stopwatch.py": "pgdex.jobs.client.printable",
        "jobs/mcp/auth.py": "pgdex.jobs.cli.exit_codes",
        "indexer/terms.py": "pgdex.jobs.ignored",
        "indexer/sources/skips.py": "pgdex.indexer.storage",
        "indexer/sources/links.py": "pgdex.indexer.git.urls",
        "indexer/git/urls.py": "pgdex.indexer.chunking.model",
        "migrations/tables/index.py": "pgdex.indexer.format",
    }
    for file, module in forbidden.items():
        with (checkout / file).open("a") as code:
            code.write(f"\nimport {module}\n")

    done = linted(checkout)

    assert done.returncode == 1, done.stdout + done.stderr
    arrows = [f"pgdex.{file.removesuffix('.py').replace('/', '.')} -> {module}" for file, module in forbidden.items()]
    assert [arrow for arrow in arrows if arrow not in done.stdout] == []


def test_a_new_module_at_the_top_of_jobs_has_to_be_given_a_layer(checkout: Path) -> None:
    (checkout / "jobs" / "newcomer.py").write_text('"""Anything."""\n')

    done = linted(checkout)

    assert done.returncode != 0
    assert "newcomer" in done.stdout


@pytest.mark.parametrize("package", ROOMS)
def test_a_room_says_what_it_is_for_and_what_may_import_it(package: str) -> None:
    said = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text("utf-8"))) or ""
    assert len(said.split()) > 30
    assert "import" in said


def test_every_package_of_jobs_is_a_room() -> None:
    packages = {str(package.parent.relative_to(ROOT)) for package in (ROOT / "jobs").glob("*/__init__.py")}
    assert packages <= {*ROOMS}
