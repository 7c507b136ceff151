"""What of a repository is wanted: its default branch, a branch, a tag or a commit; and what that came to."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Self

from pgdex.indexer.git.errors import RefNotFound

RefKind = Literal["default", "branch", "tag", "commit"]

FULL_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

# What `git check-ref-format` refuses, and a leading '-'.
_BAD_NAME = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/]|[/.]$|\.lock(?:/|$)|(?:^|/)\.|^@$")


@dataclass(frozen=True, slots=True)
class Ref:
    """What is wanted. `name` is a branch or tag without `refs/…`, or a commit's full id in lower case; empty for the
    default branch."""

    kind: RefKind = "default"
    name: str = ""

    @classmethod
    def branch(cls, name: str) -> Self:
        """The head of a branch. Raises RefNotFound for a name that no branch can have."""
        return cls("branch", _checked("branch", name, "refs/heads/"))

    @classmethod
    def tag(cls, name: str) -> Self:
        """The commit that a tag names. Raises RefNotFound for a name that no tag can have."""
        return cls("tag", _checked("tag", name, "refs/tags/"))

    @classmethod
    def commit(cls, identifier: str) -> Self:
        """A commit by its full id. Raises RefNotFound for anything else: servers don't know shortened ones."""
        lowered = identifier.strip().lower()
        if not FULL_ID.fullmatch(lowered):
            raise RefNotFound(
                "a commit is named by its full id, 40 or 64 hexadecimal digits (git rev-parse HEAD prints it), "
                f"got {identifier[:80]!r}"
            )
        return cls("commit", lowered)

    @property
    def full_name(self) -> str:
        """The ref on the server; a commit has none."""
        return {"default": "HEAD", "branch": f"refs/heads/{self.name}", "tag": f"refs/tags/{self.name}"}[self.kind]

    def __str__(self) -> str:
        return "the default branch" if self.kind == "default" else f"the {self.kind} {self.name}"


DEFAULT: Final = Ref()


@dataclass(frozen=True, slots=True)
class Resolved:
    """A commit that was found. `ref_name` is the branch or tag; None for a commit, and for a HEAD that is on no branch.

    `committed_at` is the committer's date; None where the commit holds none that can be read.
    """

    commit: str
    ref_name: str | None
    committed_at: datetime | None


def _checked(kind: str, name: str, prefix: str) -> str:
    name = name.removeprefix(prefix)
    if not name or len(name.encode(errors="replace")) > 250 or _BAD_NAME.search(name) or not name.isprintable():
        raise RefNotFound(f"no {kind} can have the name {name[:80]!r}")
    return name
