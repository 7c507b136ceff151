"""One task, from its question to the model's answer, to a limit, or to a failure."""

import time
from dataclasses import dataclass
from typing import Final

from benchmarks.agents.budget import Budget, Limits
from benchmarks.agents.conversation import Conversation, Exchange, Model, ModelUnavailable, ToolCall, ToolResult
from benchmarks.agents.grading import Grade, Place, grade, place_in
from benchmarks.agents.tasks import Task
from benchmarks.agents.toolboxes import Toolbox

SYSTEM: Final = "You find code in a repository with the tools that you have. Don't guess: look."
NO_CALLS_LEFT: Final = "no tool calls are left: answer now"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task ended. Tokens are those of all requests; `resident` and `fixed` are estimates (characters / 4) of what
    tools left in the context at the end and had put there before the first call; `ended` says why there is no answer
    where a limit or a failure ended it."""

    task: Task
    grade: Grade
    place: Place | None
    calls: int
    turns: int
    input: int
    output: int
    estimated: bool
    dollars: float | None
    seconds: float
    fixed: int
    resident: int
    ended: str = ""


async def attempt(task: Task, *, model: Model, toolbox: Toolbox, limits: Limits) -> Outcome:
    """Let the model work until it answers without a call. Raises ModelRefused where the provider wants none of it."""
    conversation = Conversation("\n\n".join(filter(None, [SYSTEM, toolbox.instructions])), toolbox.tools, task.prompt)
    budget = Budget(limits)
    begin = time.monotonic()
    text, ended, turns = "", "", 0
    while True:
        if refusal := budget.refusal(next_input=conversation.input_tokens):
            ended = refusal
            break
        try:
            turn = await model.turn(conversation, max_output_tokens=limits.output_tokens)
        except ModelUnavailable as error:
            ended = str(error)
            break
        turns += 1
        budget.spend(turn.usage)
        if not turn.calls:
            text = turn.text
            ended = f"the answer was cut after {limits.output_tokens:,} tokens" if turn.cut else ""
            break
        if budget.calls >= limits.calls:
            ended = f"the limit of {limits.calls} tool calls"
            break
        results = [await _result(call, toolbox, budget) for call in turn.calls]
        conversation.exchanges.append(Exchange(turn, tuple(results)))
    place = place_in(text, root=task.root)
    return Outcome(
        task,
        grade(place, task.question),
        place,
        calls=budget.calls,
        turns=turns,
        input=budget.input,
        output=budget.output,
        estimated=budget.estimated,
        dollars=budget.dollars,
        seconds=time.monotonic() - begin,
        fixed=conversation.fixed_tokens,
        resident=conversation.resident_tokens,
        ended=ended,
    )


async def _result(call: ToolCall, toolbox: Toolbox, budget: Budget) -> ToolResult:
    if not budget.call():
        return ToolResult(call.id, NO_CALLS_LEFT, is_error=True)
    if call.wrong:
        return ToolResult(call.id, call.wrong, is_error=True)
    if not any(tool.name == call.name for tool in toolbox.tools):
        return ToolResult(call.id, f"no tool is called {call.name!r}", is_error=True)
    answer = await toolbox.call(call.name, call.arguments)
    return ToolResult(call.id, answer.text, answer.is_error)
