"""worker.log stays small while several processes write to it, whatever they write with."""

import os
import subprocess
import sys
import time
from pathlib import Path

from pgdex.jobs.worker.log_files import KEPT, catch_up, open_worker_log, rotate, worker_log
from tests.support.waiting import wait_for

WRITER = """
import os, sys, time
from pathlib import Path
from pgdex.jobs.worker import log_files
log_files.LOOK_SECONDS = 0.02
log_files.rotate.__kwdefaults__["largest_bytes"] = 20_000
log_files.follow_worker_log(Path(sys.argv[1]))
for number in range(400):
    sys.stderr.write(f"{sys.argv[2]} {number} {'x' * 100}\\n")
    os.write(2, f"{sys.argv[2]} by hand {number}\\n".encode())
    time.sleep(0.001)
"""


def test_a_log_that_is_too_large_is_moved_aside_and_a_few_old_ones_are_kept(tmp_path: Path) -> None:
    path = worker_log(tmp_path)
    for number in range(KEPT + 3):
        path.write_text(f"{number} " * 10)
        rotate(path, largest_bytes=10)
        assert path.read_text() == "", "the others go on with this one"

    kept = sorted(file.name for file in tmp_path.glob("worker.log.[0-9]"))
    assert kept == [f"worker.log.{number}" for number in range(1, KEPT + 1)]
    assert (tmp_path / "worker.log.1").read_text().startswith(f"{KEPT + 2} ")
    path.write_text("short")
    rotate(path, largest_bytes=10)
    assert path.read_text() == "short"


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    with open_worker_log(tmp_path) as log:
        assert os.fstat(log.fileno()).st_mode & 0o777 == 0o600


def test_a_descriptor_follows_the_file_also_when_someone_removed_it(tmp_path: Path) -> None:
    path = worker_log(tmp_path)
    with open_worker_log(tmp_path) as log:
        path.unlink()
        catch_up(path, [log.fileno()])
        os.write(log.fileno(), b"here\n")
    assert path.read_text() == "here\n"


def test_a_home_that_is_gone_is_no_error(tmp_path: Path) -> None:
    with open_worker_log(tmp_path) as log:
        worker_log(tmp_path).unlink()
        missing = tmp_path / "missing" / "worker.log"
        rotate(missing)
        catch_up(missing, [log.fileno()])
        os.write(log.fileno(), b"nowhere")


def test_several_processes_write_to_one_log_and_none_goes_on_with_an_old_file(tmp_path: Path) -> None:
    with open_worker_log(tmp_path) as log:
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], stdout=log, stderr=log)
            for name in ("one", "two", "three")
        ]
    for writer in writers:
        assert writer.wait(60) == 0
    files = [worker_log(tmp_path), *tmp_path.glob("worker.log.[0-9]")]
    assert len(files) == KEPT + 1
    wait_for(lambda: worker_log(tmp_path).exists(), what="the present log")
    newest = max(files, key=lambda file: file.stat().st_mtime_ns)
    assert newest in (worker_log(tmp_path), tmp_path / "worker.log.1")
    assert time.time() - newest.stat().st_mtime < 60
    # 20,000 bytes, and what three processes write within one look of each
    assert all(file.stat().st_size < 200_000 for file in files)
    whole = [line for file in files for line in file.read_text().splitlines()]
    assert all(line.split()[0] in ("one", "two", "three") for line in whole), "no line is torn"
