"""The parts of the benchmarks that can be wrong without anyone seeing it in their figures."""

import json
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from benchmarks.changes import Edit, text_files
from benchmarks.generated_trees import small_file, small_files
from benchmarks.latency_service import DIMENSION, LatencyService, content_length
from benchmarks.processes import run_command
from benchmarks.scaling import BATCH_FILES, files_a_slot, layout, part_of
from tests.support.trees import python_tree


def test_a_generated_file_is_always_the_same_and_unlike_any_other(tmp_path: Path) -> None:
    assert small_file(7) == small_file(7)
    assert len({small_file(number).split("def ")[1] for number in range(200)}) == 200
    compile(small_file(7, functions=5), "module_7.py", "exec")

    tree = small_files(tmp_path / "tree", 250)

    files = sorted(tree.rglob("*.py"))
    assert len(files) == 250
    assert (tree / "part_0" / "package_1" / "module_150.py").read_text() == small_file(150)
    assert max(len(list(folder.iterdir())) for folder in (tree / "part_0").iterdir()) == 100


def test_a_tree_that_the_disk_has_no_room_for_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="10,000,000,000 files"):
        small_files(tmp_path / "tree", 10_000_000_000)

    assert not list((tmp_path / "tree").iterdir())


def test_an_edit_changes_its_files_alone_and_can_be_taken_back(tmp_path: Path) -> None:
    tree = python_tree(tmp_path / "tree", 20)
    files = text_files(tree)
    before = {path: path.read_bytes() for path in files}
    edit = Edit(files[::3], "branch 1")

    edit.apply()

    changed = {path for path in files if path.read_bytes() != before[path]}
    assert changed == set(files[::3])
    compile(files[0].read_text(), "changed.py", "exec")

    edit.undo()

    assert {path: path.read_bytes() for path in files} == before


def test_slots_are_spread_evenly_over_the_processes() -> None:
    assert [layout(slots, 2) for slots in (1, 2, 4, 32)] == [(1, 1), (2, 1), (2, 2), (2, 16)]
    with pytest.raises(ValueError, match="5 slots"):
        layout(5, 2)


def test_a_slot_gets_whole_batches_for_about_the_seconds_asked_for() -> None:
    assert files_a_slot(20, 50) == 12 * BATCH_FILES == 384
    assert files_a_slot(0.1, 50) == BATCH_FILES


def test_a_part_of_a_tree_has_as_many_files_as_asked_for_from_all_of_it(tmp_path: Path) -> None:
    tree = python_tree(tmp_path / "tree", 200)

    part = part_of(tree, tmp_path / "part", files=40)

    files = [path.relative_to(part) for path in part.rglob("*.py")]
    assert len(files) == 40
    assert {path.parts[0] for path in files} == {f"package_{number}" for number in range(4)}
    assert all((part / path).read_bytes() == (tree / path).read_bytes() for path in files)


def test_a_commands_figures_are_its_own(tmp_path: Path) -> None:
    program = (
        "import time; held = bytearray(120_000_000); print('done'); end = time.process_time() + 0.3\n"
        "while time.process_time() < end: pass"
    )

    outcome = run_command(
        [sys.executable, "-c", program],
        environment={},
        folder=tmp_path,
        log=tmp_path / "log",
        limit_seconds=60,
    )

    assert outcome.is_through
    assert outcome.log == "done\n"
    assert outcome.cpu_seconds >= 0.3
    assert outcome.seconds >= 0.3
    assert outcome.peak_bytes >= 120_000_000


def test_a_command_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        " open('child', 'w').write(str(child.pid)); time.sleep(60)"
    )

    outcome = run_command(
        [sys.executable, "-c", program], environment={}, folder=tmp_path, log=tmp_path / "log", limit_seconds=1.5
    )

    assert not outcome.is_through
    assert outcome.code is None
    child = Path("/proc") / (tmp_path / "child").read_text()
    deadline = time.monotonic() + 10
    while child.exists() and "Z" not in (child / "stat").read_text().rpartition(")")[2].split()[0]:
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.05)


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    outcome = run_command(
        [sys.executable, "-c", "raise SystemExit('no such table')"],
        environment={},
        folder=tmp_path,
        log=tmp_path / "log",
        limit_seconds=30,
    )

    with pytest.raises(RuntimeError, match=r"(?s)code 1.*no such table"):
        _ = outcome.is_through


def test_the_length_of_a_body_is_read_whatever_the_case() -> None:
    assert content_length(b"POST / HTTP/1.1\r\nHost: x\r\ncontent-LENGTH:  42") == 42
    assert content_length(b"GET / HTTP/1.1\r\nHost: x") == 0


def test_the_simulated_service_answers_after_its_latency_with_a_vector_for_each_text() -> None:
    with LatencyService(latency_ms=80, max_texts=3, processes=2) as service:
        started = time.perf_counter()
        vectors = ask(service.url, ["a", "b", "a"])
        passed = time.perf_counter() - started

        assert [len(vector) for vector in vectors] == [DIMENSION] * 3
        assert vectors[0] == vectors[2]
        assert passed >= 0.08
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(service.url, ["a", "b", "c", "d"])
        assert refused.value.code == 400
        refused.value.close()
        assert service.cpu_seconds() > 0


def test_the_simulated_service_takes_a_request_that_comes_in_pieces() -> None:
    body = json.dumps({"model": "test-model", "input": ["a"]}).encode()
    request = b"POST /api/embed HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with LatencyService(latency_ms=1) as service:
        port = int(service.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for piece in (request[:10], request[10:-5], request[-5:]):
                connection.sendall(piece)
                time.sleep(0.05)
            answer = connection.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert len(json.loads(answer.partition(b"\r\n\r\n")[2])["embeddings"]) == 1


def ask(url: str, texts: list[str]) -> list[list[float]]:
    """Embed the texts, without any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    body = json.dumps({"model": "test-model", "input": texts}).encode()
    with opener.open(f"{url}/api/embed", body, timeout=10) as response:
        vectors: list[list[float]] = json.loads(response.read())["embeddings"]
        return vectors
