"""A client over HTTP as a process of its own, to be killed in the middle of a watch.

python -m tests.contract.lone_watcher URL MODE JOB_ID PROJECT_ID
"""

import sys
from typing import Any, cast

import anyio

from tests.contract.agents import http_client


async def main(*arguments: str) -> None:
    """Watch the job for longer than any test takes."""
    url, mode, job_id, project_id = arguments
    async with http_client(url, mode=cast(Any, mode)) as client:
        await client.call_tool(
            "watch_indexing",
            {"job_id": job_id, "project_id": project_id, "timeout_seconds": 600},
            progress_callback=_ignored,
        )


async def _ignored(progress: float, total: float | None, message: str | None) -> None:
    return None


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
