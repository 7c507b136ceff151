"""The tables of a run."""

from collections.abc import Mapping, Sequence
from statistics import mean, median
from typing import Final

from benchmarks.agents.loop import Outcome
from benchmarks.measure import table

HEADER: Final = (
    "tools",
    "tasks",
    "right",
    "right file",
    "no answer",
    "input tokens",
    "output tokens",
    "calls",
    "seconds",
    "resident before",
    "resident at the end",
)
SCRIPTED: Final = (
    "**Not run with a model.** A scripted client played a fixed policy (benchmarks/agents/scripted.py): with pgdex it"
    " searches for the question as it stands and answers the first hit, which it reads first where it has a shell;"
    " with grep it answers the first line with the question's rarest word. The figures show that the harness works, and"
    " what tool definitions and answers weigh. They do not show how often a model is right, what it would spend, or"
    " whether it would spend less with pgdex: a model rephrases, reads and tries again."
)


def report(outcomes: Mapping[str, Sequence[Outcome]], *, model: str, index_seconds: float) -> str:
    """What was run, and a row for each set of tools."""
    all_of_them = [outcome for its in outcomes.values() for outcome in its]
    trees = len({outcome.task.tree for outcome in all_of_them})
    estimated = any(outcome.estimated for outcome in all_of_them)
    counted = "estimates (characters / 4)" if estimated else "as the provider counts them"
    notes = [
        f"Model: `{model}`. Tokens, calls and resident context are means of a task; seconds are its median, from the"
        f" question to the answer, waits for the provider included. Tokens are {counted}, of all requests together;"
        " resident is what instructions, tool definitions and results leave in the context (characters / 4). Indexing"
        f" the {trees} trees took {index_seconds:.0f} s, which comes before the tasks.",
        *([SCRIPTED] if model == "scripted" else []),
        table(list(HEADER), [_row(name, its) for name, its in outcomes.items()]),
    ]
    dollars = [outcome.dollars for outcome in all_of_them if outcome.dollars is not None]
    if dollars:
        notes.append(f"All tasks together cost ${sum(dollars):.2f} at the prices given.")
    return "\n\n".join(notes)


def _row(name: str, outcomes: Sequence[Outcome]) -> list[str]:
    return [
        name,
        str(len(outcomes)),
        str(sum(outcome.grade.right for outcome in outcomes)),
        str(sum(outcome.grade.file for outcome in outcomes)),
        str(sum(not outcome.grade.answered for outcome in outcomes)),
        f"{mean(outcome.input for outcome in outcomes):,.0f}",
        f"{mean(outcome.output for outcome in outcomes):,.0f}",
        f"{mean(outcome.calls for outcome in outcomes):.1f}",
        f"{median(outcome.seconds for outcome in outcomes):.2f}",
        f"{mean(outcome.fixed for outcome in outcomes):,.0f}",
        f"{mean(outcome.resident for outcome in outcomes):,.0f}",
    ]


def by_task(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """A row for each task: how it went with each set of tools."""
    rows = []
    for same in zip(*outcomes.values(), strict=True):
        task = same[0].task
        rows.append([task.tree, task.question.query.replace("|", "\\|"), *map(_how, same)])
    return table(["tree", "question", *outcomes], rows)


def _how(outcome: Outcome) -> str:
    if outcome.grade.right:
        return "right"
    if outcome.grade.file:
        return "right file"
    return "wrong" if outcome.grade.answered else "no answer"
