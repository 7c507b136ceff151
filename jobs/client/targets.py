"""What is to be indexed, as people name it: a folder, or a git repository at a branch, a tag or a commit."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.repository_path import resolve_root, spellings

if TYPE_CHECKING:
    from pgdex.jobs.settings import Settings

# An address has a protocol, names a helper, or is what git takes for ssh (user@host:path); all else is a path.
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(//|:)|[^/\s:@]+@[^/\s:]+:")
FULL_ID = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Target:
    """The `root` and the `ref` of a view: a folder without a ref, or a folder or address with one."""

    root: str
    ref: str = ""

    @property
    def folder(self) -> Path | None:
        """The folder, where working files are meant."""
        return None if self.ref else Path(self.root)


def is_address(text: str) -> bool:
    """Whether `text` is the address of a git repository, and not a path."""
    return ADDRESS.match(text) is not None and not os.path.exists(text)


def target_of(
    text: str | Path,
    *,
    settings: "Settings",
    branch: str | None = None,
    tag: str | None = None,
    commit: str | None = None,
) -> Target:
    """What `text` (a path or an address) means to this machine, with a branch, a tag or a commit of it.

    A bare repository is meant at its default branch, a folder with its working files. Raises InvalidRequest.
    """
    given = [name for name, value in (("branch", branch), ("tag", tag), ("commit", commit)) if value is not None]
    if len(given) > 1:
        raise InvalidRequest(f"only one of {' and '.join(given)} can be indexed at once; start a job for each")
    if not is_address(str(text)) and not str(text).startswith("-"):
        root = resolve_root(text, allowed_roots=settings.roots)
        if not given and not _is_bare(root):
            return Target(str(root))
        text = str(root)

    from pgdex.indexer.git import GitError, GitUrl, Ref, require_allowed

    try:
        url = GitUrl.parse(str(text))
        if url.is_local and url.text.endswith("/.git"):  # of a working tree: that is what people call it
            url = GitUrl.local(Path(url.text).parent)
        require_allowed(url, sources=settings.allowed_source_names, roots=settings.roots)
        if branch is not None:
            return Target(url.text, Ref.branch(branch).full_name)
        if tag is not None:
            return Target(url.text, Ref.tag(tag).full_name)
        if commit is not None:
            return Target(url.text, Ref.commit(commit).name)
    except GitError as error:
        raise InvalidRequest(str(error)) from None
    return Target(url.text, "HEAD")


def _is_bare(root: Path) -> bool:
    return not (root / ".git").exists() and all((root / name).exists() for name in ("HEAD", "objects", "refs"))


def locations_of(text: str) -> list[str]:
    """What the location of a view may be that is written like this: a path, an address, or either with a branch after
    an @. Raises InvalidRequest for an address that holds a password."""
    if not is_address(text):
        places = spellings(text)
        return [text, *places, *(f"{place}@HEAD" for place in places)]

    from pgdex.indexer.git import GitUrl, SourceRefused

    try:
        url = GitUrl.parse(text)
    except SourceRefused as refused:
        raise InvalidRequest(str(refused)) from None
    return [text, url.text, f"{url.text}@HEAD"]
