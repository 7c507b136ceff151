"""What /healthz tells."""

from typing import TYPE_CHECKING, Any

import anyio

from jobs.mcp_server.workplace import Workplace

if TYPE_CHECKING:
    from jobs.client import Client

PATIENCE_SECONDS = 4.0


async def health(place: Workplace) -> dict[str, Any]:
    """The database's state, how many jobs are live, and the age of the oldest. Never raises for a database that is
    away, and does not wait for it long."""

    def look(client: "Client") -> dict[str, Any]:
        from jobs.cluster import live_jobs, oldest_live_job_seconds

        return {
            "active_jobs": live_jobs(client.connection),
            "oldest_active_job_seconds": oldest_live_job_seconds(client.connection),
        }

    found: dict[str, Any] | None = None
    with anyio.move_on_after(PATIENCE_SECONDS):
        try:
            found = await place.run(look, abandon=True)
        except Exception:
            found = None
    if found is None:
        return {"status": "not ok", "database": "away", "active_jobs": None, "oldest_active_job_seconds": None}
    return {"status": "ok", "database": "ok", **found}
