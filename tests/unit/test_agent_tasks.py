"""The rest of benchmarks.agents: grading, the budget, one task from its question to its end, the report."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from benchmarks.agents.__main__ import model_of
from benchmarks.agents.budget import Budget, Limits, Prices
from benchmarks.agents.conversation import Conversation, ModelUnavailable, ToolCall, ToolDefinition, Turn, Usage
from benchmarks.agents.grading import Grade, Place, grade, place_in
from benchmarks.agents.loop import NO_CALLS_LEFT, Outcome, attempt
from benchmarks.agents.report import by_task, report
from benchmarks.agents.scripted import ScriptedModel
from benchmarks.agents.tasks import Task, chosen
from benchmarks.agents.toolboxes import Answered, Server, Several, Shell, Toolbox
from benchmarks.pieces import Definition, PieceQuestion, Tree
from pgdex.jobs.mcp.server import build_server
from pgdex.jobs.mcp.server_context import ServerContext
from pgdex.jobs.settings import Settings

ROOT = Path("/repository")
QUESTION = PieceQuestion("where are numbers doubled", "natural", (Definition("src/a.py", "twice", 4, 6),))
LIMITS = Limits(calls=20, tokens=100_000, output_tokens=100)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("ANSWER: src/a.py:4", Place("src/a.py", 4)),
        ("It is there.\n\nANSWER: ./src/a.py:4-6", Place("src/a.py", 4)),
        ("**ANSWER: `src/a.py:4`**", Place("src/a.py", 4)),
        ("ANSWER: /repository/src/a b.py:4.", Place("src/a b.py", 4)),
        ("ANSWER: x.py:1\nNo:\nANSWER: src/a.py:4", Place("src/a.py", 4)),
        ("ANSWER: src/a.py", None),
        ("src/a.py:4", None),
        ("", None),
    ],
)
def test_an_answer_is_read_from_its_last_line_of_that_form(text: str, place: Place | None) -> None:
    assert place_in(text, root=ROOT) == place


@pytest.mark.parametrize(
    ("place", "file", "right"),
    [
        (Place("src/a.py", 4), True, True),
        (Place("src/a.py", 6), True, True),
        (Place("src/a.py", 3), True, False),
        (Place("src/a.py", 7), True, False),
        (Place("a.py", 4), False, False),
        (Place("/elsewhere/src/a.py", 4), False, False),
    ],
)
def test_only_a_line_inside_the_definition_is_right(place: Place, file: bool, right: bool) -> None:
    assert grade(place, QUESTION) == Grade(answered=True, file=file, right=right)


def test_no_answer_is_not_a_wrong_one() -> None:
    assert grade(None, QUESTION) == Grade(answered=False, file=False, right=False)


def test_a_budget_refuses_a_request_whose_longest_answer_could_pass_a_limit() -> None:
    budget = Budget(replace(LIMITS, tokens=1_000))
    budget.spend(Usage(500, 100))

    assert budget.refusal(next_input=300) is None
    assert "1,000 tokens" in str(budget.refusal(next_input=301))


def test_a_budget_in_dollars_counts_input_and_output_at_their_prices() -> None:
    budget = Budget(replace(LIMITS, tokens=10_000_000, output_tokens=100_000, dollars=3.0, prices=Prices(1.0, 10.0)))
    budget.spend(Usage(1_000_000, 50_000))

    assert budget.dollars == pytest.approx(1.5)
    assert budget.refusal(next_input=499_000) is None
    assert "$3" in str(budget.refusal(next_input=501_000))


def test_limits_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="--prices"):
        replace(LIMITS, dollars=1.0)
    with pytest.raises(ValueError, match="at least 1"):
        replace(LIMITS, calls=0)


@dataclass(frozen=True, slots=True)
class Eager:
    """Asks for three commands in every turn and never answers; keeps what it was told instead of their output."""

    name: str = "eager"
    told: list[str] = field(default_factory=list)

    async def turn(self, conversation: Conversation, *, max_output_tokens: int) -> Turn:
        results = [result for exchange in conversation.exchanges for result in exchange.results]
        self.told[:] = [result.text for result in results if result.is_error]
        calls = tuple(ToolCall(str(number), "shell", {"command": "ls"}) for number in range(3))
        return Turn("", calls, Usage(conversation.input_tokens, 10))


@dataclass(frozen=True, slots=True)
class Careless:
    """Calls a tool that isn't there, then one with wrong arguments, and answers with what it was told."""

    name: str = "careless"

    async def turn(self, conversation: Conversation, *, max_output_tokens: int) -> Turn:
        calls = (
            ToolCall("1", "rm", {}),
            ToolCall("2", "shell", {"command": 5}),
            ToolCall("3", "shell", {}, wrong="no JSON"),
        )
        if not conversation.exchanges:
            return Turn("", calls, Usage(1, 1))
        told = [result.text for result in conversation.exchanges[0].results if result.is_error]
        assert len(told) == 3
        return Turn(f"{'; '.join(told)}\nANSWER: src/a.py:5", (), Usage(1, 1))


@dataclass(frozen=True, slots=True)
class Away:
    """Never answers."""

    name: str = "away"

    async def turn(self, conversation: Conversation, *, max_output_tokens: int) -> Turn:
        raise ModelUnavailable("the provider is away")


@dataclass(frozen=True, slots=True)
class Found:
    """A search tool that finds one thing, in the form of pgdex's answers."""

    instructions: str = "Search."
    tools: tuple[ToolDefinition, ...] = (ToolDefinition("search_code", "finds", {"type": "object"}),)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Answered:
        assert arguments == {"query": QUESTION.query}
        return Answered(
            "In /repository (…):\n\nsrc/a.py:3-6 twice\n# What twice does.\ndef twice(n):\n    return 2 * n\n", False
        )


@pytest.fixture
def task(tmp_path: Path) -> Task:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text(
        "import os\n\n# Doubles.\ndef twice(n):\n    # numbers are doubled\n    return\n"
    )
    (tmp_path / "b.py").write_text("where = numbers = 1\n")
    return Task("tree", tmp_path, QUESTION)


def outcome_of(task: Task, model: Any, toolbox: Toolbox, limits: Limits = LIMITS) -> Outcome:
    async def run() -> Outcome:
        return await attempt(task, model=model, toolbox=toolbox, limits=limits)

    return anyio.run(run)


def test_the_scripted_client_answers_the_line_with_the_rarest_word_by_real_greps(task: Task) -> None:
    outcome = outcome_of(task, ScriptedModel(), Shell(task.root))

    assert outcome.place == Place("src/a.py", 5)
    assert outcome.grade.right
    assert outcome.calls == 4  # where, numbers, doubled; then the rarest one
    assert outcome.turns == 3
    assert outcome.estimated
    assert outcome.fixed < outcome.resident < outcome.input


def test_the_scripted_client_answers_the_line_of_the_first_hits_symbol(task: Task) -> None:
    alone = outcome_of(task, ScriptedModel(), Found())
    both = outcome_of(task, ScriptedModel(), Several([Found(), Shell(task.root)]))

    assert alone.place == both.place == Place("src/a.py", 4)
    assert (alone.calls, both.calls) == (1, 2)
    assert both.resident > alone.resident


def test_a_task_ends_at_its_limit_of_calls_and_the_model_is_told(task: Task) -> None:
    model = Eager()

    outcome = outcome_of(task, model, Shell(task.root), replace(LIMITS, calls=4))

    assert outcome.calls == 4
    assert outcome.turns == 3
    assert "limit of 4 tool calls" in outcome.ended
    assert not outcome.grade.answered
    assert model.told == [NO_CALLS_LEFT] * 2


def test_a_task_ends_before_the_request_that_could_pass_its_limit_of_tokens(task: Task) -> None:
    outcome = outcome_of(task, Eager(), Shell(task.root), replace(LIMITS, calls=1_000, tokens=3_000))

    assert 0 < outcome.input + outcome.output <= 3_000
    assert "limit of 3,000 tokens" in outcome.ended


def test_a_models_mistakes_are_told_to_it_and_do_not_end_the_task(task: Task) -> None:
    outcome = outcome_of(task, Careless(), Shell(task.root))

    assert outcome.grade.right
    assert outcome.calls == 3


def test_a_provider_that_is_away_ends_one_task_with_its_reason(task: Task) -> None:
    outcome = outcome_of(task, Away(), Shell(task.root))

    assert outcome.ended == "the provider is away"
    assert not outcome.grade.answered


def test_tasks_are_taken_from_all_trees_in_turn_and_whatever_the_order_of_their_lists() -> None:
    one, two, three = (replace(QUESTION, query=query) for query in ("one", "two", "three"))
    trees = [Tree("a", "python", ROOT, (one, two)), Tree("b", "go", ROOT, (three,))]
    other_order = [Tree("a", "python", ROOT, (two, one)), Tree("b", "go", ROOT, (three,))]

    assert [task.tree for task in chosen(trees, 3)] == ["a", "b", "a"]
    assert {task.question.query for task in chosen(trees, 3)} == {"one", "two", "three"}
    assert chosen(trees, 2) == chosen(other_order, 2) == chosen(trees, 3)[:2]
    for number in (0, 4):
        with pytest.raises(ValueError, match="between 1 and 3"):
            chosen(trees, number)


def test_the_report_counts_what_was_right_and_says_that_no_model_was_asked(task: Task) -> None:
    right = outcome_of(task, ScriptedModel(), Shell(task.root))
    outcomes = {"grep": [right, replace(right, grade=grade(Place("src/a.py", 1), QUESTION))]}

    text = report(outcomes, model="scripted", index_seconds=2)

    assert re.search(r"^\| grep \| 2 \| 1 \| 2 \| 0 \|", text, re.MULTILINE)
    assert "Not run with a model" in text
    assert "estimates (characters / 4)" in text
    assert by_task(outcomes).endswith(
        "| grep |\n| --- | --- | --- |\n"
        + "".join(
            f"| tree | where are numbers doubled | {how} |{end}" for how, end in (("right", "\n"), ("right file", ""))
        )
    )
    assert "Not run with a model" not in report(outcomes, model="openai:gpt", index_seconds=2)


@pytest.mark.parametrize("spec", ["", "gpt", "openai", "openai:", "mistral:large"])
def test_an_unknown_model_is_quoted_with_those_that_exist(spec: str) -> None:
    with pytest.raises(
        ValueError, match=r"scripted, anthropic:MODEL or openai:MODEL or openai-responses:MODEL"
    ) as raised:
        model_of(spec)

    assert repr(spec) in str(raised.value)


def test_the_servers_tools_are_handed_on_whole_and_those_that_destroy_are_not_called(tmp_path: Path) -> None:
    async def called() -> tuple[Server, list[Answered]]:
        context = ServerContext(
            Settings(home=tmp_path, database_url="postgresql://127.0.0.1:1/none?connect_timeout=1"), folder=tmp_path
        )
        async with Client(build_server(context, eager=False)) as client:
            server = await Server.of(client)
            return server, [
                await server.call("remove_repository", {"repo_path": "/repository"}),
                await server.call("search_code", {"limit": 5}),
                await server.call("no_such_tool", {}),
            ]

    server, (removed, wrong, unknown) = anyio.run(called)

    assert {"search_code", "find_related_code", "remove_repository"} <= {tool.name for tool in server.tools}
    assert all(tool.description and tool.parameters["properties"] for tool in server.tools)
    assert server.destructive == {"remove_repository", "cancel_indexing_background"}
    assert removed == Answered("remove_repository is not allowed in this session", is_error=True)
    assert wrong.is_error
    assert "query" in wrong.text
    assert unknown.is_error
    assert "no_such_tool" in unknown.text
