"""Whether a search for a name answers with its definition first, through the public search function."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.definition_names import Definition, Names, Project
from benchmarks.local_cluster import completed, fresh_home, work_folder, workers
from pgdex.indexer.search import SearchHit, SearchRequest, search
from pgdex.jobs.client.client import Client
from pgdex.jobs.embedders import embedder_for

PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What came first for a name. `file`: a file that defines it; `lines`: with the lines of the definition."""

    definition: Definition
    """One of those that count, to print."""
    file: bool
    lines: bool
    first: str
    """Path, lines and symbol of the first hit."""


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
    return [
        judged(one, places[one.name], _first_hit(client, project.name, one.name))
        for one in sampled(names, project.name, size=size)
    ]


def judged(definition: Definition, places: Sequence[Definition], hit: SearchHit | None) -> Answer:
    """How good a first hit is for a name that is defined at `places`."""
    if hit is None:
        return Answer(definition, file=False, lines=False, first="nothing")
    return Answer(
        definition,
        file=any(hit.path == place.path for place in places),
        lines=any(place.is_met_by(hit.path, hit.start_line, hit.end_line) for place in places),
        first=f"{hit.path}:{hit.start_line}-{hit.end_line} {hit.kind} {hit.symbol or ''}".strip(),
    )


def _first_hit(client: Client, project: str, name: str) -> SearchHit | None:
    found = search(
        client.connection,
        SearchRequest(name, project_id=project, limit=10),
        open_embedder=lambda spec: embedder_for(spec, client.settings),
    ).hits
    return found[0] if found else None
