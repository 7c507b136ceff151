"""How far search results can be trusted: repositories that are not (wholly) indexed, files that changed since or are
missing."""

import os
import shlex
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from pgdex.jobs.client.wording import counted
from pgdex.jobs.repository_path import is_gone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pgdex.indexer.search import RelatedRequest, SearchHit, SearchRequest, SearchResult
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import StoredFile

LARGEST_HASHED_BYTES = 4 << 20
MOST_LOOKED_AT = 20
# Why files are missing that a reader may have expected; binary, empty or generated ones are nobody's loss.
MISSED = ("oversized", "unreadable", "undecodable", "unparsable", "unfinished", "io_error", "crashed", "failed")


@dataclass(frozen=True, slots=True)
class FrontEndWords:
    """How a front end says what helps: `index` a folder, `narrow` a search to the `glob` of a repository's `root`, and
    `widen` it to the whole project."""

    index: str
    narrow: str
    widen: str


def outdated_paths(
    client: "Client", hits: "Sequence[SearchHit]", *, folders: set[str], project: str
) -> set[tuple[str, str]]:
    """The files of `hits`, by repository path and path, that are gone or have changed since they were indexed.

    Only of `folders`: what git has at a branch or a commit does not change. A folder that this machine does not see
    says nothing; one that is gone says that all of its files are (see `gone_roots`).
    """
    from pgdex.jobs.client.views import stored_files

    keys = sorted({(hit.repo_path, hit.path) for hit in hits if hit.repo_path in folders})
    roots = {root for root, _ in keys}
    gone = gone_roots(client, roots)
    visible = {root for root in roots - gone if Path(root).is_dir()}
    outdated = {key for key in keys if key[0] in gone}
    if visible:
        stored = stored_files(client.connection, [key for key in keys if key[0] in visible], project=project)
        outdated |= {(file.repo_path, file.path) for file in stored if has_changed(file)}
    return outdated


def gone_roots(client: "Client", roots: "Iterable[str]") -> set[str]:
    """Those of the folders that were moved or deleted, and are not just out of this machine's sight (see is_gone)."""
    is_local = client.settings.database_url is None
    return {root for root in roots if is_gone(root, is_local=is_local)}


def coverage_notes(
    client: "Client",
    request: "SearchRequest | RelatedRequest",
    result: "SearchResult",
    outdated: set[tuple[str, str]],
    live: dict[str, str],
    *,
    words: FrontEndWords,
) -> list[str]:
    """What a reader should know, in sentences that name what helps, in the `words` of the front end.

    `live` has the status of each live job by its repository's root.
    """
    from pgdex.jobs.client.views import missed_files, outdated_vectors

    chosen = sorted(result.views, key=lambda one: one.root)
    if not chosen:
        return [_nothing_there(client, request, words)]
    notes = [
        f"{one.root} is being indexed ({live[one.root]}), so results may be incomplete"
        for one in chosen
        if one.root in live
    ]
    notes += result.notes
    notes += [
        f"{one.root} is only partly indexed, so results may be incomplete. Resume with: {words.index}"
        for one in chosen
        if one.last_indexed_at is None and one.root not in live
    ]
    # Of a large project only what is shown: each look at a disk may take a while.
    folders = {one.root for one in chosen if not one.ref}
    looked_at = folders if len(folders) <= MOST_LOOKED_AT else folders & {hit.repo_path for hit in result.hits}
    gone = gone_roots(client, looked_at)
    notes += [
        f"{root} is gone; hits in it come last and show what was indexed. To remove it from the index: pgdex remove "
        f"{shlex.quote(root)}"
        for root in sorted(gone)
    ]
    notes += [
        f"{counted(count, 'file')} of those found in {root} have changed or gone since they were indexed. Update with: "
        f"{words.index}"
        for root, count in _by_root(outdated).items()
        if root not in gone
    ]
    notes += [
        f"{found.outdated:,} of {counted(found.files, 'file')} in {found.root} are not yet embedded with "
        f"{found.embedding_model} and are found by words only. Resume with: {words.index}"
        for found in outdated_vectors(client.connection, [one.id for one in chosen])
    ]
    missed = missed_files(client.connection, [one.id for one in chosen], reasons=MISSED)
    notes += [
        f"{counted(total := sum(reasons.values()), 'file')} in {root} {'was' if total == 1 else 'were'} not indexed "
        f"({', '.join(f'{count:,} {reason}' for reason, count in reasons.items())}); pgdex skipped lists them"
        for root, reasons in missed.items()
    ]
    return notes


def _nothing_there(client: "Client", request: "SearchRequest | RelatedRequest", words: FrontEndWords) -> str:
    from pgdex.jobs.client.views import indexed_views, innermost_view

    project, repo = request.project_id, request.repo
    repositories = indexed_views(client.connection, project=project)
    if not repositories:
        return f"Nothing is indexed in project {project} yet. Index a folder with: {words.index}"
    if request.view is not None:
        known = ", ".join(dict.fromkeys(one.view_name for one in repositories[:10]))
        return f"project {project} has no view with the name, branch or path {request.view!r}; its views: {known}"
    if repo is not None:
        around = innermost_view(client.connection, map(str, PurePath(repo).parents), project=project)
        if around is not None:
            glob = f"{PurePath(repo).relative_to(around.root)}/**"
            return f"{repo} is a part of {around.root}: search with {words.narrow.format(root=around.root, glob=glob)}"
    known = ", ".join(one.root for one in repositories[:10])
    if repo is None:
        return (
            f"nothing in project {project} has been indexed successfully yet. pgdex list shows what went wrong; "
            f"tried so far: {known}"
        )
    return f"{repo} is not indexed in project {project}. Index it with: {words.index}. What is indexed: {known}"


def _by_root(outdated: set[tuple[str, str]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for root, _ in sorted(outdated):
        counts[root] = counts.get(root, 0) + 1
    return counts


def has_changed(file: "StoredFile") -> bool:
    """Whether a file is gone from the disk, or not what the index has; its content decides where the time differs."""
    path = Path(file.repo_path) / file.path
    try:
        now = os.stat(path)
        if now.st_size != file.size:
            return True
        is_same = now.st_mtime_ns == file.mtime_ns and file.ctime_ns in (None, 0, now.st_ctime_ns)
        if is_same or now.st_size > LARGEST_HASHED_BYTES:
            return not is_same
        return sha256(path.read_bytes()).digest() != file.content_hash
    except OSError:
        return True
