"""Asking a repository what its branches and tags are, and fetching one commit of it into a mirror."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pgdex.indexer.git.errors import CommitNotFound, EmptyRepository, GitError, RefNotFound
from pgdex.indexer.git.local_sources import git_directory, require_inside
from pgdex.indexer.git.outcomes import failure
from pgdex.indexer.git.program import UPLOAD_PACK, Git
from pgdex.indexer.git.refs import FULL_ID, Ref
from pgdex.indexer.git.running import Limits, Outcome, run
from pgdex.indexer.git.urls import GitUrl

# Where a mirror notes what it holds: a ref of this name is written when the commit is there with all its files.
HELD: Final = "refs/pgdex/"

_NOT_BY_ID = re.compile(r"unadvertised object|does not allow request", re.IGNORECASE)
_NOT_THERE = re.compile(
    r"not our ref|couldn't find remote ref|no such remote ref|cannot obtain needed|unable to find [0-9a-f]{40}"
    r"|mismatched algorithms",
    re.IGNORECASE,
)
_NO_SHALLOW = re.compile(r"does not support (?:shallow|--depth)|dumb http transport", re.IGNORECASE)
_ALL_DEPTH: Final = "--depth=2147483647"  # git's own word for all of the history


@dataclass(frozen=True, slots=True)
class Found:
    """What a ref names at this moment."""

    commit: str
    ref_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """The repository at `url`, asked through `git`.

    `roots`: where file sources may lie (empty: everywhere). `follows_redirects`: whether a server may send the first
    request elsewhere, still by https; not where hosts are limited.
    """

    git: Git
    url: GitUrl
    limits: Limits
    roots: Sequence[Path] = ()
    follows_redirects: bool = True
    aborted: Callable[[], bool] = lambda: False
    progress: Callable[[str], object] = lambda line: None

    def look_up(self, ref: Ref, *, folder: str) -> Found:
        """Return the commit that `ref` names; git runs in `folder`, which is in no repository.

        A commit is not looked for here. Raises EmptyRepository, RefNotFound, and what `failure` gives.
        """
        if ref.kind == "commit":
            return Found(ref.name, None)
        wanted = [ref.full_name, f"{ref.full_name}^{{}}"] if ref.kind == "tag" else [ref.full_name]
        listed = self._listed(folder, *wanted)
        commit = listed.ids.get(wanted[-1]) or listed.ids.get(ref.full_name)
        if commit is None:
            raise self._not_found(ref, self._listed(folder, "refs/heads/*", "refs/tags/*"))
        if ref.kind != "default":
            return Found(commit, ref.name)
        return Found(commit, listed.head.removeprefix("refs/heads/") if listed.head else None)

    def fetch(self, commit: str, ref_name: str | None, *, mirror: str) -> None:
        """Bring the commit and its files into the bare repository `mirror`, and note it there under HELD.

        Without the history before it. By its id, where the server allows that, as nearly all do today; else by the
        branch or tag that named it, else with all branches and tags. Raises CommitNotFound, and what `failure` gives.
        """
        held = f"{HELD}{commit}"
        done = self._fetched(mirror, "--depth=1", f"+{commit}:{held}")
        if done.status == 0:
            return self._require_commit(commit, held, mirror)
        if not _NOT_BY_ID.search(done.said):
            raise self._fetch_failure(done, commit)
        for name in () if ref_name is None else (f"refs/heads/{ref_name}", f"refs/tags/{ref_name}"):
            done = self._fetched(mirror, "--depth=1", f"+{name}:refs/fetched/one")
            if done.status == 0 and self._holds(commit, "refs/fetched/one", mirror):
                return self._note(commit, held, mirror)
        done = self._fetched(
            mirror, _ALL_DEPTH, "+refs/heads/*:refs/fetched/heads/*", "+refs/tags/*:refs/fetched/tags/*"
        )
        if done.status != 0:
            raise self._fetch_failure(done, commit)
        return self._note(commit, held, mirror)

    def _require_commit(self, commit: str, held: str, mirror: str) -> None:
        if not self._holds(commit, held, mirror):
            self._local(mirror, "update-ref", "-d", held)
            raise CommitNotFound(f"{commit} is not a commit of {self.url.identity}, but another kind of object")

    def _holds(self, commit: str, name: str, mirror: str) -> bool:
        done = self._local(mirror, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        return done.output.decode().strip() == commit

    def _note(self, commit: str, held: str, mirror: str) -> None:
        if self._local(mirror, "update-ref", held, commit).status != 0:
            raise self._gone(commit)
        self._require_commit(commit, held, mirror)

    def _fetched(self, mirror: str, depth: str, *refspecs: str) -> Outcome:
        arguments = ["fetch", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules"]
        arguments += ["--progress", "--force", "--no-prune", depth]
        done = self._call([*arguments, *self._operands(), *refspecs], folder=mirror, in_repository=True)
        if done.status != 0 and _NO_SHALLOW.search(done.said):
            arguments.remove(depth)
            done = self._call([*arguments, *self._operands(), *refspecs], folder=mirror, in_repository=True)
        return done

    def _fetch_failure(self, done: Outcome, commit: str) -> GitError:
        return self._gone(commit) if _NOT_THERE.search(done.said) else failure(done.said, self.url)

    def _gone(self, commit: str) -> CommitNotFound:
        return CommitNotFound(
            f"{self.url.identity} does not have the commit {commit}: was it overwritten by a force push, or its branch "
            "deleted? Index the repository again to get what is there now"
        )

    def _listed(self, folder: str, *patterns: str) -> "_Listed":
        operands = self._operands()
        done = self._call(
            ["ls-remote", "--quiet", "--symref", *operands, *patterns], folder=folder, in_repository=False
        )
        if done.status != 0:
            raise failure(done.said, self.url)
        return _Listed.of(done.output)

    def _not_found(self, ref: Ref, all_refs: "_Listed") -> GitError:
        branches = all_refs.names("refs/heads/")
        tags = all_refs.names("refs/tags/")
        where = self.url.identity
        if not branches and not tags:
            return EmptyRepository(f"{where} has no commit yet; index it once it has one")
        if ref.kind == "default":
            some = ", ".join(branches[:5]) or "none"
            return RefNotFound(f"{where} has no default branch; name one with --branch (branches: {some})")
        own, other = (branches, tags) if ref.kind == "branch" else (tags, branches)
        message = f"{where} has no {ref.kind} {ref.name}"
        if ref.name in other:
            return RefNotFound(f"{message}; it has a {'tag' if ref.kind == 'branch' else 'branch'} of that name")
        close = get_close_matches(ref.name, own, n=3)
        return RefNotFound(f"{message}; did you mean {' or '.join(close)}?" if close else message)

    def _operands(self) -> list[str]:
        if not self.url.is_local:
            return ["--", self.url.text]
        directory = git_directory(self.url.text)
        require_inside(directory, self.roots)
        return [f"--upload-pack={UPLOAD_PACK}", "--", directory]

    def _call(self, arguments: list[str], *, folder: str, in_repository: bool) -> Outcome:
        return run(
            self.git,
            arguments,
            folder=folder,
            in_repository=in_repository,
            protocols="file" if self.url.is_local else "https:ssh",
            settings=[f"http.followRedirects={'initial' if self.follows_redirects else 'false'}"],
            limits=self.limits,
            aborted=self.aborted,
            progress=self.progress,
        )

    def _local(self, mirror: str, *arguments: str) -> Outcome:
        return run(self.git, arguments, folder=mirror, in_repository=True, limits=self.limits)


@dataclass(frozen=True, slots=True)
class _Listed:
    """What ls-remote told: the id of each ref by its full name, and the branch that HEAD is on."""

    ids: dict[str, str]
    head: str | None

    @classmethod
    def of(cls, output: bytes) -> "_Listed":
        ids: dict[str, str] = {}
        head = None
        for line in output.decode(errors="replace").split("\n"):
            first, tab, name = line.partition("\t")
            if first.startswith("ref: ") and name == "HEAD":
                head = first.removeprefix("ref: ")
            elif tab and FULL_ID.fullmatch(first):
                ids[name] = first
        return cls(ids, head)

    def names(self, prefix: str) -> list[str]:
        return [name.removeprefix(prefix) for name in self.ids if name.startswith(prefix) and not name.endswith("^{}")]
