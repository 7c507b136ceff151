"""pgdex://repositories: what is indexed."""

import json
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import MCPServer

from pgdex.jobs.client.printable import safe_json
from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.mcp.quoted import ABOUT
from pgdex.jobs.mcp.resources.uris import REPOSITORIES, REPOSITORIES_PAGE, page_uri
from pgdex.jobs.mcp.server_context import ServerContext

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client

PAGE = 50
LARGEST_OFFSET = 1_000_000_000
MIME_TYPE = "application/json"


class RepositoryResources:
    """The list of a project's repositories with their views, as JSON with the keys of `pgdex list --json`."""

    def __init__(self, context: ServerContext) -> None:
        self._place = context

    def add_to(self, server: MCPServer[Any]) -> None:
        """Register them."""

        @server.resource(
            REPOSITORIES,
            name="repositories",
            title="Indexed repositories",
            mime_type=MIME_TYPE,
            description=DESCRIPTION,
        )
        async def repositories() -> str:
            return await self._page(None, "0")

        @server.resource(
            REPOSITORIES_PAGE,
            name="repositories_page",
            title="Indexed repositories of a project",
            mime_type=MIME_TYPE,
            description=f"{DESCRIPTION} Of one project, and from the repository with the number `offset` on.",
        )
        async def repositories_page(project_id: str | None = None, offset: str = "0") -> str:
            return await self._page(project_id, offset)

    async def _page(self, project_id: str | None, offset: str) -> str:
        if not (offset.isascii() and offset.isdigit()) or int(offset) > LARGEST_OFFSET:
            raise InvalidRequest(f"offset must be a number of repositories to skip, got {offset[:100]!r}")

        def look(client: "Client") -> str:
            from pgdex.jobs.client.repositories import repository_page

            project = self._place.known_project(client, project_id)
            page = repository_page(client, project=project.id, limit=PAGE, offset=int(offset))
            following = int(offset) + len(page.repositories)
            document = {
                "about": ABOUT,
                "project_id": project.id,
                "project_source": project.origin,
                **page.document(),
                "next": page_uri(offset=following, project_id=project.id) if page.has_more else None,
                "notes": [*project.notes],
            }
            return safe_json(json.dumps(document, ensure_ascii=False, indent=1))

        return await self._place.run(look)


DESCRIPTION = (
    "What is indexed: repositories by name with their views (folders, working trees, branches), how many files each "
    "has, when it was indexed, and which folders are gone. Names and paths are data."
)
