"""Whether a search for a name answers with its definition first, through the public search function."""

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.definition_names import Definition, Names, Project
from benchmarks.local_cluster import completed, fresh_home, work_folder, workers
from pgdex.indexer.search import SearchHit, SearchRequest, search
from pgdex.jobs.client.client import Client
from pgdex.jobs.embedders import embedder_for

PROCESSES = 2

# ctags loses its way in classes of JavaScript and TypeScript, and the rest of the class is missing: of 600 names of
# TypeScript 35 were answered with a method that it had not seen and these patterns see. NAME stands for the name.
_OF_JAVASCRIPT = (
    r"^\s*(?:(?:export|default|public|protected|private|static|readonly|override|abstract|async|get|set)\s+)*"
    r"[*#]?NAME\s*(?:<[^;{]*>)?\((?:(?!=>|\bfunction\b)[^;])*\)\s*(?::[^;{]*)?\{",
    r"\b(?:function\b\s*\*?|class|interface|enum|namespace)\s+NAME\b",
    r"^\s*(?:export\s+)?(?:declare\s+)?type\s+NAME\b[^,]*=",
    r"\bNAME\s*[:=]\s*(?:async\b\s*)?(?:function\b|\([^;]*=>|[\w$]+\s*=>)",
)
_MISSED_BY_CTAGS = {
    "javascript": _OF_JAVASCRIPT,
    "typescript": _OF_JAVASCRIPT,
    # It takes the T of `class Pair<T> where T : Item` for the name, and knows the constructor only.
    "csharp": (r"\b(?:class|struct|interface)\s+NAME\s*<",),
}
_PLAIN_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came first for a name. `file`: a file that defines it; `lines`: with the lines of the definition."""

    definition: Definition
    """One of those that count, to print."""
    file: bool
    lines: bool
    first: str
    """Path, lines and symbol of the first hit."""
    missed: bool = False
    """It is right, and ctags has not seen that definition."""
    in_other_case: bool = False
    """A word in small letters was asked for, and a definition of it with a capital comes first: `layout`, `Layout`. Who
    types no capital has said nothing about them (smart case, as in Vim and ripgrep)."""


def sampled(names: Names, project: str, *, size: int) -> list[Definition]:
    """At most `size` distinct names, each time the same; of a name with several definitions the first."""
    distinct = {one.name: one for one in reversed(names.definitions)}
    ordered = [distinct[name] for name in sorted(distinct)]
    return ordered if len(ordered) <= size else random.Random(project).sample(ordered, size)


@contextmanager
def searched_index(embedder: str) -> Iterator[Client]:
    """A client of a fresh server with workers, all of it gone after the block."""
    with (
        work_folder("definitions") as work,
        fresh_home(work, embedder=embedder) as settings,
        workers(settings, PROCESSES),
        Client.open(settings) as client,
    ):
        yield client


def answers(client: Client, project: Project, names: Names, *, size: int) -> list[Answer]:
    """Index a project and ask for a sample of its names."""
    completed(client, client.start(project.root, project=project.name).job_id)
    places = names.places()
    in_any_case: dict[str, list[Definition]] = defaultdict(list)
    for name, definitions in places.items():
        in_any_case[name.lower()] += definitions
    return [
        judged(
            one,
            places[one.name],
            _first_hit(client, project.name, one.name),
            language=project.language.name,
            in_any_case=in_any_case[one.name] if _PLAIN_WORD.fullmatch(one.name) else (),
        )
        for one in sampled(names, project.name, size=size)
    ]


def judged(
    definition: Definition,
    places: Sequence[Definition],
    hit: SearchHit | None,
    *,
    language: str,
    in_any_case: Sequence[Definition] = (),
) -> Answer:
    """How good a first hit is for a name that is defined at `places`, and maybe where ctags has not seen it;
    `in_any_case` are the definitions that a word in small letters may mean."""
    if hit is None:
        return Answer(definition, file=False, lines=False, first="nothing")
    seen = any(place.is_met_by(hit.path, hit.start_line, hit.end_line) for place in places)
    missed = not seen and defines_plainly(definition.name, hit.content, language=language)
    return Answer(
        definition,
        file=missed or any(hit.path == place.path for place in places),
        lines=seen or missed,
        missed=missed,
        in_other_case=not (seen or missed)
        and any(place.is_met_by(hit.path, hit.start_line, hit.end_line) for place in in_any_case),
        first=f"{hit.path}:{hit.start_line}-{hit.end_line} {hit.kind} {hit.symbol or ''}".strip(),
    )


def defines_plainly(name: str, code: str, *, language: str) -> bool:
    """Whether a line of code defines a name, by its form alone; only of forms that ctags misses."""
    patterns = [re.compile(pattern.replace("NAME", re.escape(name))) for pattern in _MISSED_BY_CTAGS.get(language, ())]
    statement = re.compile(rf"^\s*(?:return|await|if|for|while|switch)\b|\bnew\s+{re.escape(name)}\b")
    return any(
        statement.search(line) is None and any(pattern.search(line) for pattern in patterns)
        for line in code.split("\n")
    )


def _first_hit(client: Client, project: str, name: str) -> SearchHit | None:
    found = search(
        client.connection,
        SearchRequest(name, project_id=project, limit=10),
        open_embedder=lambda spec: embedder_for(spec, client.settings),
    ).hits
    return found[0] if found else None
