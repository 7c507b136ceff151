"""What was done to each file, so that it can be undone to the byte: where something was put in, and what it replaced.

Kept in one file of PGDEX_HOME, readable for its owner only. It holds what `pgdex install` wrote and what that replaced,
never the rest of a file, which may be secret.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pgdex.jobs.agents import files
from pgdex.jobs.errors import InvalidSetting

FILE_NAME = "agents.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Splice:
    """One change of a text: from `position` on, `removed` became `added`."""

    position: int
    removed: str
    added: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was done to `path` for `agents`. `home` is the home folder of the user whose agents they are (several users,
    or several homes, may share a PGDEX_HOME), `project` the folder of a project's file, `created` whether there was no
    file before, `made` the containers that were made (dotted names), `digest` the SHA-256 of the file afterwards."""

    path: str
    agents: tuple[str, ...]
    home: str
    project: str | None
    created: bool
    made: tuple[str, ...]
    splices: tuple[Splice, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Receipts:
    """All receipts, by path, and the folders that were made."""

    of: dict[str, Receipt]
    folders: tuple[str, ...] = ()

    def with_one(self, receipt: Receipt) -> "Receipts":
        """With a receipt in place of a former one of its file."""
        return replace(self, of=self.of | {receipt.path: receipt})

    def without(self, path: str) -> "Receipts":
        """Without that of a file."""
        return replace(self, of={key: value for key, value in self.of.items() if key != path})


def digest(text: str) -> str:
    """The SHA-256 of a file with this text."""
    return hashlib.sha256(files.encoded(text)).hexdigest()


def splice(before: str, after: str) -> Splice:
    """The smallest single change that makes `after` of `before`."""
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    return Splice(start, before[start : len(before) - end], after[start : len(after) - end])


def _common(one: str, other: str) -> int:
    """How many characters the beginnings of two texts have in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def reverted(text: str, receipt: Receipt) -> str | None:
    """The text before: to the byte if the file is as it was left; None where a change can't be found any more, or not
    without doubt."""
    is_untouched = digest(text) == receipt.digest
    for one in reversed(receipt.splices):
        position = one.position if is_untouched else text.find(one.added)
        if not is_untouched and (not one.added.strip() or text.count(one.added) != 1):
            return None
        text = text[:position] + one.removed + text[position + len(one.added) :]
    return text


def load(home: Path) -> Receipts:
    """Those in PGDEX_HOME; none where it has none. Raises InvalidSetting for a file that is not one of these."""
    path = home / FILE_NAME
    text = files.read(path)
    if text is None:
        return Receipts({})
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise InvalidSetting(f"{path} was written by a newer pgdex: use that one")
        of = {one["path"]: _receipt(one) for one in document["files"]}
        return Receipts(of, tuple(map(str, document["folders"])))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidSetting(
            f"{path}, which records what `pgdex install` wrote, is damaged. Move it away: then an uninstall removes "
            "pgdex's entries by their names"
        ) from None


def save(home: Path, receipts: Receipts) -> None:
    """Keep them, or remove the file where there is nothing to keep. Raises FileRefused."""
    path = home / FILE_NAME
    before = files.read(path)
    if not receipts.of:
        if before is not None:
            files.remove(path, expected=before)
        return
    document = {
        "format": FORMAT,
        "files": [asdict(receipt) for receipt in receipts.of.values()],
        "folders": list(receipts.folders),
    }
    text = json.dumps(document, indent=1) + "\n"
    if text != before:
        files.write(path, text, expected=before, private=True)


def _receipt(document: dict[str, Any]) -> Receipt:
    return Receipt(
        path=str(document["path"]),
        agents=tuple(map(str, document["agents"])),
        home=str(document["home"]),
        project=document["project"],
        created=bool(document["created"]),
        made=tuple(map(str, document["made"])),
        splices=tuple(Splice(int(s["position"]), str(s["removed"]), str(s["added"])) for s in document["splices"]),
        digest=str(document["digest"]),
    )
