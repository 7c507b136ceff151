"""Starting a registered server as its agent would, with the handshake and one search that finds something."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from pgdex.jobs.agents.clients import OPEN_FOLDER, Environment, Launch
from pgdex.jobs.agents.machine import Machine

if TYPE_CHECKING:
    from mcp import Client
    from mcp_types import CallToolResult

PATIENCE_SECONDS = 60.0
"""For everything together. The first start of the bundled PostgreSQL takes a few seconds; agents wait 30 to 60."""
QUERY = "where does the program start"
"""A question, not a word: where no file has its words, most models still find what is nearest in meaning."""
MOST_REPOSITORIES = 100
"""Those that are looked at for one with something in it: a page of the list."""
DESKTOP_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MAC_DESKTOP_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
"""What launchd gives to programs of the desktop."""
DESKTOP_VARIABLES = ("HOME", "LOGNAME", "USER", "SHELL", "LANG", "TMPDIR", "XDG_RUNTIME_DIR")
CODEX_VARIABLES = (
    *("HOME", "LOGNAME", "PATH", "SHELL", "USER", "__CF_USER_TEXT_ENCODING"),
    *("LANG", "LC_ALL", "TERM", "TMPDIR", "TZ"),
)
"""What Codex hands on to servers (codex-rs/rmcp-client/src/utils.rs)."""
LAST_WORDS = 400  # characters of what a server that failed wrote to stderr


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of it: `said` is one line for people, whether it works or why not; `was_tried` is false where the
    server was not to be started."""

    works: bool
    said: str
    was_tried: bool = True


def variables_of(kind: Environment, launch: Launch, machine: Machine) -> dict[str, str]:
    """The environment that an agent of this kind gives to the server."""
    own = machine.variables
    if kind == "shell":
        given = dict(own)
    elif kind == "codex":
        given = {name: own[name] for name in (*CODEX_VARIABLES, *launch.inherited) if name in own}
    else:
        given = {name: own[name] for name in DESKTOP_VARIABLES if name in own}
        given["PATH"] = MAC_DESKTOP_PATH if machine.is_mac else DESKTOP_PATH
    return given | dict(launch.variables)


def prove(launch: Launch, variables: Mapping[str, str], folder: Path) -> Proof:
    """Start the server in `folder`, list its tools and search what is indexed. Raises nothing: whatever fails is the
    answer, and so is a search that finds nothing in an index that is not empty."""
    import anyio

    with tempfile.TemporaryFile("w+", errors="replace") as log:
        try:
            return anyio.run(_talk, launch, variables, folder, log)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            return Proof(works=False, said=_reason(error, launch, log))


async def _talk(launch: Launch, variables: Mapping[str, str], folder: Path, log: Any) -> Proof:
    import anyio
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    # The SDK adds what is missing of HOME, LOGNAME, PATH, SHELL, TERM and USER, as in agents that are built on it.
    arguments = [argument.replace(OPEN_FOLDER, str(folder)) for argument in launch.arguments]
    program = StdioServerParameters(command=launch.program, args=arguments, env=dict(variables), cwd=folder)
    with anyio.fail_after(PATIENCE_SECONDS):
        async with Client(stdio_client(program, errlog=log)) as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
            proof = await _searched(client)
    # What went wrong begins with "it starts, but", and the number of tools says no more.
    return replace(proof, said=f"{len(tools)} tools; {proof.said}") if proof.works else proof


async def _searched(client: "Client") -> Proof:
    """One search where the server stands. If it finds nothing, that proves nothing: then one for the name of a file of
    which the server says that it is indexed."""
    answer = await client.call_tool("search_code", {"query": QUERY, "limit": 1})
    if answer.is_error:
        return Proof(works=False, said=f"it starts, but a search fails: {_first_line(answer)}")
    found = _hit(answer)
    if found is None:
        listed = await client.call_tool("list_repositories", {"limit": MOST_REPOSITORIES})
        if listed.is_error:
            return Proof(works=False, said=f"it starts, but can't list repositories: {_first_line(listed)}")
        root = _indexed(listed)
        if root is None:
            said = "nothing is indexed yet, so a search had nothing to find. Next: pgdex index PATH, then pgdex doctor"
            return Proof(works=True, said=said)
        arguments = {"query": await _file_in(client, root), "repo_path": root, "limit": 1}
        answer = await client.call_tool("search_code", arguments)
        if answer.is_error:
            return Proof(works=False, said=f"it starts, but a search in {root} fails: {_first_line(answer)}")
        found = _hit(answer)
        if found is None:
            return Proof(works=False, said=f"it starts, but a search finds nothing in {root}, which is indexed")
    return Proof(works=True, said=f"a search finds {found}")


async def _file_in(client: "Client", root: str) -> str:
    """The name of an indexed file; the usual question where the server names none."""
    from mcp_types import ResourceTemplateReference

    for template in (await client.list_resource_templates()).resource_templates:
        if template.uri_template.startswith("pgdex://files/"):
            reference = ResourceTemplateReference(type="ref/resource", uri=template.uri_template)
            answer = await client.complete(reference, {"name": "path", "value": ""}, {"repo_path": root})
            return next((PurePath(path).name for path in answer.completion.values), QUERY)
    return QUERY


def _hit(answer: "CallToolResult") -> str | None:
    """The first hit of a search: the file and its repository."""
    content = answer.structured_content or {}
    for hit in content.get("hits", []):
        root = hit.get("repo_path") or content.get("repo_path")
        return f"{hit['path']} in {root}" if root else str(hit["path"])
    return None


def _indexed(answer: "CallToolResult") -> str | None:
    """A folder or source of a list of repositories that has something to find."""
    content = answer.structured_content or {}
    for repository in content.get("repositories", []):
        for view in repository.get("views", []):
            if repository.get("chunks") and view.get("files"):
                return str(view["repo_path"])
    return None


def _first_line(answer: "CallToolResult") -> str:
    texts = [str(getattr(part, "text", "")) for part in answer.content]
    lines = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "nothing"


def _reason(error: BaseException, launch: Launch, log: Any) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not os.access(launch.program, os.X_OK) and os.path.isabs(launch.program):
        return f"there is no program {launch.program} any more"
    if isinstance(error, FileNotFoundError) and error.filename == launch.program:
        return f"there is no {launch.program} on the PATH that the agent has"
    if isinstance(error, OSError) and error.filename == launch.program:
        return f"{launch.program} can't be started: {error.strerror}"
    log.seek(0)
    words = " ".join(log.read().split())[-LAST_WORDS:]
    if isinstance(error, TimeoutError):
        return f"no answer within {PATIENCE_SECONDS:.0f} s" + (f"; it wrote: {words}" if words else "")
    return words or " ".join(str(error).split()) or type(error).__name__
