"""Completion of the arguments of prompts and resources: folders that are indexed, paths in them, ids of jobs."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from pgdex.jobs.client.printable import UNSAFE
from pgdex.jobs.mcp.arguments import LONGEST_PATH
from pgdex.jobs.mcp.protocol_errors import protocol_error
from pgdex.jobs.mcp.server_context import ServerContext

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client

SURROGATES = re.compile("[\ud800-\udfff]")
"""Half characters, which JSON can have and a database can't."""
Reference = PromptReference | ResourceTemplateReference


class Completions:
    """Completes repo_path, path and job_id, in the project that the arguments given so far lead to."""

    def __init__(self, context: ServerContext) -> None:
        self._place = context

    def add_to(self, server: MCPServer[Any]) -> None:
        """Register the handler."""

        async def complete(
            ref: Reference, argument: CompletionArgument, context: CompletionContext | None
        ) -> Completion:
            await _require_known(server, ref)
            given = (context.arguments if context is not None else None) or {}
            try:
                return await self._completed(argument.name, argument.value, given)
            except Exception as error:
                raise protocol_error(error, about=f"completion of {argument.name}") from error

        register: Any = server.completion  # it has no types
        register()(complete)

    async def _completed(self, name: str, text: str, given: dict[str, str]) -> Completion:
        repo_path = given.get("repo_path", "")
        if name not in ("repo_path", "path", "job_id") or not (_can_be_stored(text) and _can_be_stored(repo_path)):
            return _of([])
        if name == "path" and not repo_path:
            return _of([])  # a path of which repository?

        def look(client: "Client") -> list[str]:
            from pgdex.jobs.client.indexed_files import job_ids_like, locations_like, paths_like

            folder = Path(repo_path) if repo_path.startswith("/") else None
            project = self._place.known_project(client, given.get("project_id") or None, folder=folder).id
            if name == "repo_path":
                return locations_like(client.connection, project=project, text=text)
            if name == "job_id":
                return job_ids_like(client.connection, project=project, text=text)
            return paths_like(client.connection, project=project, repo_path=repo_path, text=text)

        return _of(await self._place.run(look))


async def _require_known(server: MCPServer[Any], ref: Reference) -> None:
    if isinstance(ref, PromptReference):
        known = [prompt.name for prompt in await server.list_prompts()]
        if ref.name not in known:
            raise MCPError(
                code=INVALID_PARAMS, message=f"unknown prompt {ref.name[:100]!r}; the prompts are {', '.join(known)}"
            )
        return
    templates = [template.uri_template for template in await server.list_resource_templates()]
    if str(ref.uri) not in templates:
        raise MCPError(
            code=INVALID_PARAMS,
            message=f"unknown resource template {str(ref.uri)[:200]!r}; the templates are {', '.join(templates)}",
        )


def _can_be_stored(text: str) -> bool:
    """Whether a name in the database can be like that: nothing begins with what can't."""
    return len(text) <= LONGEST_PATH and "\0" not in text and not SURROGATES.search(text)


def _of(found: list[str]) -> Completion:
    """What was found, without names that hold characters that nobody sees: they could not be written back."""
    from pgdex.jobs.client.indexed_files import MOST_FOUND

    values = [one for one in found[:MOST_FOUND] if not UNSAFE.search(one)]
    has_more = len(found) > MOST_FOUND
    return Completion(values=values, total=None if has_more else len(values), has_more=has_more)
