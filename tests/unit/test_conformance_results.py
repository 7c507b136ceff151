"""What `make conformance` makes of the suite's files, and the proxy that it reaches the server through."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.conformance.proxy import serve_proxy
from tests.conformance.results import Outcome, problems, read_outcomes, table

REVISION = "2026-07-28"


def written(folder: Path, scenario: str, *statuses: str) -> None:
    """A scenario's file, as the suite writes it."""
    place = folder / f"server-{scenario}-{REVISION}T01-20-20-999Z"
    place.mkdir(parents=True)
    checks = [{"id": f"check-{number}", "status": status} for number, status in enumerate(statuses)]
    (place / "checks.json").write_text(json.dumps(checks))


def outcomes(folder: Path) -> dict[str, Outcome]:
    return {one.scenario: one for one in read_outcomes(folder, revision=REVISION, server="the server")}


def test_a_scenario_passes_where_something_was_checked_and_nothing_failed(tmp_path: Path) -> None:
    written(tmp_path, "server-initialize", "SUCCESS", "INFO")
    written(tmp_path, "json-schema-2020-12", "SUCCESS", "SUCCESS")
    written(tmp_path, "a-warning", "SUCCESS", "WARNING")
    written(tmp_path, "a-failure", "SUCCESS", "FAILURE")
    written(tmp_path, "skipped", "SKIPPED")
    written(tmp_path, "empty")

    found = outcomes(tmp_path)

    assert {name for name, one in found.items() if one.passed} == {"server-initialize", "json-schema-2020-12"}
    assert found["skipped"].word == "skipped by the suite"
    assert len(problems([*found.values()])) == 3
    assert "| `json-schema-2020-12` | passes (2) |" in table([*found.values()])


def test_what_is_known_to_fail_and_passes_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {(REVISION, "was-fixed"): "a reason", (REVISION, "still-fails"): "another"}
    monkeypatch.setattr("tests.conformance.results.KNOWN", known)
    written(tmp_path, "was-fixed", "SUCCESS")
    written(tmp_path, "still-fails", "FAILURE")

    [problem] = problems([*outcomes(tmp_path).values()])

    assert "was-fixed passes" in problem


def test_the_proxy_adds_the_token_and_changes_no_other_header() -> None:
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        assert await reader.readexactly(4) == b"body"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    async def exchange() -> bytes:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        proxy = await serve_proxy(port=0, server_port=port, token="the token")
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.sockets[0].getsockname()[1])
        head = b"POST /mcp HTTP/1.1\r\nHost: evil.example\r\nConnection: keep-alive\r\nAuthorization: x\r\n"
        writer.write(head + b"Content-Length: 4\r\n\r\nbody")
        answered = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        proxy.close()
        server.close()
        return answered

    assert asyncio.run(exchange()).endswith(b"ok")
    [head] = heads
    assert b"Host: evil.example\r\n" in head
    assert head.count(b"Authorization: ") == 1
    assert b"Authorization: Bearer the token\r\n" in head
    assert b"Connection: close\r\n" in head
