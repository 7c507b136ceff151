"""How often the piece of code that a search shows is the answer: natural questions over whole source trees.

Run: python -m benchmarks.piece_quality [--set development|held-out|both] [--without RULE|each] [--lost] [--write]

Indexes each tree into a project of its own on a fresh embedded server, once, and asks every question of pgdex, of each
retriever alone and of pgdex without a rule. The sources are brought with
`python -m benchmarks.fetch_sources --repos benchmarks/questions/trees/SET/repos.json --into
benchmarks/.cache/trees/SET`. benchmarks/pieces.py says what a right piece is. The set `held-out` is for a last look:
nothing is chosen by it.

With --home the server's folder stays, and a second run indexes only what has changed.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Final

from benchmarks.local_cluster import completed, fresh_home, kept_home, work_folder, workers
from benchmarks.measure import table, write_section
from benchmarks.pieces import Lines, PieceQuestion, Score, Shown, Tree, is_right, read_trees, score
from pgdex.indexer.embedding import Embedder
from pgdex.indexer.lexemes import words
from pgdex.indexer.search import ALL_RETRIEVERS, Retriever, SearchHit, SearchRequest, search
from pgdex.indexer.search.paths import roles_of
from pgdex.indexer.search.query import understand
from pgdex.indexer.search.ranking import RULES
from pgdex.indexer.terms import stem_of
from pgdex.jobs.client.client import Client
from pgdex.jobs.embedders import embedder_for
from pgdex.jobs.settings import Settings

HERE = Path(__file__).parent
DOCUMENT = HERE.parent / "docs" / "search.md"
SETS: Final = ("development", "held-out")
LIMIT: Final = 10
INSTEAD: Final = 3  # hits that are printed for a question that was lost


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to answer, by its name in the tables."""

    name: str
    retrievers: Sequence[Retriever] = ALL_RETRIEVERS
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a tree with the answer of one variant."""

    tree: Tree
    question: PieceQuestion
    hits: Sequence[SearchHit]
    score: Score


PGDEX: Final = Variant("pgdex")
ALONE: Final = (Variant("words", retrievers=("words",)), Variant("vectors", retrievers=("vectors",)))


def main() -> None:
    """Measure and print; with --write also into docs/search.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--set", choices=(*SETS, "both"), default=SETS[0], help="which trees (%(default)s)")
    options.add_argument("--tree", action="append", default=[], metavar="NAME", help="only this tree")
    options.add_argument("--sources", type=Path, default=HERE / ".cache" / "trees", help="folder with one for each set")
    options.add_argument(
        "--without", action="append", default=[], choices=(*RULES, "each"), help="add a row without a ranking rule"
    )
    options.add_argument("--lost", action="store_true", help="print the questions lost, with what came instead")
    options.add_argument("--home", type=Path, help="keep the server and its index in this folder")
    options.add_argument("--embedder", default=Settings.known()["embedder"].setting.default)
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    sets = SETS if given.set == "both" else (given.set,)
    chosen = {name: trees for name in sets if (trees := trees_of(name, given.sources, only=given.tree))}
    if not chosen:
        raise SystemExit(f"no tree of {' or '.join(sets)} is called {' or '.join(given.tree)}")
    left_out = RULES if "each" in given.without else dict.fromkeys(given.without)
    variants = [PGDEX, *ALONE, *(Variant(f"without {rule}", without=frozenset({rule})) for rule in left_out)]
    reports = [f"Embedder: `{given.embedder}`"]
    with index([tree for trees in chosen.values() for tree in trees], given.embedder, home=given.home) as client:
        for name, trees in chosen.items():
            answered = {variant: list(ask(client, trees, variant)) for variant in variants}
            reports += [f"#### The set {name}", report(answered)]
            print("\n\n".join(reports[-2:]), flush=True)
            if given.lost:
                print("\n" + "\n\n".join(lost(answered[PGDEX])), flush=True)
    if given.write:
        write_section("piece_quality", "\n\n".join(reports), document=DOCUMENT)


def trees_of(name: str, sources: Path, *, only: Sequence[str] = ()) -> list[Tree]:
    """The trees of a set; SystemExit says how to bring the sources where one is missing."""
    questions = HERE / "questions" / "trees" / name
    trees = list(read_trees(questions, sources / name))
    missing = [tree.name for tree in trees if not tree.root.is_dir()]
    if missing:
        raise SystemExit(
            f"no sources of {', '.join(missing)} in {sources / name}; bring them with: python -m"
            f" benchmarks.fetch_sources --repos {questions / 'repos.json'} --into {sources / name}"
        )
    return [tree for tree in trees if not only or tree.name in only]


@contextmanager
def index(trees: Sequence[Tree], embedder: str, *, home: Path | None = None) -> Iterator[Client]:
    """A client of a server on which each tree is indexed, in the project of its name."""
    with (
        work_folder("pieces") as work,
        fresh_home(work, embedder=embedder) if home is None else kept_home(home, embedder=embedder) as settings,
        workers(settings, 2),
        Client.open(settings) as client,
    ):
        jobs = [client.start(tree.root, project=tree.name).job_id for tree in trees]
        for job_id in jobs:
            completed(client, job_id)
        yield client


def ask(client: Client, trees: Sequence[Tree], variant: Variant) -> Iterator[Asked]:
    """Every question of the trees with the variant's answer."""

    @cache
    def open_embedder(spec: str) -> Embedder:
        return embedder_for(spec, client.settings)

    for tree in trees:
        for question in tree.questions:
            hits = search(
                client.connection,
                SearchRequest(question.query, project_id=tree.name, limit=LIMIT),
                open_embedder=open_embedder,
                retrievers=variant.retrievers,
                without_rules=variant.without,
            ).hits
            yield Asked(tree, question, hits, score(question, [shown(hit) for hit in hits]))


def shown(hit: SearchHit) -> Shown:
    """What a reader sees of a hit: its piece, and those of its further places that come with their text, are text."""
    places = [(Lines(hit.path, one.start_line, one.end_line), getattr(one, "content", None)) for one in hit.more]
    return Shown(
        path=hit.path,
        text=(Lines(hit.path, hit.start_line, hit.end_line), *(lines for lines, text in places if text)),
        named=tuple(lines for lines, text in places if not text),
    )


def report(answered: Mapping[Variant, Sequence[Asked]]) -> str:
    """Two tables in Markdown: all variants over all questions, and pgdex by language and tree."""
    by_variant = table(
        ["", *HEADER], [[variant.name, *_figures([one.score for one in its])] for variant, its in answered.items()]
    )
    rows: dict[str, list[Score]] = {row: [] for row in (SAME_WORDS, OTHER_WORDS)}
    trees = {one.tree.name: one.tree for one in answered[PGDEX]}
    for one in answered[PGDEX]:
        rows[SAME_WORDS if in_words_of_the_code(one.tree, one.question) else OTHER_WORDS].append(one.score)
        # A language with one tree has that tree's row.
        if sum(tree.language == one.tree.language for tree in trees.values()) > 1:
            rows.setdefault(f"all {one.tree.language}", []).append(one.score)
        rows.setdefault(f"{one.tree.name} ({one.tree.language})", []).append(one.score)
    by_tree = table(
        ["", *HEADER],
        [
            [f"**all {len(trees)} trees**", *_figures([one.score for one in answered[PGDEX]])],
            *([row, *_figures(scores)] for row, scores in rows.items() if scores),
        ],
    )
    return f"{by_variant}\n\n{by_tree}"


def in_words_of_the_code(tree: Tree, question: PieceQuestion) -> bool:
    """Whether at least half of the question's words, by their stems, stand in one of the definitions that answer it."""
    asked = set(understand(question.query).terms)
    for target in question.relevant:
        lines = (tree.root / target.path).read_text(errors="replace").split("\n")
        text = "\n".join(lines[target.start_line - 1 : target.end_line])
        if 2 * len(asked & set(map(stem_of, words(text)))) >= len(asked):
            return True
    return False


SAME_WORDS: Final = "at least half in the words of the answer"
OTHER_WORDS: Final = "mostly in other words"
HEADER: Final = (
    "questions",
    "shown piece right",
    "in the first hit",
    "among five",
    "or named there",
    "file first",
    "file among five",
    "NDCG@10",
    "pieces",
    "lines",
)


def _figures(scores: Sequence[Score]) -> list[str]:
    means = [mean(values) for values in zip(*map(astuple, scores), strict=True)]
    shares, (ndcg, pieces, lines) = means[:-3], means[-3:]
    assert len(means) == len(fields(Score)) == len(HEADER) - 1
    return [str(len(scores)), *(f"{value:.1%}" for value in shares), f"{ndcg:.3f}", f"{pieces:.1f}", f"{lines:.0f}"]


def lost(asked: Sequence[Asked]) -> Iterator[str]:
    """The questions whose first shown piece is wrong, each with its answers and with what came instead."""
    for one in asked:
        if one.score.piece_first:
            continue
        pieces = [shown(hit) for hit in one.hits]
        files = {target.path for target in one.question.relevant}
        right_file = next((rank for rank, hit in enumerate(one.hits, start=1) if hit.path in files), None)
        right_piece = next(
            (rank for rank, hit in enumerate(pieces, start=1) for piece in hit.text if is_right(piece, one.question)),
            None,
        )
        lines = [f"{one.tree.name}: {one.question.query}", f"  file at {right_file or '-'}, piece {right_piece or '-'}"]
        lines += [f"  = {t.path}:{t.start_line}-{t.end_line} {t.symbol}" for t in one.question.relevant]
        lines += [_instead(hit) for hit in one.hits[:INSTEAD]]
        if right_file and right_file > INSTEAD:
            lines.append(_instead(one.hits[right_file - 1]))
        yield "\n".join(lines)


def _instead(hit: SearchHit) -> str:
    roles = ", ".join(sorted(roles_of(hit.path))) or "source"
    also = "; ".join(f"{place.start_line}-{place.end_line} {place.symbol or ''}".strip() for place in hit.more)
    return (
        f"  - {hit.path}:{hit.start_line}-{hit.end_line} {hit.symbol or '(no symbol)'}, {hit.kind}, {roles},"
        f" {hit.score:.2f}" + (f"; also {also}" if also else "")
    )


if __name__ == "__main__":
    main()
