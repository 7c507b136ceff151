"""What has to be done to which file, worked out before anything is written; then writing it, or taking it back."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path

from pgdex.jobs.agents import files, receipts
from pgdex.jobs.agents.edits import Edit
from pgdex.jobs.agents.files import FileRefused
from pgdex.jobs.agents.jsonc import Unreadable
from pgdex.jobs.agents.receipts import Receipt, Receipts


@dataclass(frozen=True, slots=True)
class Target:
    """An edit of a file that an agent reads."""

    agent: str
    path: Path
    edit: Edit


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one file. `before` and `after` are its texts (None: no file); `problem` says why it is left
    alone; `receipt` is what to keep (None: to forget)."""

    path: Path
    agents: tuple[str, ...]
    labels: tuple[str, ...]
    before: str | None
    after: str | None
    receipt: Receipt | None = None
    problem: str | None = None

    @property
    def changes_the_file(self) -> bool:
        """Whether there is something to write."""
        return self.problem is None and self.before != self.after

    @property
    def added(self) -> str:
        """What the file will say that it does not say now."""
        return receipts.splice(self.before or "", self.after or "").added


@dataclass(slots=True)
class _File:
    """The edits of one file, each once, and for which agents."""

    path: Path
    agents: list[str] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(edit.label for edit in self.edits))


def plan_install(targets: Iterable[Target], kept: Receipts, *, home: Path, project: Path | None) -> list[Change]:
    """What an install would do, file by file. Nothing is written, nothing is raised: problems are in the changes."""
    return [_installed(file, kept.of.get(str(file.path)), home, project) for file in _by_file(targets)]


def plan_uninstall(
    targets: Iterable[Target], kept: Receipts, *, agents: set[str], home: Path, project: Path | None
) -> list[Change]:
    """What taking everything of these agents back would do, file by file: of the targets, and of files that have a
    receipt of this home folder and scope, wherever the agents keep theirs today."""
    found = {str(file.path): file for file in _by_file(targets)}
    for path, receipt in kept.of.items():
        is_here = (receipt.home, receipt.project) == (str(home), _text(project))
        if is_here and agents & set(receipt.agents):
            found.setdefault(path, _File(Path(path)))
    return [_uninstalled(file, kept.of.get(path), agents) for path, file in found.items()]


def carry_out(changes: Iterable[Change], kept: Receipts, *, state: Path) -> list[Change]:
    """Write, and keep the record in the folder `state`; returns the changes as they went, with a `problem` where a file
    could not be written.

    What is recorded comes first for an install and last for the opposite: a process that is killed in between leaves a
    record of something that did not happen, never the other way round. Raises FileRefused where the record can't be
    kept.
    """
    changes = list(changes)
    former = kept.of
    for change in changes:
        if change.problem is None and change.receipt is not None:
            kept = kept.with_one(change.receipt)
    written = [change.path for change in changes if change.changes_the_file and change.after is not None]
    folders = {
        *kept.folders,
        *(str(one) for path in (*written, state / receipts.FILE_NAME) for one in files.missing_folders(path)),
    }
    receipts.save(state, replace(kept, folders=tuple(sorted(folders))))
    done = []
    for planned in changes:
        change = _written(planned)
        if change.problem is None and change.receipt is None:
            kept = kept.without(str(change.path))
        elif planned.problem is None and change.problem is not None:
            before = former.get(str(change.path))
            kept = kept.without(str(change.path)) if before is None else kept.with_one(before)
        done.append(change)
    if not kept.of:
        receipts.save(state, kept)
    left = files.remove_empty([Path(folder) for folder in folders])
    if kept.of:
        receipts.save(state, replace(kept, folders=tuple(sorted(map(str, left)))))
    return done


def _written(change: Change) -> Change:
    if not change.changes_the_file:
        return change
    try:
        if change.after is not None:
            # Agents put keys and tokens of their own into their settings later, and keep the mode that they find.
            is_settings = change.path.suffix in (".json", ".toml")
            private = is_settings and change.receipt is not None and change.receipt.project is None
            files.write(change.path, change.after, expected=change.before, private=private)
        elif change.before is not None:
            files.remove(change.path, expected=change.before)
    except FileRefused as error:
        return replace(change, problem=str(error))
    return change


def _by_file(targets: Iterable[Target]) -> list[_File]:
    found: dict[str, _File] = {}
    for target in targets:
        path = files.real(target.path)
        file = found.setdefault(str(path), _File(path))
        if target.agent not in file.agents:
            file.agents.append(target.agent)
        if target.edit not in file.edits:
            file.edits.append(target.edit)
    return list(found.values())


def _planned(file: _File, work: Callable[[], Change], agents: tuple[str, ...]) -> Change:
    """What `work` says; a file that can't be understood or written is left alone."""
    try:
        change = work()
        if change.changes_the_file:
            files.require_writable(file.path)
    except Unreadable as error:
        backup = files.backup_of(file.path)
        hint = f". {backup} has its content from before an interrupted install" if backup.exists() else ""
        problem = f"{file.path} was left alone, because it can't be understood: {error}{hint}"
        return Change(file.path, agents, file.labels, None, None, problem=problem)
    except FileRefused as error:
        return Change(file.path, agents, file.labels, None, None, problem=str(error))
    return change


def _installed(file: _File, receipt: Receipt | None, home: Path, project: Path | None) -> Change:
    agents = tuple(dict.fromkeys([*(receipt.agents if receipt else ()), *file.agents]))

    def work() -> Change:
        before = files.read(file.path)
        text = before or ""
        if before is not None and all(edit.is_made(text) for edit in file.edits):
            kept = replace(receipt, agents=agents) if receipt is not None else None
            return Change(file.path, agents, file.labels, before, before, kept)
        after = reduce(lambda done, edit: edit.make(done), file.edits, text)
        base, created = _base(before, file, receipt)
        made = tuple(dict.fromkeys(name for edit in file.edits for name in edit.containers(base)))
        new = Receipt(
            path=str(file.path),
            agents=agents,
            home=str(home),
            project=_text(project),
            created=created,
            made=made,
            splices=_splices(base, after, file),
            digest=receipts.digest(after),
        )
        return Change(file.path, agents, file.labels, before, after, new)

    return _planned(file, work, agents)


def _base(before: str | None, file: _File, receipt: Receipt | None) -> tuple[str, bool]:
    """The text without anything of ours, and whether there would be no file."""
    if before is None:
        return "", True
    if receipt is None:
        return before, False
    base = _taken_back(before, file, receipt)
    return (base or "", base is None) if receipt.created else (base or "", False)


def _splices(base: str, after: str, file: _File) -> tuple[receipts.Splice, ...]:
    """The changes one by one where they lead there, since each alone holds less of what is between them."""
    steps, text = [], base
    for edit in file.edits:
        following = edit.make(text)
        if following != text:
            steps.append(receipts.splice(text, following))
        text = following
    return tuple(steps) if text == after else (receipts.splice(base, after),)


def _uninstalled(file: _File, receipt: Receipt | None, agents: set[str]) -> Change:
    others = tuple(agent for agent in receipt.agents if agent not in agents) if receipt else ()
    affected = tuple(receipt.agents) if receipt else tuple(file.agents)

    def work() -> Change:
        before = files.read(file.path)
        if receipt is not None and others:
            return Change(file.path, others, file.labels, before, before, replace(receipt, agents=others))
        if before is None:
            return Change(file.path, affected, file.labels, None, None)
        if receipt is not None:
            return Change(file.path, affected, file.labels, before, _taken_back(before, file, receipt))
        after = reduce(lambda text, edit: edit.undo(text, ()), file.edits, before)
        return Change(file.path, affected, file.labels, before, before if after == before else after or None)

    return _planned(file, work, affected)


def _taken_back(text: str, file: _File, receipt: Receipt) -> str | None:
    """The text as it was before install; None where there was no file. Raises Unreadable where nobody can tell."""
    before = receipts.reverted(text, receipt)
    if receipts.digest(text) == receipt.digest:
        return None if receipt.created else before
    if not file.edits:
        if before is None:
            raise Unreadable("it has been changed since `pgdex install` wrote to it; remove pgdex's part by hand")
        return before or None
    by_meaning = reduce(lambda done, edit: edit.undo(done, receipt.made), file.edits, text)
    if before is None or not _mean_the_same(before, by_meaning, file):
        before = by_meaning
    is_empty = not before.strip() or before.strip() in ("{}", "[]")
    return None if receipt.created and is_empty else before


def _mean_the_same(one: str, other: str, file: _File) -> bool:
    try:
        return all(edit.meaning(one) == edit.meaning(other) for edit in file.edits)
    except Unreadable:
        return False


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
