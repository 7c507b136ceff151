"""What became of one path of a repository, and why: the rules as they are on disk, beside what the index has."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from psycopg.rows import class_row

from pgdex.indexer.documents import kind_named
from pgdex.indexer.sources import Explanation, RootUnavailable, SkipReason, explain
from pgdex.indexer.sources.pruning import VERSION_CONTROL
from pgdex.jobs.client.answer import Answer
from pgdex.jobs.client.freshness import has_changed
from pgdex.jobs.client.models import StoredFile
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.errors import InvalidRequest

# What a job finds out about a document by extracting its text, which nobody does again to explain it.
OF_CONTENT = frozenset(
    {
        SkipReason.ENCRYPTED.value,
        SkipReason.UNPARSABLE.value,
        SkipReason.NO_TEXT.value,
        SkipReason.OVERSIZED.value,
        SkipReason.UNFINISHED.value,
    }
)

Standing = Literal["indexed", "changed", "new", "ignored", "skipped", "folder", "missing", "unseen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreRule(Answer):
    """The rule that leaves a path out; a built-in one has no file and no line."""

    file: str | None
    line: int | None
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Why(Answer):
    """What became of `path`; `at` is the path itself, or the folder above it that decides. `message` says it all.

    `indexed`, `changed` (indexed, and changed since), `new` (no job has seen it as it is), `ignored` by `rule`,
    `skipped`, a `folder` that is entered, `missing` on the disk, `unseen` where this machine has no such repository.
    """

    repo_path: str
    path: str
    status: Standing
    message: str
    at: str
    rule: IgnoreRule | None = None
    skip_reason: str | None = None
    skip_detail: str | None = None
    language: str | None = None
    chunks: int | None = None
    indexed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the index has of a file."""

    language: str | None
    chunks: int
    size: int | None
    mtime_ns: int | None
    ctime_ns: int | None
    content_hash: bytes | None
    skip_reason: str | None
    skip_detail: str | None
    indexed_at: datetime


def why(connection: Connection, *, project: str, root: Path, path: str, max_file_bytes: int) -> Why:
    """Explain `path`, which is relative to the repository at `root` or absolute. The repository may be unknown yet.

    Raises InvalidRequest for a path outside of the repository.
    """
    row = connection.execute(
        "select id, no_ignore, last_indexed_at is not null from pgdex.views_status"
        " where project_id = %s and location = %s",
        [project, str(root)],
    ).fetchone()
    view_id, no_ignore, was_indexed = row or (None, False, False)
    try:
        found = explain(root, path, max_file_bytes=max_file_bytes, heeds_git=not no_ignore)
    except (RootUnavailable, FileNotFoundError):
        found = None
    if found is not None and found.fate == "outside":
        raise InvalidRequest(f"{path} is outside {root}")
    name = found.path if found is not None else os.path.normpath(path)
    stored = _stored(connection, view_id, name)
    if found is None or (found.at == "." and found.fate == "skipped"):
        message = f"this machine does not see {root}; {name} {_in_index(stored)}"
        return _answer(root, name, status="unseen", message=message, at=name, stored=stored)
    return _Teller(root, found, stored, was_indexed=was_indexed).answer()


class _Teller:
    """Puts the explanation and what is stored into words."""

    def __init__(self, root: Path, found: Explanation, stored: _Stored | None, *, was_indexed: bool) -> None:
        self._root = root
        self._found = found
        self._stored = stored
        self._was_indexed = was_indexed

    def answer(self) -> Why:
        found = self._found
        match found.fate:
            case "taken":
                return self._taken()
            case "ignored":
                return self._told("ignored", f"{self._place()} {self._rule()}{self._still()}")
            case "skipped":
                reason = found.reason or SkipReason.IO_ERROR
                detail = f" ({found.detail})" if found.detail else ""
                return self._told("skipped", f"{self._place()} skipped as {reason.value}{detail}. {reason.explanation}")
            case "folder":
                taken = "is read: what is in it is indexed, unless a rule excludes it or it is skipped"
                return self._told("folder", f"the folder {found.path} {taken}")
            case _:
                below = "" if found.at == found.path else f": {found.at} does not exist"
                return self._told("missing", f"there is no {found.path} in {self._root}{below}{self._still()}")

    def _taken(self) -> Why:
        stored, path = self._stored, self._found.path
        helps = f"`pgdex index {self._root}`"
        if stored is None:
            since = "is new since the last job" if self._was_indexed else "is not indexed yet"
            return self._told("new", f"{path} {since}: {helps} indexes it")
        if stored.skip_reason in OF_CONTENT and kind_named(path) is not None and not self._has_changed(stored):
            detail = f" ({stored.skip_detail})" if stored.skip_detail else ""
            explanation = SkipReason(stored.skip_reason).explanation
            return self._told("skipped", f"{path} is skipped as {stored.skip_reason}{detail}. {explanation}")
        if stored.skip_reason is not None:
            return self._told("new", f"{path} was skipped as {stored.skip_reason}, and would be indexed now: {helps}")
        if self._has_changed(stored):
            return self._told("changed", f"{path} {_in_index(stored)}, but has changed since: {helps} updates it")
        return self._told("indexed", f"{path} {_in_index(stored)}")

    def _has_changed(self, stored: _Stored) -> bool:
        return has_changed(
            StoredFile(
                repo_path=str(self._root),
                path=self._found.path,
                size=stored.size,
                mtime_ns=stored.mtime_ns,
                ctime_ns=stored.ctime_ns,
                content_hash=stored.content_hash,
            )
        )

    def _place(self) -> str:
        if self._found.at == self._found.path:
            return f"{self._found.path} is"
        return f"{self._found.path} lies in {self._found.at}, which is"

    def _rule(self) -> str:
        rule = self._found.rule
        assert rule is not None, "an ignored path has its rule"
        at = self._found.at
        if rule.file is None and rule.pattern.encode() in VERSION_CONTROL:
            return "version control's own, which is never indexed"
        if rule.file is None:
            again = f"A line !/{at}/ in .pgdexignore brings it back"
            return f"excluded by the built-in rule for {rule.pattern}. {again}"
        told = f"ignored by {rule.file}:{rule.line} `{rule.pattern}`. "
        if rule.file.endswith(".pgdexignore"):
            return told + "Change that line to have it indexed"
        return told + f"A line !/{at} in .pgdexignore brings it back, `--no-ignore` all that git ignores"

    def _still(self) -> str:
        if self._stored is None:
            return ""
        return f". From an earlier job it {_in_index(self._stored)}; the next one removes it"

    def _told(self, status: Standing, message: str) -> Why:
        found = self._found
        rule = found.rule
        return _answer(
            self._root,
            found.path,
            status=status,
            message=message,
            at=found.at,
            stored=self._stored,
            rule=None if rule is None else IgnoreRule(file=rule.file, line=rule.line, pattern=rule.pattern),
            skip_reason=found.reason and found.reason.value,
            skip_detail=found.detail,
        )


def _answer(
    root: Path,
    path: str,
    *,
    status: Standing,
    message: str,
    at: str,
    stored: _Stored | None,
    rule: IgnoreRule | None = None,
    skip_reason: str | None = None,
    skip_detail: str | None = None,
) -> Why:
    return Why(
        repo_path=str(root),
        path=path,
        status=status,
        message=message,
        at=at,
        rule=rule,
        skip_reason=skip_reason,
        skip_detail=skip_detail,
        language=stored.language if stored else None,
        chunks=stored.chunks if stored else None,
        indexed_at=stored.indexed_at if stored else None,
    )


def _stored(connection: Connection, view_id: int | None, path: str) -> _Stored | None:
    with connection.cursor(row_factory=class_row(_Stored)) as cursor:
        cursor.execute(
            "select language, chunks, size, mtime_ns, ctime_ns, content_hash, skip_reason, skip_detail, indexed_at"
            " from pgdex.files where view_id = %s and path = %s",
            [view_id, path],
        )
        return cursor.fetchone()


def _in_index(stored: _Stored | None) -> str:
    if stored is None:
        return "is not in the index"
    when = stored.indexed_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if stored.skip_reason is not None:
        detail = f" ({stored.skip_detail})" if stored.skip_detail else ""
        return f"was skipped as {stored.skip_reason}{detail} on {when}"
    pieces = "1 chunk" if stored.chunks == 1 else f"{stored.chunks:,} chunks"
    return f"is indexed: {stored.language}, {pieces}, on {when}"
