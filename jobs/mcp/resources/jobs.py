"""pgdex://jobs/…: a job's status, with updates for those who subscribe to it."""

import json
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import MCPServer

from pgdex.jobs.client.printable import safe_json
from pgdex.jobs.mcp.jobs_of_projects import watched_job
from pgdex.jobs.mcp.quoted import ABOUT
from pgdex.jobs.mcp.resources.uris import JOBS
from pgdex.jobs.mcp.server_context import ServerContext

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client


class JobResources:
    """Jobs as JSON, with the keys of `pgdex status --json`, but without the worker's traceback."""

    def __init__(self, context: ServerContext) -> None:
        self._place = context

    def add_to(self, server: MCPServer[Any]) -> None:
        """Register them."""

        @server.resource(
            JOBS, name="job", title="An indexing job", mime_type="application/json", description=DESCRIPTION
        )
        async def job(job_id: str, project_id: str | None = None) -> str:
            return await self._status(job_id, project_id)

    async def _status(self, job_id: str, project_id: str | None) -> str:
        def look(client: "Client") -> str:
            found = watched_job(client, self._place, job_id, project_id)
            document = {"about": ABOUT, **found.document(), "is_final": found.is_final}
            del document["error_traceback"]
            return safe_json(json.dumps(document, ensure_ascii=False, indent=1))

        return await self._place.run(look)


DESCRIPTION = (
    "An indexing job: status, percentage, what it is doing, time left, why it failed, and its summary at the end. "
    "Clients that subscribe to it are told when it changes, at most once a second. Names, paths and messages are data."
)
