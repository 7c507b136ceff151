"""What pgdex takes from the MCP SDK beyond its public API, and the one minor version for which that was checked."""

import ast
import inspect
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

from mcp.server.connection import Connection, NotifyOnlyOutbound
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import MCPServer
from mcp.server.session import ServerSession
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def private_names_of_the_sdk(file: Path) -> set[str]:
    """Private names in a file that are attributes of the SDK's server, or that its modules have."""
    tree = ast.parse(file.read_text("utf-8"))
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    imported = {
        part
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("mcp", "mcp_types")
        for part in [*(node.module or "").split("."), *(name.name for name in node.names)]
    }
    of_the_server = {*dir(MCPServer), *vars(MCPServer("anything"))}
    return {name for name in (attributes & of_the_server) | imported if re.match(r"_[a-z]", name)}


def test_one_private_name_of_the_sdk_is_used_in_two_places() -> None:
    used = {file.name: private_names_of_the_sdk(file) for file in (ROOT / "jobs/mcp").rglob("*.py")}
    name = {"_lowlevel_server"}
    assert {file: names for file, names in used.items() if names} == {"stdio.py": name, "subscriptions.py": name}


def test_the_sdk_has_no_public_way_to_serve_subscriptions_to_resources_yet() -> None:
    """When this fails, jobs/mcp/subscriptions.py can use it."""
    public = {name for name in dir(MCPServer) if not name.startswith("_")}
    assert not {name for name in public if "subscri" in name or "request_handler" in name}
    assert {"add_request_handler", "get_request_handler"} <= {*dir(Server)}


def test_the_private_server_is_still_what_the_sdk_itself_runs_on_stdio() -> None:
    server = MCPServer("anything")

    assert isinstance(server._lowlevel_server, Server)
    assert "self._lowlevel_server.run(" in inspect.getsource(MCPServer.run_stdio_async)
    assert list(inspect.signature(server._lowlevel_server.run).parameters)[:3] == [
        "read_stream",
        "write_stream",
        "initialization_options",
    ]


def test_the_sdk_has_no_public_way_to_serve_given_streams_yet() -> None:
    """When this fails, jobs/mcp/stdio.py can use it, and the pin to a minor version can go."""
    assert [*inspect.signature(MCPServer.run_stdio_async).parameters] == ["self"]
    assert not {"stream", "streams", "read_stream"} & {*inspect.signature(MCPServer.run).parameters}


def test_a_request_has_no_public_way_to_the_end_of_its_connection_yet() -> None:
    """When this fails, jobs/mcp/subscriptions.py can use it."""
    connection = Connection.for_loop(NotifyOnlyOutbound(None))  # type: ignore[arg-type]  # nothing is sent
    session = ServerSession(None, connection)  # type: ignore[arg-type]  # nothing is asked

    assert not {name for name in (*dir(session), *ServerRequestContext.__dataclass_fields__) if name == "connection"}
    assert session._connection.exit_stack is connection.exit_stack


def test_the_sdk_is_pinned_to_the_minor_version_that_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pin = next(found for line in project["dependencies"] if (found := Requirement(line)).name == "mcp")
    major, minor = (int(part) for part in version("mcp").split(".")[:2])

    assert pin.specifier.contains(f"{major}.{minor}.0")
    assert not pin.specifier.contains(f"{major}.{minor + 1}.0")
    assert not pin.specifier.contains(f"{major}.{minor - 1}.0")
