"""A client as a process of its own, to be killed: starts a server and a job, says the job's id, and waits.

python -m tests.contract.lone_client REPOSITORY SERVER_ARGUMENT…
"""

import json
import os
import sys

import anyio
from mcp import Client, StdioServerParameters


async def main(*arguments: str) -> None:
    """Start a job and wait until killed."""
    repository, *server = arguments
    parameters = StdioServerParameters(command=sys.executable, args=server, env=dict(os.environ))
    async with Client(parameters) as client:
        answer = await client.call_tool("start_indexing_background", {"repo_path": repository, "force_reindex": True})
        print(json.dumps(answer.structured_content), flush=True)
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
