"""The mirrors of a machine: what was fetched of git sources, in one bounded folder that all its processes share.

A mirror holds the commits that were asked for, each without the history before it, and no working tree. Files are not
left out of a fetch (git's partial clones): a missing one would have to be fetched when it is read, one request for
each, and the sizes that a listing needs would ask for every one of them.
"""

import errno
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from pgdex.indexer.git.errors import DiskFull, GitFailed
from pgdex.indexer.git.mirror_folder import MirrorFolder, bytes_below, owner_of
from pgdex.indexer.git.program import Git
from pgdex.indexer.git.refs import DEFAULT, Ref, Resolved
from pgdex.indexer.git.remote import HELD, Remote
from pgdex.indexer.git.running import Limits, run
from pgdex.indexer.git.snapshot import GitSnapshot
from pgdex.indexer.git.urls import GitUrl, require_allowed
from pgdex.indexer.sources.skips import OUR_OWN_FAULT, system_message

# Each fetch brings a pack, and each pack is a place more to look for an object.
MOST_PACKS: Final = 50
# What is dropped when packs are put together: commits beyond the newest ones that nobody has read for a day.
_KEPT_COMMITS: Final = 16
_KEPT_SECONDS: Final = 86_400.0

_COMMITTER = re.compile(rb"^committer .*> (-?\d{1,15}) ([+-])(\d\d)(\d\d)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrors:
    """The mirrors in `folder`, of at most `max_bytes` together: the least recently used go, never one that is read.

    A single mirror may be larger than that, for as long as it is used. `sources` and `roots` are as `require_allowed`
    takes them; with `sources`, redirections to other places are not followed. All calls take `aborted`, which is asked
    at least every 0.2 s, and `progress`, which is told what git says, and raise the errors of `errors`.
    """

    folder: Path
    max_bytes: int
    sources: Sequence[str] = ()
    roots: Sequence[Path] = ()
    limits: Limits = field(default_factory=Limits)

    def resolve(
        self,
        url: GitUrl,
        ref: Ref = DEFAULT,
        *,
        aborted: Callable[[], bool] = lambda: False,
        progress: Callable[[str], object] = lambda line: None,
    ) -> Resolved:
        """Return the commit that `ref` names now, after fetching it."""
        remote = self._remote(url, aborted, progress)
        with _full_disk_told(self.folder):
            found = remote.look_up(ref, folder=self._outside())
        mirror = MirrorFolder.of(self.folder, url, found.commit)
        with _full_disk_told(self.folder), mirror.in_use(aborted):
            self._bring(mirror, remote, found.commit, found.ref_name)
            committed_at = _committed_at(remote.git, mirror, found.commit)
        return Resolved(found.commit, found.ref_name, committed_at)

    def ensure(
        self,
        url: GitUrl,
        commit: str,
        *,
        ref_name: str | None = None,
        aborted: Callable[[], bool] = lambda: False,
        progress: Callable[[str], object] = lambda line: None,
    ) -> None:
        """Fetch this very commit unless it is there. `ref_name`, the branch or tag that named it, helps with servers
        that don't serve commits by id. Raises CommitNotFound where the server does not have it any more."""
        remote = self._remote(url, aborted, progress)
        mirror = MirrorFolder.of(self.folder, url, Ref.commit(commit).name)
        with _full_disk_told(self.folder), mirror.in_use(aborted):
            self._bring(mirror, remote, Ref.commit(commit).name, ref_name)

    @contextmanager
    def snapshot(
        self,
        url: GitUrl,
        commit: str,
        *,
        ref_name: str | None = None,
        aborted: Callable[[], bool] = lambda: False,
        progress: Callable[[str], object] = lambda line: None,
    ) -> Iterator[GitSnapshot]:
        """Give the files of this very commit, fetched if need be, and keep its mirror until the end of the block.

        Where objects turn out to be missing or broken, the mirror is fetched again, once; then MirrorDamaged.
        """
        commit = Ref.commit(commit).name
        remote = self._remote(url, aborted, progress)
        mirror = MirrorFolder.of(self.folder, url, commit)
        with ExitStack() as use:
            with _full_disk_told(self.folder):
                use.enter_context(mirror.in_use(aborted))
                self._bring(mirror, remote, commit, ref_name)
            seen = [mirror.identity()]

            def repair() -> str:
                with _full_disk_told(self.folder):
                    self._fetch(mirror, remote, commit, ref_name, damaged=seen[0])
                seen[0] = mirror.identity()
                return mirror.path

            with GitSnapshot(
                remote.git, mirror.path, commit, limits=self.limits, aborted=aborted, repair=repair
            ) as snapshot:
                yield snapshot

    def taken(self) -> tuple[int, int]:
        """Return how many mirrors there are, and how many bytes they take."""
        mirrors = [
            entry.path
            for entry in os.scandir(self.folder)
            if entry.name != "locks" and entry.is_dir(follow_symlinks=False) and owner_of(self.folder, entry.name)[1]
        ]
        return len(mirrors), sum(map(bytes_below, mirrors))

    def remove_unused(self) -> None:
        """Remove what crashes left behind, and mirrors that nobody uses until `max_bytes` are kept to."""
        sizes: dict[str, int] = {}
        in_place: dict[str, MirrorFolder] = {}
        for entry in list(os.scandir(self.folder)):
            if entry.name == "locks" or not entry.is_dir(follow_symlinks=False):
                continue
            owner, is_in_place = owner_of(self.folder, entry.name)
            if is_in_place:
                in_place[entry.name] = owner
                sizes[entry.name] = bytes_below(entry.path)
            else:
                self._remove_if_unused(owner, entry.name)
        total = sum(sizes.values())
        for name, mirror in sorted(in_place.items(), key=lambda item: item[1].last_used()):
            if total <= self.max_bytes:
                break
            total -= sizes[name] if self._remove_if_unused(mirror, name) else 0

    def _remove_if_unused(self, owner: MirrorFolder, name: str) -> bool:
        """Whoever makes or fetches a mirror uses it, so the one lock tells of both."""
        with owner.alone() as free:
            if free:
                shutil.rmtree(self.folder / name, ignore_errors=True)
            return free

    def _remote(self, url: GitUrl, aborted: Callable[[], bool], progress: Callable[[str], object]) -> Remote:
        require_allowed(url, sources=self.sources, roots=self.roots)
        with _full_disk_told(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Remote(
            git=Git.find(),
            url=url,
            limits=self.limits,
            roots=self.roots,
            follows_redirects=not self.sources,
            aborted=aborted,
            progress=progress,
        )

    def _outside(self) -> str:
        """A folder in no repository, with real path: git looks for one upwards, up to the folder above it."""
        locks = self.folder / "locks"
        locks.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.path.realpath(locks)

    def _bring(self, mirror: MirrorFolder, remote: Remote, commit: str, ref_name: str | None) -> None:
        if not _holds(remote.git, mirror, commit):
            self._fetch(mirror, remote, commit, ref_name)

    def _fetch(
        self,
        mirror: MirrorFolder,
        remote: Remote,
        commit: str,
        ref_name: str | None,
        *,
        damaged: tuple[int, int] | None = None,
    ) -> None:
        """`damaged` is the mirror that is known to be broken, by its identity: another may have replaced it by now."""

        def waiting() -> None:
            remote.progress("waiting for another process that fetches the same repository")

        with mirror.fetching(wait=self.limits.total, aborted=remote.aborted, waiting=waiting):
            if mirror.was_interrupted() or (damaged is not None and mirror.identity() == damaged):
                mirror.put_aside()
            is_new = mirror.identity() is None
            if not is_new and _holds(remote.git, mirror, commit):
                return
            if is_new:
                mirror.create(remote.git)
            try:
                with mirror.changing():
                    remote.fetch(commit, ref_name, mirror=mirror.path)
            except GitFailed:
                # In words that we don't know: what is fetched into may be the reason.
                if is_new:
                    raise
                mirror.put_aside()
                mirror.create(remote.git)
                with mirror.changing():
                    remote.fetch(commit, ref_name, mirror=mirror.path)
            self._put_together(remote.git, mirror)
        with suppress(OSError):
            self.remove_unused()

    def _put_together(self, git: Git, mirror: MirrorFolder) -> None:
        packs = [name for name in os.listdir(os.path.join(mirror.path, "objects", "pack")) if name.endswith(".pack")]
        if len(packs) <= MOST_PACKS:
            return
        held = os.path.join(mirror.path, *HELD.strip("/").split("/"))
        notes = sorted((entry.stat().st_mtime, entry.path) for entry in os.scandir(held))
        with mirror.changing():
            for noted_at, path in notes[:-_KEPT_COMMITS]:
                if noted_at < time.time() - _KEPT_SECONDS:
                    os.unlink(path)
            # Who reads meanwhile finds the objects in the new pack: git looks again where one is missing.
            run(git, ["repack", "-a", "-d", "-q"], folder=mirror.path, in_repository=True, limits=self.limits)


def _holds(git: Git, mirror: MirrorFolder, commit: str) -> bool:
    """Whether the mirror has noted that it has the commit with all its files; notes that it was asked for."""
    if mirror.identity() is None:
        return False
    note = f"{HELD}{commit}"
    done = run(git, ["rev-parse", "--verify", "--quiet", f"{note}^{{tree}}"], folder=mirror.path, in_repository=True)
    if done.status == 0:
        with suppress(OSError):
            os.utime(os.path.join(mirror.path, note))
    return done.status == 0


def _committed_at(git: Git, mirror: MirrorFolder, commit: str) -> datetime | None:
    done = run(git, ["cat-file", "commit", commit], folder=mirror.path, in_repository=True)
    found = _COMMITTER.search(done.output.partition(b"\n\n")[0])
    if found is None:
        return None
    offset = timedelta(hours=int(found[3]), minutes=int(found[4]))
    try:
        zone = timezone(-offset if found[2] == b"-" else offset)
        return datetime.fromtimestamp(int(found[1]), zone)
    except (ValueError, OverflowError, OSError):
        return None


@contextmanager
def _full_disk_told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"the disk of {folder} has no space left for the mirrors of git sources") from error
        if error.errno in OUR_OWN_FAULT:
            raise
        said = system_message(error)
        raise GitFailed(f"the mirrors of git sources in {folder} can't be used: {said}") from error
