"""What a model may call: a shell of four commands, the tools of pgdex's MCP server, or both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from mcp import Client, MCPError
from mcp_types import TextContent

from benchmarks.agents import shell
from benchmarks.agents.conversation import ToolDefinition

SHELL: Final = ToolDefinition(
    "shell",
    "Run one command in the root of the repository: grep, sed -n, ls or cat. No pipes, no redirections, no wildcards "
    f"outside of quotes. Output is cut after {shell.OUTPUT_BYTES:,} bytes. Commands: {shell.COMMANDS}",
    {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a tool answered, as text for the model."""

    text: str
    is_error: bool


class Toolbox(Protocol):
    """Some tools, and the instructions that come with them."""

    @property
    def instructions(self) -> str: ...
    @property
    def tools(self) -> Sequence[ToolDefinition]: ...

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Answered:
        """A call's answer; wrong arguments are an answer too, since a model makes them."""


@dataclass(frozen=True, slots=True)
class Shell:
    """The shell tool in one repository."""

    root: Path

    @property
    def instructions(self) -> str:
        """None: the tool's description says it all."""
        return ""

    @property
    def tools(self) -> Sequence[ToolDefinition]:
        """The one tool."""
        return (SHELL,)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Answered:
        """Run the command."""
        command = arguments.get("command")
        if not isinstance(command, str):
            return Answered(f"{name} needs a command, as a string", is_error=True)
        output = await shell.run(command, root=self.root)
        return Answered(output.text, output.failed)


@dataclass(frozen=True, slots=True)
class Server:
    """All tools of an MCP server, as a client hands them to a model. Those that say of themselves that they destroy
    something are offered, since they cost tokens, but not called: the index serves the tasks that follow."""

    client: Client
    tools: Sequence[ToolDefinition]
    destructive: frozenset[str]

    @classmethod
    async def of(cls, client: Client) -> "Server":
        """The tools that a connected server lists."""
        listed = (await client.list_tools()).tools
        return cls(
            client,
            [ToolDefinition(tool.name, tool.description or "", tool.input_schema) for tool in listed],
            frozenset(tool.name for tool in listed if tool.annotations and tool.annotations.destructive_hint),
        )

    @property
    def instructions(self) -> str:
        """What the server says of itself."""
        return self.client.instructions or ""

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Answered:
        """The text of the answer; clients show a model the text or the structured content, not both."""
        if name in self.destructive:
            return Answered(f"{name} is not allowed in this session", is_error=True)
        try:
            answer = await self.client.call_tool(name, dict(arguments))
        except MCPError as error:
            return Answered(str(error), is_error=True)
        text = "\n".join(part.text for part in answer.content if isinstance(part, TextContent))
        return Answered(text or "(no text)", bool(answer.is_error))


@dataclass(frozen=True, slots=True)
class Several:
    """Several toolboxes as one."""

    boxes: Sequence[Toolbox]

    @property
    def instructions(self) -> str:
        """All instructions, one after the other."""
        return "\n\n".join(text for box in self.boxes if (text := box.instructions))

    @property
    def tools(self) -> Sequence[ToolDefinition]:
        """All tools, in order."""
        return [tool for box in self.boxes for tool in box.tools]

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Answered:
        """Hand the call to the first toolbox that has the tool."""
        for box in self.boxes:
            if any(tool.name == name for tool in box.tools):
                return await box.call(name, arguments)
        return Answered(f"no tool is called {name!r}", is_error=True)
