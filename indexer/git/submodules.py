"""Submodules: what a commit says of the repositories that it only names."""

import re
from dataclasses import dataclass
from io import BytesIO

from pgdex.indexer.git.errors import SourceRefused
from pgdex.indexer.git.urls import GitUrl, without_credentials


@dataclass(frozen=True, slots=True)
class Submodule:
    """Another repository at `path`, at `commit`. `url` is None where .gitmodules names none that pgdex takes; `problem`
    says why then."""

    path: str
    commit: str
    url: GitUrl | None
    problem: str | None


def addresses(content: bytes) -> dict[bytes, str]:
    """Return the URL of each path in a .gitmodules file; of one that is malformed, nothing."""
    from dulwich.config import ConfigFile  # here, because most commits have no submodules

    try:
        config = ConfigFile.from_file(BytesIO(content))
    except (ValueError, UnicodeDecodeError):
        return {}
    found = {}
    for section in config.sections():
        if section[0].lower() != b"submodule" or len(section) < 2:
            continue
        try:
            path, url = config.get(section, b"path"), config.get(section, b"url")
        except KeyError:
            continue
        found[path.rstrip(b"/")] = url.decode(errors="replace")
    return found


def address(text: str | None, parent: GitUrl | None) -> tuple[GitUrl | None, str | None]:
    """Return what a submodule's URL means, `parent` being the repository that names it; or None, and why."""
    if text is None:
        return None, "the .gitmodules file names no URL for it"
    try:
        if not text.startswith(("./", "../")):
            return GitUrl.parse(text), None
        if parent is None:
            return None, "its URL is relative"
        return GitUrl.parse(_relative(parent.text, text)), None
    except SourceRefused as refused:
        return None, str(refused)


def shown(text: str | None) -> str:
    """Return a URL of a .gitmodules file for a message: printable, short, without credentials."""
    if text is None:
        return "a repository that .gitmodules does not name"
    printable = "".join(character for character in text if character.isprintable())
    return re.sub(r"^[^/@\s]*:[^/@\s]*@", "…@", without_credentials(printable))[:200]


def _relative(base: str, text: str) -> str:
    """As git resolves it: each ../ takes a name off the parent's URL."""
    base = base.rstrip("/")
    while True:
        if text.startswith("./"):
            text = text[2:]
        elif text.startswith("../"):
            text = text[3:]
            before, slash, _ = base.rpartition("/")
            if not slash or before.endswith(("/", ":")) or not before:
                before, colon, _ = base.rpartition(":")
                if not colon or "/" in before:
                    raise SourceRefused("its URL leads above the host of the repository that names it")
                return f"{before}:{text}" if not text.startswith(("./", "../")) else _too_far()
            base = before
        else:
            return f"{base}/{text}"


def _too_far() -> str:
    raise SourceRefused("its URL leads above the host of the repository that names it")
