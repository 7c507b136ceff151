"""The tasks: questions with known answers about public source trees (benchmarks/questions/trees)."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, zip_longest
from pathlib import Path

from benchmarks.agents.grading import FORM
from benchmarks.agents.scripted import QUESTION
from benchmarks.pieces import PieceQuestion, Tree


@dataclass(frozen=True, slots=True)
class Task:
    """One question about a source tree that lies in `root`."""

    tree: str
    root: Path
    question: PieceQuestion

    @property
    def prompt(self) -> str:
        """What the model is asked."""
        return (
            f"The repository is {self.root}. Find the function, class or section that the question is about.\n"
            f"{QUESTION}{self.question.query}\n"
            f"End with one line of this form, with the path relative to the repository and one line number inside the"
            f" definition:\n{FORM}"
        )


def chosen(trees: Sequence[Tree], number: int) -> list[Task]:
    """`number` questions: one of each tree, then a second one of each, and so on. Raises ValueError where there are not
    so many.

    A tree's questions are taken in the order of their SHA-256: its list begins with the ones in other words than the
    code's, so its first few would not be a sample of it.
    """
    in_turn = chain.from_iterable(zip_longest(*([Task(t.name, t.root, q) for q in _shuffled(t)] for t in trees)))
    tasks = [task for task in in_turn if task is not None]
    if not 1 <= number <= len(tasks):
        raise ValueError(f"--tasks must be between 1 and {len(tasks)}, which is how many questions there are")
    return tasks[:number]


def _shuffled(tree: Tree) -> list[PieceQuestion]:
    return sorted(tree.questions, key=lambda question: sha256(question.query.encode()).digest())


def copied(tasks: Sequence[Task], into: Path) -> list[Task]:
    """The same tasks with their trees copied into a folder, so that neither git nor ignore files above them count."""
    for tree, root in {task.tree: task.root for task in tasks}.items():
        shutil.copytree(root, into / tree, symlinks=True)
    return [Task(task.tree, into / task.tree, task.question) for task in tasks]
