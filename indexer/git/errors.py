"""What can go wrong with a git source, in users' words. No message holds a credential."""

from typing import ClassVar


class GitError(Exception):
    """A git source could not be had. `str()` is a sentence for users."""

    is_transient: ClassVar[bool] = False
    """Whether the same request may well succeed later, with nothing changed by anyone here."""


class SourceRefused(GitError):
    """The address is not one that pgdex fetches from: its form, its protocol, its host, or where it lies."""


class GitMissing(GitError):
    """There is no usable `git` on this machine."""


class GitAborted(GitError):
    """The caller's `aborted` said yes."""


class GitTimedOut(GitError):
    """Git made no progress for too long, or took too long altogether, and was ended."""

    is_transient = True


class SourceUnreachable(GitError):
    """The server can't be reached now, or broke off the connection."""

    is_transient = True


class HostUnknown(GitError):
    """The host's name has no address."""

    is_transient = True


class AuthenticationFailed(GitError):
    """The server wants a login, and git on this machine has none that it accepts."""


class HostKeyRefused(GitError):
    """ssh does not know the host's key, or knows another one."""


class CertificateRefused(GitError):
    """The server's certificate is not trusted here."""


class NotARepository(GitError):
    """Nothing at the address is a git repository, as far as this login can see."""


class EmptyRepository(GitError):
    """The repository has no commit yet."""


class RefNotFound(GitError):
    """The repository has no such branch or tag (any more), or the tag names no commit."""


class CommitNotFound(GitError):
    """The server does not have this commit (any more), for example after a force push."""


class DiskFull(GitError):
    """The disk of the mirrors' folder has no space left."""


class MirrorDamaged(GitError):
    """Objects of a mirror are missing or broken, also after it was fetched again."""


class GitFailed(GitError):
    """Git failed in a way that is none of the above; the message ends with what it said."""
