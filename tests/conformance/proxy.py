"""A proxy that adds the bearer token to each request: the suite can't send one, and pgdex serves nobody without it.

Nothing else is changed: the suite's Host and Origin reach the server as they are. Each connection carries one request.
"""

import asyncio
from contextlib import suppress

HEAD_END = b"\r\n\r\n"
MOST_HEAD_BYTES = 64 * 1024
BLOCK = 64 * 1024


async def serve_proxy(*, port: int, server_port: int, token: str) -> asyncio.Server:
    """Listen on this machine at `port` for the server at `server_port`."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(HEAD_END)
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", server_port)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            writer.close()
            return
        onward_writer.write(_with_token(head, token))
        tasks = [
            asyncio.create_task(_pump(reader, onward_writer)),
            asyncio.create_task(_pump(onward_reader, writer)),
        ]
        # Whoever closes first ends both: a client that leaves, or a server that has answered.
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for side in (writer, onward_writer):
            side.close()

    return await asyncio.start_server(one, "127.0.0.1", port, limit=MOST_HEAD_BYTES)


def _with_token(head: bytes, token: str) -> bytes:
    first, *lines = head.removesuffix(HEAD_END).split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith((b"connection:", b"authorization:"))]
    added = [b"Connection: close", b"Authorization: Bearer " + token.encode()]
    return b"\r\n".join([first, *kept, *added]) + HEAD_END


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while block := await reader.read(BLOCK):
            writer.write(block)
            await writer.drain()
