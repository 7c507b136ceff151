"""`pgdex watch`: index folders whenever something in them changes, until it is told to stop."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pgdex.jobs.cli.arguments import absolute_folder, json_option, project_of_folder_option
from pgdex.jobs.cli.completing import choices
from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.render.console import note
from pgdex.jobs.cli.session import chosen_project, open_client

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.settings import Settings
    from pgdex.jobs.watching import News, Watcher

LEAVE_SECONDS = 3.0
"""What the watchers are given to close their connections; the server notices the end of those that don't."""


@click.command()
@click.argument("paths", metavar="[PATH]…", nargs=-1, type=click.Path(file_okay=True), shell_complete=choices.folders)
@project_of_folder_option
@json_option
def watch(*, paths: Sequence[str], project: str | None, as_json: bool) -> ExitCode:
    """Keep the index of the folders PATH… (default: the current one) up to date: what changes in them is indexed at
    once.

    A folder that is not indexed yet is indexed first. The system reports changes (inotify on Linux); where it doesn't,
    as on network file systems, the folder is checked every PGDEX_WATCH_POLL_SECONDS. What ignore rules exclude is not
    watched. Of several watchers of a folder, one works and the others stand by.

    Ctrl-C stops watching; a running job continues. Watching a folder also ends when the folder is gone,
    when it is removed from the index, and after a week without a change.

    With --json, each line is an object with `event`, `root`, `message` and, depending on the event, `how`, `paths`,
    `job_id`, `status` and `seconds`.

    \b
    Examples:
      pgdex watch
      pgdex watch ~/src/shop ~/src/billing
    """
    roots = list(dict.fromkeys(absolute_folder(path) for path in paths or (".",)))
    chosen: list[tuple[Path, str]] = []
    with open_client() as client:
        settings = client.settings
        for root in roots:
            one = chosen_project(settings, argument=project, folder=root).id
            chosen.append((_indexed(client, root, project=one), one))
    watchers = _watchers(chosen, settings, as_json=as_json)
    threads = [threading.Thread(target=watcher.run, daemon=True) for watcher in watchers]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        for watcher in watchers:
            watcher.stop()
        for thread in threads:
            thread.join(LEAVE_SECONDS / len(threads))
        note("\nNo longer watched. Jobs that are running continue.")
    return ExitCode.DONE


def _indexed(client: "Client", path: Path, *, project: str) -> Path:
    """The folder at `path`, for which a job is requested where it is not indexed yet. Raises PgdexError."""
    from pgdex.jobs.client.targets import target_of
    from pgdex.jobs.client.views import innermost_view
    from pgdex.jobs.errors import InvalidRequest
    from pgdex.jobs.worker.launcher import ensure_workers

    root = target_of(path, settings=client.settings).folder
    if root is None:
        raise InvalidRequest(
            f"{path} is a bare repository: there are no working files to watch. pgdex schedule indexes it regularly"
        )
    known = innermost_view(client.connection, [str(root)], project=project)
    if known is None or known.last_indexed_at is None:
        client.start(root, project=project)
        ensure_workers(client)
    return root


def _watchers(chosen: Sequence[tuple[Path, str]], settings: "Settings", *, as_json: bool) -> "list[Watcher]":
    from pgdex.jobs.watching import Watcher

    lock = threading.Lock()

    def tell(news: "News") -> None:
        try:
            with lock:
                click.echo(_json(news) if as_json else _line(news, several=len(chosen) > 1))
        except BrokenPipeError:  # the reader has had enough
            for watcher in watchers:
                watcher.stop()

    watchers = [Watcher(root, project=project, settings=settings, tells=tell) for root, project in chosen]
    return watchers


def _json(news: "News") -> str:
    import json

    return json.dumps({"event": news.kind, "root": news.root, "message": news.text, **news.data})


def _line(news: "News", *, several: bool) -> str:
    from datetime import datetime

    from pgdex.jobs.cli.render.text import printable

    now = datetime.now().astimezone().strftime("%H:%M:%S")
    where = f"{printable(news.root)}: " if several or news.kind in ("watching", "ended") else ""
    return f"{now}  {where}{printable(news.text)}"
