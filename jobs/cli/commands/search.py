"""`pgdex search`: the doors' search, with snippets."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobs.cli.arguments import json_option, project_option, repository_filter
from jobs.cli.render.console import note, output, print_json, show
from jobs.cli.session import open_client

if TYPE_CHECKING:
    from indexer.search import SearchResult


@click.command()
@click.argument("query")
@project_option
@click.option("--repo", metavar="TEXT", help="Only repositories with this in their name, or at or below this path.")
@click.option("--path", "path_glob", metavar="GLOB", help="Only files like this: '*.py', 'src/**/test_*'.")
@click.option("--language", metavar="L", help="Only files of this language: python, typescript, go, …")
@click.option("--limit", metavar="N", type=click.IntRange(1, 100), default=10, show_default=True, help="Hits to show.")
@json_option
def search(
    *,
    query: str,
    project: str | None,
    repo: str | None,
    path_glob: str | None,
    language: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Search the indexed code for QUERY: words, an identifier, or a question in quotes.

    Each hit is a piece of a file (a function, a class, a section) with its place, its symbol, its kind and its
    score (which only orders the hits of one search), and the lines in it that match best.

    \b
    Examples:
      pgdex search "where are retries configured"
      pgdex search parse_args --language python --path 'src/**'
    """
    if not query.strip():
        raise click.BadParameter("it is empty: give words, an identifier or a question.", param_hint="QUERY")
    known_language = _known_language(language) if language else None
    if path_glob is not None:
        _check_glob(path_glob)
    from indexer.search import search as search_index
    from jobs.embedders import embedder_for

    with open_client() as client:
        result = search_index(
            client.connection,
            query,
            project_id=project or client.settings.project,
            open_embedder=embedder_for,
            repo=repository_filter(repo) if repo else None,
            path_glob=path_glob,
            language=known_language,
            limit=limit,
        )
    if as_json:
        import json

        print_json(json.dumps(asdict(result), ensure_ascii=False, indent=2))
    else:
        _show(result, query)


def _show(result: "SearchResult", query: str) -> None:
    from rich.console import Group

    from jobs.cli.render.search import hit_lines
    from jobs.cli.render.snippets import query_terms

    colour = output().color_system is not None
    terms = query_terms(query)
    for number, hit in enumerate(result.hits):
        if number:
            show("")
        show(Group(*hit_lines(hit, terms, folder=Path.cwd(), colour=colour)))
    if not result.hits:
        note("Nothing found.")
    for remark in result.notes:
        note(f"Note: {remark}")


def _known_language(given: str) -> str:
    """The name that the index uses: also for a file extension such as `py`, and for other capitals."""
    from indexer.languages import NAMES, TEXT, language_of

    name = given.strip().lower()
    if name in NAMES:
        return name
    by_extension = language_of(f"file.{name.removeprefix('.')}")
    if by_extension is not TEXT:
        return by_extension.name
    import difflib

    near = difflib.get_close_matches(name, NAMES, n=3)
    instead = f"did you mean {' or '.join(near)}?" if near else f"the languages are {', '.join(NAMES)}."
    raise click.BadParameter(f"{given!r} is not known: {instead}", param_hint="--language")


def _check_glob(path_glob: str) -> None:
    from indexer.globs import glob_regex

    try:
        glob_regex(path_glob)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint="--path") from None
