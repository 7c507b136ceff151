"""What crashes cost on a job of 15,000 files: workers are killed while it runs, and the texts that are embedded twice
are counted by the embedding service.

Run: python -m benchmarks.repeated_work [--files 15000] [--kills 8] [--write]
"""

import argparse
import random
import time
from pathlib import Path
from uuid import UUID

from benchmarks.chaos.cluster import Cluster, cluster
from benchmarks.measure import machine, table, write_section
from tests.support.index_digest import assert_index_is_sound

BATCH_FILES = 32  # the default
PROCESSES = 2
CALL_SECONDS = 0.1  # of the embedding service: most of a batch's time, as with a real one
BATCH_SECONDS = 0.4
PROMISED_SHARE = 0.005
DONE = "select files_done from pgdex.indexing_jobs where id = %s"


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--files", type=int, default=15_000)
    options.add_argument("--kills", type=int, default=8)
    options.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    given = options.parse_args()
    print(machine(), flush=True)
    with cluster(batch_files=BATCH_FILES) as made:
        report = measure(made, files=given.files, kills=given.kills)
    print(report)
    if given.write:
        write_section("repeated_work", report)


def measure(made: Cluster, *, files: int, kills: int) -> str:
    """Kill a worker `kills` times, evenly spread over the job; the report."""
    tree = unlike_files(made.folder / "tree", files)
    moment = random.Random(kills)
    made.slow(CALL_SECONDS)
    made.fill_up(PROCESSES)
    made.service.reset_counts()
    job_id = made.enqueue(tree)
    rows: list[list[str]] = []
    for number in range(1, kills + 1):
        threshold = files * number // (kills + 1)
        until_done(made, job_id, threshold)
        before = made.service.counts().repeated_texts
        time.sleep(moment.uniform(0, BATCH_SECONDS))  # not just after a commit, which is what was waited for
        made.workers.kill(made.running_processes()[number % PROCESSES])
        made.fill_up(PROCESSES)
        until_done(made, job_id, threshold + 8 * BATCH_FILES)
        repeated = made.service.counts().repeated_texts - before
        rows.append([f"{number}", f"{threshold:,}", f"{repeated}"])
        print(" | ".join(rows[-1]), flush=True)
    made.until_status(job_id, "completed", "failed", "cancelled", seconds=600)
    if made.status(job_id) != "completed" or done(made, job_id) != files:
        raise RuntimeError(f"the job ended as {made.status(job_id)} with {done(made, job_id)} files")
    assert_index_is_sound(made.connection)
    counts = made.service.counts()
    once = counts.texts - counts.repeated_texts
    a_kill = counts.repeated_texts / kills
    return (
        f"{files:,} files, {once:,} texts, {PROCESSES} workers of one slot, {BATCH_FILES} files a batch.\n\n"
        + table(["kill", "after that many files", "texts embedded again"], rows)
        + f"\n\nAgain in all: {counts.repeated_texts:,}; for each kill {a_kill:.0f} texts, which is "
        f"{a_kill / once:.2%} of the job (promised: less than {PROMISED_SHARE:.1%})."
    )


def done(made: Cluster, job_id: UUID) -> int:
    """Files that were committed."""
    return int(str(made.value(DONE, job_id)))


def until_done(made: Cluster, job_id: UUID, files: int) -> None:
    """Wait until that many files were committed."""
    made.until(lambda: done(made, job_id) >= files, what=f"{files} files", seconds=600)


def unlike_files(root: Path, count: int) -> Path:
    """Python files of which no two have a chunk in common, so that a text that is counted twice was embedded twice."""
    for number in range(count):
        draw = random.Random(number)
        folder = root / f"package_{number // 100}"
        folder.mkdir(parents=True, exist_ok=True)
        functions = (
            f"def handle_{number}_{n}(value: int) -> int:\n"
            f'    """Handle {draw.randbytes(60).hex()}."""\n'
            f"    return value + {draw.randrange(10**6)}\n\n\n"
            for n in range(draw.randrange(2, 14))
        )
        (folder / f"module_{number}.py").write_text("".join(functions))
    return root


if __name__ == "__main__":
    main()
