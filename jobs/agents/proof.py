"""Starting a registered server as its agent would, with the handshake and one search."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdex.jobs.agents.clients import OPEN_FOLDER, Environment, Launch
from pgdex.jobs.agents.machine import Machine

if TYPE_CHECKING:
    from mcp_types import CallToolResult

PATIENCE_SECONDS = 60.0
"""For everything together. The first start of the bundled PostgreSQL takes a few seconds; agents wait 30 to 60."""
QUERY = "where does the program start"
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
    """Start the server in `folder`, list its tools and search once. Raises nothing: whatever fails is the answer."""
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
            answer = await client.call_tool("search_code", {"query": QUERY, "limit": 1})
    if answer.is_error:
        return Proof(works=False, said=f"it starts, but a search fails: {_first_line(answer)}")
    return Proof(works=True, said=f"{len(tools)} tools; a search answers: {_found(answer)}")


def _found(answer: "CallToolResult") -> str:
    """The first hit of a search, else the first note, else the first line."""
    content = answer.structured_content or {}
    hits, notes = content.get("hits"), content.get("notes")
    if isinstance(hits, list) and hits and isinstance(hits[0], dict) and "path" in hits[0]:
        return str(hits[0]["path"])
    if isinstance(notes, list) and notes:
        return str(notes[0])
    return _first_line(answer)


def _first_line(answer: "CallToolResult") -> str:
    texts = [str(getattr(part, "text", "")) for part in answer.content]
    lines = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "nothing"


def _reason(error: BaseException, launch: Launch, log: Any) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not os.access(launch.program, os.X_OK) and os.path.isabs(launch.program):
        return f"there is no program {launch.program} any more"
    if isinstance(error, OSError) and error.filename == launch.program:
        return f"{launch.program} can't be started: {error.strerror}"
    log.seek(0)
    words = " ".join(log.read().split())[-LAST_WORDS:]
    if isinstance(error, TimeoutError):
        return f"no answer within {PATIENCE_SECONDS:.0f} s" + (f"; it wrote: {words}" if words else "")
    return words or " ".join(str(error).split()) or type(error).__name__
