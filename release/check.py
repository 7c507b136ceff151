"""Check all that a release publishes, as it lies in dist/: `make release-check`.

    packages   twine's check; `uv tool install` from a local index into an empty home, and the version that it says
    registry   server.json by the rules of the MCP registry, and the line of the README that proves whose it is
    bundle     release/mcpb, validated and packed into dist/pgdex-VERSION.mcpb by the official tool
    plugin     plugin/ and .claude-plugin/marketplace.json, validated by Claude Code itself

The tools come from their registries, pinned, into build/release-tools (those of npm into CLIENTS_CACHE, if it is set);
without npm the last two are skipped, and that is said.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
TOOLS = ROOT / "build" / "release-tools"
PYTHON_TOOLS = ("twine==7.0.0", "uv==0.13.8")
NPM_TOOLS = ("@anthropic-ai/mcpb@2.1.2", "@anthropic-ai/claude-code@2.1.332")


class Wrong(Exception):
    """Something can't be published like this; the message says what."""


class Skipped(Exception):
    """Something was not checked; the message says why."""


def run(*command: str, folder: Path = ROOT, **variables: str) -> str:
    """A program to its end; what it printed. Raises Wrong."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode != 0:
        raise Wrong(f"{' '.join(command)} ended with code {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def read_json(path: str) -> Any:
    """A JSON file of this checkout."""
    return json.loads((ROOT / path).read_text("utf-8"))


def project(path: str) -> Any:
    """The table `project` of a TOML file of this checkout."""
    return tomllib.loads((ROOT / path).read_text("utf-8"))["project"]


def check_versions() -> str:
    """One version everywhere. `.ci/check-release` knows the places; the changelog is for the release itself."""
    loader = SourceFileLoader("check_release", str(ROOT / ".ci" / "check-release"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None, "a loader was given"
    check_release = module_from_spec(spec)
    loader.exec_module(check_release)
    version = project("pyproject.toml")["version"]
    found = check_release.versions(ROOT, f"v{version}")
    other = {where: what for where, what in found.items() if what != version and "CHANGELOG" not in where}
    if other:
        raise Wrong(f"pyproject.toml has version {version}, but: {other}")
    return version


def check_packages() -> str:
    """What goes to PyPI, and whether it can be installed from an index that has it."""
    if not DIST.is_dir():
        raise Wrong("there is no dist/: `make dist` builds it, and `make release-check` does so first")
    packages = sorted(str(file) for pattern in ("*.whl", "*.tar.gz") for file in DIST.glob(pattern))
    kinds = {re.sub(r"-\d.*", "", Path(file).name) + Path(file).suffix for file in packages}
    if kinds != {"pgdex.whl", "pgdex.gz", "pgdex_core.whl", "pgdex_core.gz"}:
        raise Wrong(f"dist/ must hold an sdist and wheels of pgdex and of pgdex-core, and holds {packages}")
    tools = TOOLS / "python"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade")
    run(*pip, "--target", str(tools), *PYTHON_TOOLS)
    run(sys.executable, "-m", "twine", "check", "--strict", *packages, PYTHONPATH=str(tools))
    version = project("pyproject.toml")["version"]
    for name in ("pgdex", "pgdex-core"):
        said = installed_from_an_index(name, uv=str(tools / "bin" / "uv"))
        if said != f"pgdex {version}":
            raise Wrong(f"{name}, installed from an index: pgdex --version says {said!r}, and not {version}")
    return f"{len(packages)} files; both can be installed from an index"


def installed_from_an_index(name: str, *, uv: str) -> str:
    """What `pgdex --version` says after `uv tool install` into an empty home. Raises Wrong."""
    with tempfile.TemporaryDirectory(prefix="pgdex-release-home-") as home:
        index = Path(home) / "index" / name
        index.mkdir(parents=True)
        for wheel in DIST.glob(f"{name.replace('-', '_')}-*.whl"):
            shutil.copy(wheel, index)
        links = "".join(f'<a href="{file.name}">{file.name}</a>' for file in index.iterdir())
        (index / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")
        where = {
            "HOME": home,
            "PGDEX_HOME": f"{home}/pgdex",
            "UV_NO_CONFIG": "1",
            "UV_TOOL_BIN_DIR": f"{home}/bin",
            "UV_TOOL_DIR": f"{home}/tools",
        }
        command = (uv, "tool", "install", "--quiet", "--no-python-downloads", "--python", sys.executable)
        run(*command, "--index", index.parent.as_uri(), name, folder=Path(home), **where)
        return run(f"{home}/bin/pgdex", "--version", folder=Path(home), **where).strip()


def check_registry() -> str:
    """The entry for the MCP registry. Its own validator runs when it is published; these are its rules."""
    server = read_json("server.json")
    name = server["name"]
    if not re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", name):
        raise Wrong(f"server.json: the name must be like io.github.OWNER/NAME, got {name!r}")
    if len(server["description"]) > 100:
        raise Wrong(f"server.json: the description may have 100 characters, and has {len(server['description'])}")
    readme = (ROOT / "README.md").read_text("utf-8")
    if f"mcp-name: {name} " not in readme:
        raise Wrong(
            f"README.md needs the line <!-- mcp-name: {name} -->: by it the registry sees whose package this is"
        )
    package = server["packages"][0]
    if (package["registryType"], package["identifier"]) != ("pypi", project("pyproject.toml")["name"]):
        raise Wrong("server.json: the package must be this project's on PyPI")
    return name


def npm_tools() -> Path:
    """The folder with the programs from npm. Raises Skipped without npm."""
    if shutil.which("npm") is None:
        raise Skipped("there is no npm here")
    folder = Path(os.environ.get("CLIENTS_CACHE") or TOOLS / "npm").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    run("npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent", *NPM_TOOLS)
    return folder / "node_modules" / ".bin"


def check_bundle() -> str:
    """The bundle for desktop applications."""
    mcpb = str(npm_tools() / "mcpb")
    run(mcpb, "validate", "release/mcpb/manifest.json")
    target = DIST / f"pgdex-{project('pyproject.toml')['version']}.mcpb"
    run(mcpb, "pack", "release/mcpb", str(target))
    return f"dist/{target.name}, {target.stat().st_size} bytes"


def check_plugin() -> str:
    """The plugin for Claude Code and the marketplace that offers it."""
    claude = str(npm_tools() / "claude")
    with tempfile.TemporaryDirectory(prefix="pgdex-release-home-") as home:
        for path in (".", "plugin"):
            said = run(claude, "plugin", "validate", path, HOME=home, CLAUDE_CONFIG_DIR=f"{home}/claude")
            if "warning" in said.lower():
                raise Wrong(f"claude plugin validate {path}: {said}")
    return "plugin/ and .claude-plugin/marketplace.json"


def main() -> int:
    """Run every check; 0 where nothing is wrong."""
    checks: dict[str, Callable[[], str]] = {
        "version": check_versions,
        "packages": check_packages,
        "registry": check_registry,
        "bundle": check_bundle,
        "plugin": check_plugin,
    }
    wrong = False
    for name, check in checks.items():
        try:
            print(f"ok       {name:<9} {check()}", flush=True)
        except Skipped as reason:
            print(f"skipped  {name:<9} {reason}", flush=True)
        except Wrong as error:
            print(f"WRONG    {name:<9} {error}", flush=True)
            wrong = True
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
