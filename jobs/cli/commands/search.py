"""`pgdex search` and `pgdex related`: the front ends' search, with snippets."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pgdex.jobs.cli.arguments import absolute_folder, json_option, project_of_folder_option, repository_filter
from pgdex.jobs.cli.completing import choices
from pgdex.jobs.cli.render.console import output, print_json, show_long
from pgdex.jobs.cli.render.pager import pager_option
from pgdex.jobs.cli.session import chosen_project, open_client, present_folder
from pgdex.jobs.client.freshness import FrontEndWords

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.search import Found

WORDS = FrontEndWords(
    index="pgdex index PATH", narrow="--repo {root} --path '{glob}'", widen="--all searches the whole project"
)

limit_option = click.option(
    "-n",
    "--limit",
    metavar="N",
    type=click.IntRange(1, 100),
    default=10,
    show_default=True,
    help="How many hits to show.",
)
tests_option = click.option(
    "--tests",
    type=click.Choice(["in", "out", "only"]),
    default="in",
    show_default=True,
    help="Whether to include tests; they rank lower unless the query asks for them.",
)
explain_option = click.option("--explain", is_flag=True, help="Show what each score is made of.")


@click.command()
@click.argument("words", metavar="QUERY…", nargs=-1, required=True)
@project_of_folder_option
@click.option(
    "--repo",
    metavar="TEXT",
    shell_complete=choices.repositories,
    help="Only repositories with this in their name, or at or below this path.",
)
@click.option("--all", "everywhere", is_flag=True, help="The whole project, even from inside a repository.")
@click.option(
    "--view",
    "--branch",
    "view",
    metavar="NAME",
    shell_complete=choices.views,
    help="The worktree with this name, branch or path.",
)
@click.option(
    "--path", "path_glob", metavar="GLOB", help="Only files that match this pattern: '*.py', 'src/**/test_*'."
)
@click.option(
    "--language",
    metavar="L",
    shell_complete=choices.languages,
    help="Only files in this language: python, typescript, go, …",
)
@click.option(
    "--kind",
    "kinds",
    metavar="K",
    multiple=True,
    shell_complete=choices.kinds,
    help="Only this kind of code: function, class, method, …",
)
@tests_option
@limit_option
@explain_option
@pager_option
@json_option
def search(
    *,
    words: tuple[str, ...],
    project: str | None,
    repo: str | None,
    everywhere: bool,
    view: str | None,
    path_glob: str | None,
    language: str | None,
    kinds: tuple[str, ...],
    tests: str,
    limit: int,
    explain: bool,
    uses_pager: bool,
    as_json: bool,
) -> None:
    """Search the indexed code for QUERY: an identifier, a path, a question, an error message, a line of code.

    Words need no quotes, unless they hold characters that mean something to the shell. Words that begin with a dash
    come after `--`. A text that is to be found word for word has quotes of its own: '"no such file"'.

    Each hit is a file with the chunk of it that answers best (a function, a class, a section): its lines, its symbol,
    its kind and its score (which only orders the hits of one search), and the lines in it that match; from the fourth
    hit on only two of them.

    Inside an indexed folder, only that folder is searched; elsewhere, the whole project: one worktree of each
    repository, the main one unless --view names another.

    \b
    Examples:
      pgdex search where are retries configured
      pgdex search 'KeyError: "session" in open_session'
      pgdex search parse_args --language python --path 'src/**' --tests out
    """
    from pgdex.indexer.search import SearchRequest
    from pgdex.jobs.client.search import refusals, search_code
    from pgdex.jobs.settings import settings

    query = " ".join(words)
    if everywhere and repo:
        raise click.UsageError("--all is the whole project and --repo a part of it: give one of them.")
    wanted = repository_filter(repo) if repo else None
    folder = Path(wanted) if wanted and wanted.startswith("/") else present_folder()
    with refusals():
        request = SearchRequest(
            query,
            project_id=chosen_project(settings(), argument=project, folder=folder).id,
            repo=wanted,
            view=view,
            path_glob=path_glob,
            language=language,
            kinds=kinds,
            tests=tests,
            limit=limit,
        )
    with open_client() as client:
        found = search_code(
            client,
            request,
            words=WORDS,
            standing_in=None if everywhere else folder,
            ensure_workers=lambda: ensure_workers(client),
        )
    _show(found, query, as_json=as_json, explain=explain, uses_pager=uses_pager)


@click.command()
@click.argument("location", metavar="FILE:LINE", shell_complete=choices.locations)
@project_of_folder_option
@tests_option
@limit_option
@explain_option
@pager_option
@json_option
def related(
    *,
    location: str,
    project: str | None,
    tests: str,
    limit: int,
    explain: bool,
    uses_pager: bool,
    as_json: bool,
) -> None:
    """Find code related to the code at FILE:LINE: code that does similar things, and code that it uses.

    \b
    Example:
      pgdex related src/flask/sessions.py:120
    """
    from pgdex.indexer.search import RelatedRequest
    from pgdex.jobs.client.search import refusals, related_code
    from pgdex.jobs.client.standing import standing_at

    file, line = _location(location)
    with open_client() as client:
        chosen = chosen_project(client.settings, argument=project, folder=file.parent).id
        if standing_at(client.connection, file.parent, project=chosen) is None:
            raise click.BadParameter(
                f"{file} is not in a repository indexed in project {chosen}; index one with: {WORDS.index}",
                param_hint="FILE:LINE",
            )
        with refusals():
            request = RelatedRequest(
                project_id=chosen,
                root=str(file.parent),
                path=file.name,
                line=line,
                tests=tests,
                limit=limit,
            )
        found = related_code(client, request, words=WORDS, ensure_workers=lambda: ensure_workers(client))
    _show(found, "", as_json=as_json, explain=explain, uses_pager=uses_pager)


def ensure_workers(client: "Client") -> None:
    """Start workers where none is alive: what has changed is indexed before the answer."""
    from pgdex.jobs.worker.launcher import ensure_workers as start_where_none

    with suppress(OSError):
        start_where_none(client)


def _location(given: str) -> tuple[Path, int]:
    name, colon, line = given.rpartition(":")
    if not colon or not name or not line.isdigit() or int(line) < 1:
        raise click.BadParameter(
            f"{given!r} is not a location: expected FILE:LINE, such as src/app.py:42.", param_hint="FILE:LINE"
        )
    return absolute_folder(name), int(line)


def _show(found: "Found", query: str, *, as_json: bool, explain: bool, uses_pager: bool) -> None:
    from pgdex.jobs.client.fit import misfit

    nothing_fits = misfit(query, found.hits)
    warning = None if nothing_fits is None else nothing_fits.message
    if as_json:
        import json

        hits = [
            {
                **asdict(hit),
                "is_outdated": (hit.repo_path, hit.path) in found.outdated,
                "is_gone": hit.repo_path in found.gone,
            }
            for hit in found.hits
        ]
        notes = [*([warning] if warning else []), *found.notes]
        print_json(json.dumps({"hits": hits, "notes": notes, "searched": found.searched}, ensure_ascii=False, indent=2))
        return
    from pgdex.jobs.cli.render.search import answer
    from pgdex.jobs.cli.render.snippets import query_terms
    from pgdex.jobs.cli.render.text import printable

    lines = answer(
        found.hits,
        query_terms(query),
        folder=present_folder() or Path("/"),
        colour=output().color_system is not None,
        explains=explain,
        warning=warning,
        mark_of=found.mark_of,
    )
    remarks = [*([] if found.hits else ["Nothing found."]), *(f"Note: {printable(remark)}" for remark in found.notes)]
    show_long(*lines, remarks=remarks, uses_pager=uses_pager)
