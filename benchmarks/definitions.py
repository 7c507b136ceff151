"""How many of the names that universal-ctags finds pgdex knows as definitions, and finds first.

Three pinned projects for each of 15 languages, listed in benchmarks/questions/definitions.json:

    python -m benchmarks.fetch_sources --repos benchmarks/questions/definitions.json \\
        --into benchmarks/.cache/definitions
    python -m benchmarks.definitions [--language NAME]… [--known-only] [--lost] [--before CHECKOUT] [--write]

A name is known where a chunk with the line that ctags says defines it, as search looks names up; that needs no
database. Then each project is indexed on a fresh embedded server, and a sample of its names is searched for, nothing
else being said: the first hit must have the lines of a definition of that name, of several definitions any. The last
column also takes a definition in other letter case for a word in small letters (`layout`, `Layout`). --before asks
another checkout too what it knows (`git worktree add`, `make develop` there). ctags is Debian's universal-ctags
(`apt-get install universal-ctags`). What ctags finds that does not count is in benchmarks/definition_exclusions.py, and
the kinds that count are in benchmarks/definition_languages.py.
"""

import argparse
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.definition_languages import LANGUAGES
from benchmarks.definition_names import Definition, Known, Names, Project, known_to, names_of, without_skipped
from benchmarks.definition_search import Answer, answers, searched_index
from benchmarks.definition_tags import NoCtags
from benchmarks.fetch_sources import CannotFetch, read_repos
from benchmarks.installed import commit_of
from benchmarks.measure import table, write_section
from pgdex.jobs.client.client import Client
from pgdex.jobs.settings import Settings

HERE = Path(__file__).parent
DOCUMENT = HERE.parent / "docs" / "search.md"
SAMPLE = 200


@dataclass(slots=True)
class Result:
    """What was found out about one project."""

    project: Project
    names: Names
    known: Known
    before: Known | None = None
    answers: list[Answer] = field(default_factory=list)

    @property
    def lost(self) -> list[Definition]:
        """The definitions that are not known."""
        return self.known.unknown(self.names.definitions)


def main() -> int:
    """Measure and print; with --write also into docs/search.md. Returns 1 where something is missing."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--repos", type=Path, default=HERE / "questions" / "definitions.json")
    options.add_argument("--sources", type=Path, default=HERE / ".cache" / "definitions")
    options.add_argument("--language", action="append", choices=sorted(LANGUAGES), help="may be repeated; default: all")
    options.add_argument("--known-only", action="store_true", help="without a database, and without searching")
    options.add_argument("--before", type=Path, metavar="CHECKOUT", help="another checkout, which has a .venv")
    options.add_argument("--sample", type=int, default=SAMPLE, help="names searched for in each project (%(default)s)")
    options.add_argument("--embedder", default=Settings.known()["embedder"].setting.default)
    options.add_argument("--lost", action="store_true", help="print what is not known, and what does not come first")
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    try:
        projects = list(projects_of(given.repos, given.sources, given.language or list(LANGUAGES)))
        with ExitStack() as stack:
            client = None if given.known_only else stack.enter_context(searched_index(given.embedder))
            results = [measured(project, client, given.before, sample=given.sample) for project in projects]
    except (CannotFetch, NoCtags) as error:
        print(error, file=sys.stderr)
        return 1
    written = report(results, before=None if given.before is None else commit_of(given.before))
    print(written)
    if given.lost:
        print("\n".join(lost_lines(results)))
    if given.write:
        write_section("definitions", written, document=DOCUMENT)
    return 0


def projects_of(repos: Path, sources: Path, languages: Sequence[str]) -> Iterator[Project]:
    """The projects in some languages. Raises CannotFetch where the sources of one are missing."""
    for entry in read_repos(repos):
        if entry["language"] not in languages:
            continue
        root = sources / entry["name"] / entry["benchmark_root"]
        if not root.is_dir():
            raise CannotFetch(
                f"{root} is missing: run `python -m benchmarks.fetch_sources --repos {repos} --into {sources}`"
            )
        yield Project(entry["name"], LANGUAGES[entry["language"]], root.resolve())


def measured(project: Project, client: Client | None, before: Path | None, *, sample: int) -> Result:
    """What is known of a project, and with a client what searching answers."""
    names = names_of(project)
    known = known_to(Path(sys.executable), project, names.definitions)
    without_skipped(names, known)
    result = Result(project, names, known)
    if before is not None:
        result.before = known_to(before / ".venv" / "bin" / "python", project, names.definitions)
    if client is not None:
        result.answers = answers(client, project, names, size=sample)
    total = len(names.definitions)
    print(f"{project.language.name} {project.name}: {total:,} names, {len(result.lost):,} not known", flush=True)
    return result


def report(results: Sequence[Result], *, before: str | None) -> str:
    """The tables, in Markdown."""
    languages = list(dict.fromkeys(result.project.language.name for result in results))
    rows, reasons = [], []
    for language in languages:
        ours = [result for result in results if result.project.language.name == language]
        rows.append(row_of(language, ours))
        left_out = sum((result.names.left_out for result in ours), Counter[str]())
        reasons += [[language, reason, f"{count:,}"] for reason, count in left_out.most_common()]
    head = ["language", "names", f"known, {before}" if before else "known before", "known", "of each project"]
    head += ["searched for", "file first", "first, in the right lines", "of these not seen by ctags"]
    head += ["first, small letters meaning any case"]
    shown = [number for number in range(len(head)) if any(row[number] for row in rows)]
    return (
        f"Names by {ctags_version()}.\n\n"
        + table([head[number] for number in shown], [[row[number] for number in shown] for row in rows])
        + "\n\nWhat ctags finds and is not counted:\n\n"
        + table(["language", "reason", "tags"], reasons)
    )


def row_of(language: str, results: Sequence[Result]) -> list[str]:
    """One row of the first table; an empty cell where nothing was measured."""
    total = sum(len(result.names.definitions) for result in results)
    lost = sum(len(result.lost) for result in results)
    before = [
        result.before.known[one] for result in results if result.before is not None for one in result.names.definitions
    ]
    all_answers = [answer for result in results for answer in result.answers]
    return [
        language,
        f"{total:,}",
        share(before),
        share([True] * (total - lost) + [False] * lost),
        ", ".join(
            f"{result.project.name} {share([result.known.known[one] for one in result.names.definitions])}"
            for result in results
        ),
        f"{len(all_answers):,}" if all_answers else "",
        share([answer.file for answer in all_answers]),
        share([answer.lines for answer in all_answers]),
        f"{sum(answer.missed for answer in all_answers):,}" if all_answers else "",
        share([answer.lines or answer.in_other_case for answer in all_answers]),
    ]


def share(values: Sequence[bool]) -> str:
    """In per cent, rounded down: 100 means all."""
    return f"{int(1000 * sum(values) / len(values)) / 10:.1f} %" if values else ""


def lost_lines(results: Iterable[Result]) -> Iterator[str]:
    """What is lost: where it is, with its line."""
    for result in results:
        name = f"{result.project.language.name} {result.project.name}"
        asked = {"not known": result.known, "not known before": result.before}
        for said, answer in asked.items():
            for one in () if answer is None else answer.unknown(result.names.definitions):
                where = f"{one.path}:{one.lines[-1]} {one.kind} {one.name}"
                yield f"{name} {said}: {where} | {line_of(result.project, one)}"
        for first in result.answers:
            if not first.lines:
                one = first.definition
                known = "known" if result.known.known[one] else "not known"
                yield f"{name} not first ({known}): {one.name} at {one.path}:{one.lines[-1]}, first is {first.first}"


def line_of(project: Project, one: Definition) -> str:
    """The source line of a definition, cut."""
    lines = (project.root / one.path).read_text(encoding="utf-8", errors="replace").split("\n")
    return lines[one.lines[-1] - 1].strip()[:120]


def ctags_version() -> str:
    """As it names itself."""
    program = shutil.which("ctags") or "ctags"
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.partition(",")[0] or "ctags"


if __name__ == "__main__":
    sys.exit(main())
