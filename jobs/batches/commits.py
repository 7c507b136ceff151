"""The commit of a git source, by this machine's mirror of it."""

import time
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from pgdex.indexer.git import GitSnapshot, GitUrl, Mirrors, Ref, Resolved, require_allowed
from pgdex.indexer.sources import GitTree, Skipped, SourceDocument, SourceText, Unchanged
from pgdex.jobs.batches.claims import Claim
from pgdex.jobs.batches.family import Family
from pgdex.jobs.database.home import make_home
from pgdex.jobs.settings import Settings

BRANCH, TAG, DEFAULT = "refs/heads/", "refs/tags/", "HEAD"
REPORT_SECONDS = 0.5


def ref_of(full_name: str) -> Ref:
    """What a view's `ref` means. Raises RefNotFound for a name that git does not know."""
    if full_name == DEFAULT:
        return Ref()
    if full_name.startswith(BRANCH):
        return Ref.branch(full_name.removeprefix(BRANCH))
    if full_name.startswith(TAG):
        return Ref.tag(full_name.removeprefix(TAG))
    return Ref.commit(full_name)


def mirrors_of(settings: Settings) -> Mirrors:
    """The mirrors of this machine."""
    make_home(settings.home)
    folder = settings.home / "mirrors"
    folder.mkdir(mode=0o700, exist_ok=True)
    return Mirrors(
        folder=folder, max_bytes=settings.mirror_bytes, sources=settings.allowed_source_names, roots=settings.roots
    )


def resolved(claim: Claim) -> Family:
    """The commit that is indexed, fetched, and the family that it belongs to. Raises GitError."""
    url = source_of(claim)
    claim.report("fetching")
    found: Resolved = mirrors_of(claim.settings).resolve(
        url, ref_of(claim.ref), aborted=claim.aborted, progress=FetchReporter(claim).tell
    )
    claim.report("scanning")
    kind = {"tag": "tag", "commit": "commit"}.get(ref_of(claim.ref).kind, "branch")
    return Family(
        identity=_history(url),
        kind=kind,
        is_main=claim.ref == DEFAULT,
        branch=found.ref_name if kind == "branch" else None,
        commit_id=found.commit,
    )


@contextmanager
def commit_snapshot(claim: Claim) -> Iterator[GitSnapshot]:
    """The files of the job's commit, which any machine can have. Raises GitError."""
    assert claim.commit_id is not None, "join_family sets the commit of a git source"
    ref = ref_of(claim.ref)
    ref_name = ref.name if ref.kind in ("branch", "tag") else None
    with mirrors_of(claim.settings).snapshot(
        source_of(claim),
        claim.commit_id,
        ref_name=ref_name,
        aborted=claim.aborted,
        progress=FetchReporter(claim).tell,
    ) as snapshot:
        yield snapshot


@dataclass(slots=True)
class FetchReporter:
    """Reports while git fetches, which it may do for minutes: a job that says nothing looks stuck."""

    claim: Claim
    reported_at: float = field(default_factory=time.monotonic)

    def tell(self, _line: str) -> None:
        """Take a line of git's. Raises JobAborted where the batch is no longer ours."""
        if time.monotonic() - self.reported_at >= REPORT_SECONDS:
            self.reported_at = time.monotonic()
            self.claim.report("fetching")


@dataclass(frozen=True, slots=True)
class CommitReader:
    """Reads the files of a batch from a commit: by their blobs, not by their paths."""

    snapshot: GitSnapshot
    blob_ids: Mapping[str, bytes]

    def read(
        self, path: str, *, max_file_bytes: int, known_hashes: Container[bytes]
    ) -> SourceText | SourceDocument | Skipped | Unchanged:
        """As `read_source` does. Raises GitError."""
        return self.snapshot.read(path, self.blob_ids[path], max_file_bytes=max_file_bytes, known_hashes=known_hashes)


def source_of(claim: Claim) -> GitUrl:
    """The repository that the job is about. Raises SourceRefused where this machine may not fetch it."""
    url = GitUrl.parse(claim.root)
    require_allowed(url, sources=claim.settings.allowed_source_names, roots=claim.settings.roots)
    return url


def _history(url: GitUrl) -> str:
    """As `GitTree.history` has it, so that a worktree and a branch of one repository share what they have in common."""
    if not url.is_local:
        return url.identity
    tree = GitTree.at(url.text.encode())
    return tree.history if tree is not None else f"git:{url.text}"
