"""Why a file of the tree is not in the index."""

import errno
import os
from enum import StrEnum


class SkipReason(StrEnum):
    """A reason as it is stored and shown; `explanation` says it in a sentence for users."""

    OVERSIZED = "oversized"
    EMPTY = "empty"
    BINARY = "binary"
    UNDECODABLE = "undecodable"
    EXTRA_MISSING = "extra_missing"
    ENCRYPTED = "encrypted"
    UNPARSABLE = "unparsable"
    NO_TEXT = "no_text"
    UNFINISHED = "unfinished"
    MINIFIED = "minified"
    GENERATED = "generated"
    VENDORED = "vendored"
    SECRET = "secret"  # noqa: S105 - a reason, not a password
    GIT_LFS = "git_lfs"
    SUBMODULE = "submodule"
    SYMLINK = "symlink"
    SPECIAL = "special"
    UNREADABLE = "unreadable"
    VANISHED = "vanished"
    IO_ERROR = "io_error"
    CRASHED = "crashed"
    FAILED = "failed"
    NAME_NOT_UTF8 = "name_not_utf8"
    NAME_TOO_LONG = "name_too_long"

    @property
    def explanation(self) -> str:
        """What the reason means, in a sentence for users."""
        return _EXPLANATIONS[self]


Verdict = tuple[SkipReason, str | None]
"""Why a file is not indexed, with a detail for users."""


_EXPLANATIONS = {
    SkipReason.OVERSIZED: "The file is larger than the size limit.",
    SkipReason.EMPTY: "The file has no content.",
    SkipReason.BINARY: "The content is not text: too much of it is NUL bytes or other control characters.",
    SkipReason.UNDECODABLE: "The content is not UTF-8, and in no older encoding that could be recognised.",
    SkipReason.EXTRA_MISSING: "It is a PDF or Word document, and pgdex is installed without what reads these. Install "
    "the extra wherever a worker runs, with `uv tool install 'pgdex[documents]'` or `pip install 'pgdex[documents]'`; "
    "the next job indexes the file.",
    SkipReason.ENCRYPTED: "It is a PDF or Word document that opens with a password only.",
    SkipReason.UNPARSABLE: "It is a PDF or Word document that is broken, or takes too much time or memory to read; "
    "the detail says what happened.",
    SkipReason.NO_TEXT: "It is a PDF or Word document without text, such as a scan. pgdex does no text recognition.",
    SkipReason.UNFINISHED: "It is a PDF or Word document whose reading took too long or was interrupted on this "
    "machine; the next job tries again.",
    SkipReason.MINIFIED: "Most of the content is on very long lines, as minifiers and data exports write it.",
    SkipReason.GENERATED: "A program wrote the file and will overwrite it: it says so, or its name does.",
    SkipReason.VENDORED: "The folder holds dependencies that a package manager copied there. A line with '!' and its "
    "path in .pgdexignore brings it into the index.",
    SkipReason.SECRET: "The file holds passwords, keys or tokens, so it is not made searchable. A line with '!' and "
    "its name in .pgdexignore brings it into the index.",
    SkipReason.GIT_LFS: "It is a Git LFS pointer: the repository only refers to the file. In a working tree, "
    "`git lfs pull` fetches the content.",
    SkipReason.SUBMODULE: "It is a submodule: another repository, which is indexed by its own URL.",
    SkipReason.SYMLINK: "It is a symbolic link; links are never followed.",
    SkipReason.SPECIAL: "It is not a regular file but a pipe, a socket or a device.",
    SkipReason.UNREADABLE: "The indexing process has no permission to read it.",
    SkipReason.VANISHED: "The file was removed between the listing of the tree and its reading.",
    SkipReason.IO_ERROR: "The file could not be read; the detail says what happened.",
    SkipReason.CRASHED: "Reading or parsing it crashed the processes that tried; it is left out so that the rest is "
    "indexed, until its content changes or the repository is indexed with --force.",
    SkipReason.FAILED: "Cutting or storing it failed, which is a bug in pgdex; the detail says what happened. It "
    "is left out so that the rest is indexed, and tried again by the next job.",
    SkipReason.NAME_NOT_UTF8: "The path is not valid UTF-8, so the database cannot hold it; it is shown escaped.",
    SkipReason.NAME_TOO_LONG: "The path is longer than the index allows; it is shown shortened.",
}


_REASONS = {
    errno.ENOENT: SkipReason.VANISHED,
    errno.ENOTDIR: SkipReason.VANISHED,
    errno.ESTALE: SkipReason.VANISHED,  # a network file system's word for a file that is gone
    errno.EACCES: SkipReason.UNREADABLE,
    errno.EPERM: SkipReason.UNREADABLE,
    errno.ELOOP: SkipReason.SYMLINK,  # what O_NOFOLLOW says
    errno.ENXIO: SkipReason.SPECIAL,  # what opening a socket says
    errno.ENODEV: SkipReason.SPECIAL,
    errno.ENAMETOOLONG: SkipReason.NAME_TOO_LONG,
}


# The process, not the tree, has run out of something. A list that is too short would be taken for
# the truth, and its missing files for deleted ones: raised.
OUR_OWN_FAULT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def reason_for(error: OSError) -> SkipReason:
    """Return the reason that a failed system call on one file stands for."""
    return _REASONS.get(error.errno or 0, SkipReason.IO_ERROR)


def system_message(error: OSError) -> str:
    """Return what the system said, without the path, which may hold any bytes."""
    return os.strerror(error.errno) if error.errno else type(error).__name__
