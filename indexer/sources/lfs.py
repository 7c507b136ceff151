"""Git LFS pointers: what a repository holds in place of a file that Git LFS keeps elsewhere."""

import re
from typing import Final

# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: less than 1,024 bytes, `version` first.
_MOST_CHARACTERS: Final = 1_024
_POINTER = re.compile(
    r"version https://(?:git-lfs\.github\.com/spec|hawser\.github\.com/spec)/v\d+\n(?:[a-z0-9.-]+ [^\n]*\n)*?"
    r"oid sha256:[0-9a-f]{64}\n(?:[a-z0-9.-]+ [^\n]*\n)*?size (?P<size>\d{1,18})\n?(?:[a-z0-9.-]+ [^\n]*\n?)*"
)


def lfs_pointer(text: str) -> str | None:
    """Return a detail for users if the text of a file is a pointer to a file in Git LFS, or None."""
    if len(text) >= _MOST_CHARACTERS or not text.startswith("version https://"):
        return None
    pointer = _POINTER.fullmatch(text)
    return None if pointer is None else f"a file of {int(pointer['size']):,} bytes that Git LFS keeps elsewhere"
