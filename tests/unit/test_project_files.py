"""The files around the code: workflows, hooks, the check of a release. They agree with the code and with each other."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pgdex.migrations.version import RELEASE

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
RELEASED = (
    *(".ci/check-release", "pyproject.toml", "migrations/version.py", "server.json"),
    *("plugin/.claude-plugin/plugin.json", "release/mcpb/manifest.json", "release/mcpb/pyproject.toml"),
)


def text(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def pinned(package: str) -> str:
    """The package's version in the lock file of the checks."""
    found = re.search(rf"^{package}==(\S+)", text("requirements-dev.lock"), flags=re.MULTILINE)
    assert found is not None
    return found[1]


def test_ci_runs_every_python_that_the_package_says_it_supports() -> None:
    said = {name.rpartition(" ")[2] for name in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", name)}
    matrix = re.search(r"python: \[(.*)\]", text(".github/workflows/ci.yml"))
    assert matrix is not None
    assert set(re.findall(r"[\d.]+", matrix[1])) == said
    assert PROJECT["requires-python"] == f">={min(said, key=lambda version: int(version.partition('.')[2]))}"


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_least_permissions_one_run_at_a_time_and_pinned_actions(workflow: Path) -> None:
    content = workflow.read_text("utf-8")
    assert re.search(r"^permissions:(?: \{\}|\n  contents: read)$", content, flags=re.MULTILINE)
    assert re.search(r"^concurrency:$", content, flags=re.MULTILINE)
    actions = re.findall(r"uses: (\S+)@(\S+)", content)
    loose = {name for name, ref in actions if not re.fullmatch(r"[0-9a-f]{40}", ref)}
    # Its own maintainers say to follow this branch: it changes together with PyPI.
    assert loose <= {"pypa/gh-action-pypi-publish"}


def test_only_the_job_that_publishes_may_speak_for_the_project() -> None:
    for workflow in WORKFLOWS:
        before, _, after = workflow.read_text("utf-8").partition("\n  publish:\n")
        assert "write" not in re.findall(r"^ +[a-z-]+: (\w+)", before, flags=re.MULTILINE), workflow.name
        if workflow.name == "release.yml":
            assert re.findall(r"^ +([a-z-]+): write", after, flags=re.MULTILINE) == ["id-token"]
            assert "environment:" in after


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_what_a_workflow_runs_exists(workflow: Path) -> None:
    content = workflow.read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), flags=re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", content)) <= targets
    for program in re.findall(r"run: .*?(\.ci/[\w-]+|tests/\w+\.py)", content):
        assert (ROOT / program).exists()


def test_the_hooks_check_with_the_linter_of_the_lock_file() -> None:
    hooks = text(".pre-commit-config.yaml")
    found = re.search(r"ruff-pre-commit\n    rev: v(\S+)", hooks)
    assert found is not None
    assert found[1] == pinned("ruff"), "set rev in .pre-commit-config.yaml to the version in requirements-dev.lock"


def test_make_help_lists_every_target() -> None:
    help_text = run("make", "--no-print-directory", "help", folder=ROOT).stdout
    listed = {line.split()[0] for line in help_text.splitlines()}
    phony = re.search(r"^\.PHONY: (.*)$", text("Makefile"), flags=re.MULTILINE)
    assert phony is not None
    assert listed == set(phony[1].split())


def run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A checkout that is ready to be released, as far as the check looks."""
    for name in RELEASED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(
        f"# Changelog\n\n## [Unreleased]\n\n## [{RELEASE}] - 2026-12-01\n\n## [0.0.1] - 2026-01-01\n"
    )
    return tmp_path


def checked(release: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, ".ci/check-release", *arguments, folder=release)


def test_a_tag_is_released_where_everything_says_its_version(release: Path) -> None:
    done = checked(release, f"v{RELEASE}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("tag", [RELEASE, "v9.9.9", f"v{RELEASE}rc1", "main", ""])
def test_another_tag_is_not_released(release: Path, tag: str) -> None:
    assert checked(release, tag).returncode == 1


@pytest.mark.parametrize(
    ("file", "written"),
    [
        ("pyproject.toml", f'version = "{RELEASE}"'),
        ("migrations/version.py", f'RELEASE = "{RELEASE}"'),
        ("CHANGELOG.md", f"## [{RELEASE}] - 2026-12-01"),
        ("server.json", f'\n  "version": "{RELEASE}"'),
        ("server.json", f'\n      "version": "{RELEASE}"'),
        ("plugin/.claude-plugin/plugin.json", f'"version": "{RELEASE}"'),
        ("release/mcpb/manifest.json", f'\n  "version": "{RELEASE}"'),
        ("release/mcpb/pyproject.toml", f'version = "{RELEASE}"'),
        ("release/mcpb/pyproject.toml", f'"pgdex=={RELEASE}"'),
    ],
)
def test_a_place_that_was_forgotten_stops_the_release_and_is_named(release: Path, file: str, written: str) -> None:
    path = release / file
    content = path.read_text("utf-8")
    assert content.count(written) == 1
    path.write_text(content.replace(written, written.replace(RELEASE, "0.0.9")), "utf-8")

    done = checked(release, f"v{RELEASE}")

    assert done.returncode == 1
    assert re.search(rf"^0\.0\.9 +{re.escape(file)}", done.stdout, flags=re.MULTILINE)
    assert "docs/releasing.md" in done.stderr


def test_no_key_of_the_compose_file_stands_twice_in_one_mapping() -> None:
    """Docker Compose refuses that. The file has no flow mappings and no lists of mappings over several lines."""
    mappings: list[tuple[int, set[str]]] = [(0, set())]
    for line in text("docker-compose.yml").splitlines():
        found = re.match(r"( *)([\w-]+|<<):(?: |$)", line)
        if found is None:
            continue
        indent, key = len(found[1]), found[2]
        while mappings[-1][0] > indent:
            mappings.pop()
        if mappings[-1][0] < indent:
            mappings.append((indent, set()))
        assert key not in mappings[-1][1], f"twice: {line}"
        mappings[-1][1].add(key)
