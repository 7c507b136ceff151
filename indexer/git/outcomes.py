"""What git says when it fails, as one of our errors with a sentence for users."""

import re
from typing import Final

from pgdex.indexer.git.errors import (
    AuthenticationFailed,
    CertificateRefused,
    DiskFull,
    GitError,
    GitFailed,
    HostKeyRefused,
    HostUnknown,
    NotARepository,
    SourceRefused,
    SourceUnreachable,
)
from pgdex.indexer.git.urls import GitUrl, without_credentials

_SHOWN_CHARACTERS: Final = 500
_ADVICE: Final = ("hint:", "Please make sure", "and the repository exists")

# In this order: what comes later is also said beside what comes first ("Could not read from remote repository").
_OUTCOMES: Final[tuple[tuple[str, type[GitError], str], ...]] = (
    (
        r"no space left on device|disk quota exceeded",
        DiskFull,
        "the disk that holds the mirrors of git sources has no space left, so {source} could not be fetched",
    ),
    (
        r"host key verification failed|remote host identification has changed|no matching host key",
        HostKeyRefused,
        "ssh on this machine does not trust the host key of {host}: connect to it once by hand as the user that runs "
        "the worker (ssh -T {host}), or add its key to known_hosts",
    ),
    (
        r"could not resolve (?:host|proxy)|name or service not known|temporary failure in name resolution"
        r"|nodename nor servname|unable to look up",
        HostUnknown,
        "the host {host} is not known on this machine (its name has no address)",
    ),
    (
        r"could not read (?:username|password)|authentication failed|permission denied \((?:publickey|password|key)"
        r"|access denied|invalid username or|returned error: 40[13]|terminal prompts disabled|too many authentication"
        r"|permission denied, please try again",
        AuthenticationFailed,
        "{host} requires a login for {source}, and git on this machine has none that it accepts. Set up a credential "
        "helper or an ssh key for the user that runs the worker. The repository may also not exist",
    ),
    (
        r"ssl certificate problem|server certificate verification|certificate (?:subject|verify)|self.signed cert"
        r"|unable to get local issuer",
        CertificateRefused,
        "the certificate of {host} is not trusted on this machine; if it is your own, set http.sslCAInfo in git's "
        "configuration or GIT_SSL_CAINFO for the worker",
    ),
    (
        r"transport '[^']*' not allowed|protocol \"?'?[\w-]+'?\"? (?:not supported|disabled)",
        SourceRefused,
        "{source} leads to a protocol that pgdex does not use (by a redirection, or by url.….insteadOf in git's "
        "configuration)",
    ),
    (
        r"unable to update url base from redirection|redirect target|returned error: 30\d",
        SourceRefused,
        "{source} leads to another address, which is not followed here; give that one",
    ),
    (
        r"repository (?:'[^']*' )?not found|does not appear to be a git repository|returned error: 404|is this a git "
        r"repository|not a git repository|project you were looking for|repository .* does not exist",
        NotARepository,
        "there is no git repository at {source}, or this login may not see it",
    ),
    (
        r"connection (?:refused|timed out|reset)|failed to connect|couldn't connect|network is unreachable"
        r"|no route to host|early eof|rpc failed|unexpected disconnect|hung up unexpectedly|operation too slow"
        r"|returned error: (?:429|5\d\d)|operation timed out|kex_exchange_identification|transfer closed"
        r"|connection to .* closed|empty reply|bad band|unexpectedly|(?:recv|send) (?:error|failure)"
        r"|ssl_(?:read|connect|error)",
        SourceUnreachable,
        "{host} can't be reached now, or broke off the connection",
    ),
)
_COMPILED: Final = tuple((re.compile(pattern, re.IGNORECASE), kind, text) for pattern, kind, text in _OUTCOMES)


def failure(said: str, url: GitUrl) -> GitError:
    """The error for a call about `url` that failed; `said` as `readable` gives it."""
    # What a server prints comes as lines with "remote: " and decides nothing, except where forges say so only there.
    for pattern, kind, text in _COMPILED:
        if pattern.search(said):
            source = url.identity
            return kind(text.format(source=source, host=url.host or "this machine") + _quoted(said))
    return GitFailed(f"git could not fetch from {url.identity}" + _quoted(said))


def readable(said: bytes) -> str:
    """Return what git printed, without credentials and without what a terminal would obey."""
    text = without_credentials(said.decode(errors="replace").replace("\r", "\n"))
    return "".join(character if character.isprintable() or character == "\n" else "�" for character in text)


def last_lines(said: str) -> str:
    """Return the end of what git said, on one line."""
    lines = [line for line in (line.strip() for line in said.split("\n")) if line and not line.startswith(_ADVICE)]
    return "; ".join(lines[-4:])[-_SHOWN_CHARACTERS:]


def _quoted(said: str) -> str:
    last = last_lines(said)
    return f" (git: {last})" if last else ""
