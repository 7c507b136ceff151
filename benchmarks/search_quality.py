"""NDCG@10 of pgdex's own search over annotated repositories: each retriever, both fused and ranked, and two baselines.

Indexes each repository into a project of its own on a fresh embedded server, then asks through the public search
function. Run: python -m benchmarks.search_quality [--embedder SPEC] [--write]

There are three sets of questions. `own` is in benchmarks/questions (its sources: python -m benchmarks.fetch_sources);
`semble` are seven repositories of MinishLab/semble's benchmark, of which --semble names the folder with annotations/
and repos.json, and --semble-sources one with a folder of sources for each repository. benchmarks/annotations.py has
the formats and how is counted. `trees` are the questions that benchmarks/piece_quality.py asks of whole trees with
tests, documents and examples, the half for development: the other two sets index folders of source code alone.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean

from benchmarks.annotations import ANY_OF, AnnotatedRepository, Answer, annotated_repositories
from benchmarks.baselines import Baselines
from benchmarks.local_cluster import completed, fresh_home, work_folder, workers
from benchmarks.measure import table, write_section
from pgdex.indexer.search import ALL_RETRIEVERS, Retriever, SearchRequest, search
from pgdex.indexer.search.ranking import RULES
from pgdex.jobs.client.client import Client
from pgdex.jobs.embedders import embedder_for
from pgdex.jobs.settings import Settings

HERE = Path(__file__).parent
TREES = HERE / "questions" / "trees" / "development"
DOCUMENT = HERE.parent / "docs" / "search.md"
KEYWORDS, WINDOWS, WORDS, VECTORS, RANKED = "keywords", "BM25 windows", "words", "vectors", "pgdex"
ENGINES = (KEYWORDS, WINDOWS, WORDS, VECTORS, RANKED)
Find = Callable[[str], Sequence[Answer]]
Scores = dict[tuple[str, str, str], list[float]]  # (row, engine, mode) -> NDCG of each query


def main() -> None:
    """Measure and print; with --write also into docs/search.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--semble", type=Path, default=HERE / ".cache" / "eval")
    options.add_argument("--semble-sources", type=Path, default=HERE / ".cache" / "search")
    options.add_argument("--own-sources", type=Path, default=HERE / ".cache" / "questions")
    options.add_argument("--trees-sources", type=Path, default=HERE / ".cache" / "trees" / "development")
    options.add_argument("--embedder", default=Settings.known()["embedder"].setting.default)
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    sets = {
        "semble": list(annotated_repositories(given.semble / "annotations", given.semble_sources)),
        "own": [
            *annotated_repositories(HERE / "questions" / "annotations", given.own_sources),
            *annotated_repositories(HERE / "questions" / "kinds", given.own_sources),
        ],
        "trees": list(annotated_repositories(TREES / "annotations", given.trees_sources)),
    }
    reports = [f"Embedder: `{given.embedder}`"]
    for name, repositories in sets.items():
        if not repositories:
            print(f"no sources of the set {name}: left out")
            continue
        reports += [f"### The set {name}", report(measured(repositories, given.embedder))]
        print("\n\n".join(reports[-2:]), flush=True)
    if given.write:
        write_section("search_quality", "\n\n".join(reports), document=DOCUMENT)


def measured(repositories: Sequence[AnnotatedRepository], embedder: str) -> Scores:
    """The scores of all engines, and of pgdex without each of its rules."""
    scores: Scores = defaultdict(list)
    with (
        work_folder("quality") as work,
        fresh_home(work, embedder=embedder) as settings,
        workers(settings, 2),
        Client.open(settings) as client,
    ):
        for repository in repositories:
            for engine, find in engines(client, repository):
                for question in repository.questions:
                    answers = find(question.query)
                    for mode in ("chunk", "file"):
                        value = question.ndcg(answers, prefix=repository.prefix, mode=mode)
                        for row in (repository.name, f"all {repository.language}", question.category, "all"):
                            scores[row, engine, mode].append(value)
    return scores


def engines(client: Client, repository: AnnotatedRepository) -> Iterator[tuple[str, Find]]:
    """Everything that answers, by its name in the tables; indexes the repository first."""
    completed(client, client.start(repository.root, project=repository.name).job_id)
    baselines = Baselines(repository.root)
    yield KEYWORDS, baselines.keywords
    yield WINDOWS, baselines.bm25

    def searching(
        *, retrievers: Sequence[Retriever] = ALL_RETRIEVERS, without_rules: frozenset[str] = frozenset()
    ) -> Find:
        return lambda query: (
            search(
                client.connection,
                SearchRequest(query, project_id=repository.name, limit=10),
                open_embedder=lambda spec: embedder_for(spec, client.settings),
                retrievers=retrievers,
                without_rules=without_rules,
            ).hits
        )

    yield WORDS, searching(retrievers=("words",))
    yield VECTORS, searching(retrievers=("vectors",))
    yield RANKED, searching()
    for rule in RULES:
        yield f"without {rule}", searching(without_rules=frozenset({rule}))
    yield "without any rule", searching(without_rules=frozenset(RULES))


def report(scores: Scores) -> str:
    """The tables, in Markdown."""
    sizes = {row: len(values) for (row, engine, mode), values in scores.items() if (engine, mode) == (RANKED, "chunk")}
    # A language with one repository has that repository's row.
    rows = [row for row in sizes if row != "all" and not (row.startswith("all ") and sizes[row] < MOST_OF_ONE)]
    # A set of one category has the row of all.
    categories = [row for row in rows if row in CATEGORIES and sizes[row] < sizes["all"]]
    others = [row for row in rows if row not in CATEGORIES]
    columns = [(engine, mode) for mode in ("chunk", "file") for engine in ENGINES]
    by_engine = table(
        ["NDCG@10", "queries", *(f"{engine}, {mode}" for engine, mode in columns)],
        [
            [
                f"**{row}**" if row == "all" else row,
                str(len(scores[row, RANKED, "chunk"])),
                *(f"{mean(scores[row, engine, mode]):.3f}" for engine, mode in columns),
            ]
            for row in ["all", *categories, *others]
        ],
    )
    ablations = [RANKED, *(f"without {rule}" for rule in RULES), "without any rule"]
    by_rule = table(
        ["NDCG@10, chunk", "all", *categories],
        [
            [engine, *(f"{mean(scores[row, engine, 'chunk']):.3f}" for row in ["all", *categories])]
            for engine in ablations
        ],
    )
    return f"{by_engine}\n\n{by_rule}"


MOST_OF_ONE = 28  # questions about one repository
CATEGORIES = ("semantic", "architecture", "symbol", "path", "error", "fragment", "partial", ANY_OF)

if __name__ == "__main__":
    main()
