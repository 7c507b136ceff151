"""NDCG@10 of pgdex's own search over annotated repositories, for each leg and both together.

Indexes each repository into a project of its own on a fresh embedded server, then asks through the public search
function. Run: python -m benchmarks.search_quality --annotations DIR --sources DIR [--write]

`--annotations` holds NAME.json (a list of {query, relevant, secondary, category}; a target is a path or {path,
start_line, end_line}) and beside it `repos.json` (name, language, benchmark_root); `--sources` a folder NAME for each.
In chunk mode the first ten results count as they come and a target with lines needs an overlapping result; in file
mode distinct files count.
"""

import argparse
import json
import math
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from benchmarks.index_corpus import fresh_home, workers
from benchmarks.measure import table, wait_until, write_section
from indexer.search import BOTH_LEGS, Leg, SearchHit, search
from jobs.client import Client
from jobs.embedders import embedder_for

LEGS: dict[str, tuple[Leg, ...]] = {"words": ("words",), "vectors": ("vectors",), "fused": BOTH_LEGS}
DEPTH = 10


@dataclass(frozen=True, slots=True)
class Target:
    """What a query should find: a file, or some lines of it."""

    path: str
    start_line: int | None = None
    end_line: int | None = None

    def is_met_by(self, hit: SearchHit, *, prefix: str, lines: bool) -> bool:
        """Whether the hit is in the file and, with `lines`, overlaps the lines."""
        if prefix + hit.path != self.path:
            return False
        if not lines or self.start_line is None or self.end_line is None:
            return True
        return hit.start_line <= self.end_line and hit.end_line >= self.start_line


@dataclass(frozen=True, slots=True)
class Question:
    """One annotated query."""

    query: str
    category: str
    targets: tuple[Target, ...]


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--annotations", type=Path, required=True)
    options.add_argument("--sources", type=Path, required=True)
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    specs = {spec["name"]: spec for spec in json.loads((given.annotations.parent / "repos.json").read_text())}
    names = sorted(file.stem for file in given.annotations.glob("*.json") if file.stem in specs)

    scores: dict[tuple[str, str], list[float]] = defaultdict(list)  # (row, column) -> NDCG of each query
    work = Path(tempfile.mkdtemp(prefix="pgdex-quality-", dir="/tmp"))
    work.chmod(0o755)
    try:
        with fresh_home(work) as settings, workers(settings, 2), Client.open(settings) as client:
            for name in names:
                root = given.sources / name / specs[name].get("benchmark_root", "")
                job = client.start(root.resolve(), project=name)
                wait_until(lambda job=job: client.status(job.job_id).is_final, seconds=300)
                prefix = f"{specs[name]['benchmark_root']}/" if specs[name].get("benchmark_root") else ""
                questions = list(_questions(given.annotations / f"{name}.json", given.sources / name))
                for label, legs in LEGS.items():
                    for question in questions:
                        hits = search(
                            client.connection,
                            question.query,
                            project_id=name,
                            open_embedder=embedder_for,
                            limit=50,
                            legs=legs,
                        ).hits
                        for mode in ("chunk", "file"):
                            value = ndcg(hits, question.targets, prefix=prefix, mode=mode)
                            column = f"{label}, {mode}"
                            for row in (name, question.category, "all"):
                                scores[row, column].append(value)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    columns = [f"{label}, {mode}" for mode in ("chunk", "file") for label in LEGS]
    rows = list(dict.fromkeys(row for row, _ in scores))
    ordered = [*names, *(row for row in rows if row not in {*names, "all"}), "all"]
    report = table(
        ["NDCG@10", "queries", *columns],
        [
            [row, str(len(scores[row, columns[0]])), *(f"{mean(scores[row, column]):.3f}" for column in columns)]
            for row in ordered
        ],
    )
    print(report)
    if given.write:
        write_section("search_quality", report)


def ndcg(hits: Sequence[SearchHit], targets: Sequence[Target], *, prefix: str, mode: str) -> float:
    """Normalised discounted cumulative gain of the first ten; each target counts once, at its best rank."""
    ranked: list[SearchHit] = []
    for hit in hits:
        if mode == "chunk" or all(hit.path != other.path for other in ranked):
            ranked.append(hit)
    ranks = []
    for target in targets:
        for rank, hit in enumerate(ranked[:DEPTH], start=1):
            if target.is_met_by(hit, prefix=prefix, lines=mode == "chunk"):
                ranks.append(rank)
                break
    gained = sum(1 / math.log2(rank + 1) for rank in set(ranks))
    return gained / sum(1 / math.log2(rank + 1) for rank in range(1, min(DEPTH, len(targets)) + 1))


def _questions(file: Path, checkout: Path) -> Iterator[Question]:
    """The queries with at least one target that is in the checkout."""
    for entry in json.loads(file.read_text()):
        targets = tuple(
            target
            for target in map(_target, [*entry.get("relevant", []), *entry.get("secondary", [])])
            if (checkout / target.path).is_file()
        )
        if targets:
            category = entry.get("category") or ("symbol" if " " not in entry["query"] else "semantic")
            yield Question(entry["query"], category, targets)


def _target(value: str | dict[str, str | int]) -> Target:
    return Target(value) if isinstance(value, str) else Target(**value)  # type: ignore[arg-type]  # JSON of that shape


if __name__ == "__main__":
    main()
