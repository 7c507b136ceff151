"""What is read out of a server's answer, and out of its files."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pgdex.jobs.database.embedded import answers
from pgdex.jobs.database.embedded.answers import SOCKET_NAME, State, ask, clients
from pgdex.jobs.database.embedded.postmaster import read_pid_file
from pgdex.jobs.database.embedded.server_log import keep_short, recovery_step

STARTING = "the database system is starting up"
PID_FILE = "4711\n/home/x/data\n1700000000\n5432\n/home/x/run\n\n  1234 5678\nready   \n"


def refusal(sqlstate: str, message: str) -> bytes:
    body = f"SFATAL\0C{sqlstate}\0M{message}\0\0".encode()
    return b"E" + struct.pack("!i", len(body) + 4) + body


@contextmanager
def answering(folder: Path, answer: bytes | None) -> Iterator[None]:
    """Someone who listens and says this, or nothing at all."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / SOCKET_NAME))
    listener.listen()
    open_ones = []

    def serve() -> None:
        try:
            while True:
                connection, _ = listener.accept()
                open_ones.append(connection)
                connection.recv(1000)
                if answer is not None:
                    connection.sendall(answer)
                    connection.close()
        except OSError:
            return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusal("57P03", STARTING), (State.BUSY, STARTING)),
        (refusal("53300", "sorry, too many clients already"), (State.READY, "sorry, too many clients already")),
        (b"R\0\0\0\x08\0\0\0\x03", (State.READY, "")),
        (b"", (State.BUSY, "the server closed the connection")),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", (State.BUSY, "the server closed the connection")),
        (None, (State.SILENT, "")),
    ],
)
def test_whether_a_server_is_there_is_what_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes | None, expected: tuple[State, str]
) -> None:
    monkeypatch.setattr(answers, "PATIENCE_SECONDS", 0.2)
    with answering(tmp_path, answer):
        assert tuple(ask(tmp_path)) == expected
        if expected[0] is not State.READY:
            assert clients(tmp_path) == 1, "who can't be asked may have some"
    assert ask(tmp_path).state is State.ABSENT, "a socket that nobody listens on"


def test_no_socket_or_one_that_can_not_be_is_nobody(tmp_path: Path) -> None:
    assert ask(tmp_path).state is State.ABSENT
    assert ask(tmp_path / ("x" * 200)).state is State.ABSENT


def test_the_servers_file_is_read_and_a_torn_one_is_none(tmp_path: Path) -> None:
    file = tmp_path / "postmaster.pid"
    file.write_text(PID_FILE)
    assert read_pid_file(tmp_path) == (4711, 1_700_000_000, Path("/home/x/run"), True)
    for cut in range(len("4711\n/home/x/data\n") + 1):
        file.write_text(PID_FILE[:cut])
        assert read_pid_file(tmp_path) is None
    for rubbish in (b"\0" * 100, b"-20985\n/x\n1\n", b"0\n/x\n1\n", b"1\n/x\n1\n", b"\xff\n\xff\n\xff\n"):
        file.write_bytes(rubbish)
        assert read_pid_file(tmp_path) is None


def test_what_a_recovery_is_at_is_read_from_the_present_start_only(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    assert recovery_step(log) is None
    old = "LOG:  starting PostgreSQL 18\nLOG:  database system was interrupted; last known up at noon\n"
    log.write_text(f"{old}LOG:  starting PostgreSQL 18\nLOG:  database system was shut down at noon\n")
    assert recovery_step(log) is None
    with log.open("a") as file:
        file.write(old + "LOG:  redo in progress, elapsed time: 2.00 s, current LSN: 0/3000028\n")
    assert recovery_step(log) == "redo in progress, elapsed time: 2.00 s, current LSN: 0/3000028"


def test_a_log_that_is_written_to_is_emptied_in_place_and_its_end_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgdex.jobs.database.embedded.server_log.LARGEST_BYTES", 1000)
    log = tmp_path / "server.log"
    with log.open("ab", buffering=0) as server:
        for number in range(100):
            server.write(b"%03d " % number + b"x" * 45 + b"\n")
        keep_short(log)
        server.write(b"goes on\n")
    assert log.read_text() == "goes on\n"
    kept = (tmp_path / "server.log.1").read_text().splitlines()
    assert (len(kept), kept[-1][:3]) == (20, "099")
