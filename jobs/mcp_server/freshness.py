"""How far search results can be trusted: repositories that are not (wholly) indexed, files that changed since."""

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.search import SearchHit, SearchResult
    from jobs.client import Client
    from jobs.models import StoredFile

START = "start_indexing_background"
LARGEST_HASHED_BYTES = 4 << 20


def outdated_paths(client: "Client", hits: "Sequence[SearchHit]", *, project: str) -> set[tuple[str, str]]:
    """The files of `hits`, by repository path and path, that are gone or have changed since they were indexed.

    A repository that this machine does not see says nothing.
    """
    keys = sorted({(hit.repo_path, hit.path) for hit in hits})
    visible = {root for root in {root for root, _ in keys} if Path(root).is_dir()}
    stored = client.stored_files([key for key in keys if key[0] in visible], project=project) if visible else []
    return {(file.repo_path, file.path) for file in stored if _has_changed(file)}


def coverage_notes(
    client: "Client",
    result: "SearchResult",
    outdated: set[tuple[str, str]],
    *,
    project: str,
    folder: str | None,
) -> list[str]:
    """What a reader should know, in sentences that name the tool that helps."""
    repositories = client.repositories(project=project)
    chosen = [one for one in repositories if folder is None or _is_at_or_below(one["root"], folder)]
    if not chosen:
        return [_nothing_there(repositories, project, folder)]
    notes = [note for note in result.notes if not note.endswith("Index one with: pgdex index PATH")]
    notes += [
        f"{one['root']} was never indexed to its end: what is not found may be there all the same. {START} goes on "
        "with it"
        for one in chosen
        if one["last_indexed_at"] is None and not any(note.startswith(f"{one['root']} is being") for note in notes)
    ]
    notes += [
        f"{count} of the files found in {root} changed or went away since they were indexed; {START} brings the index "
        "up to date"
        for root, count in _counted(outdated).items()
    ]
    return notes


def _nothing_there(repositories: "list[dict[str, Any]]", project: str, folder: str | None) -> str:
    if not repositories:
        return f"Nothing is indexed in project {project} yet. Index a folder with {START}"
    around = next((one["root"] for one in repositories if folder and _is_at_or_below(folder, one["root"])), None)
    if around is not None:
        return f"{folder} is a part of {around}: search with repo_path={around!r}, and with path_glob for the part"
    known = ", ".join(one["root"] for one in repositories[:10])
    return f"{folder} is not indexed in project {project}; {START} does it. What is indexed: {known}"


def _is_at_or_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _counted(outdated: set[tuple[str, str]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for root, _ in sorted(outdated):
        counts[root] = counts.get(root, 0) + 1
    return counts


def _has_changed(file: "StoredFile") -> bool:
    path = Path(file.repo_path) / file.path
    try:
        now = os.stat(path)
        if now.st_size != file.size:
            return True
        if now.st_mtime_ns == file.mtime_ns or now.st_size > LARGEST_HASHED_BYTES:
            return now.st_mtime_ns != file.mtime_ns
        return sha256(path.read_bytes()).digest() != file.content_hash
    except OSError:
        return True
