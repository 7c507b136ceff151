"""What an agent spends on finding code, and whether it finds it: with pgdex, with grep alone, and with both.

Run: python -m benchmarks.agents --model scripted|PROVIDER:MODEL [--tasks 12] [--write]

PROVIDER is anthropic (Messages API), openai (Chat Completions, which many local servers speak too) or openai-responses
(Responses API). The key comes from ANTHROPIC_API_KEY or OPENAI_API_KEY, another address from ANTHROPIC_BASE_URL or
OPENAI_BASE_URL.

A run with a model costs money: three attempts at each task (one for each set of tools), each within the limits below.
An answer is right if it names a file and a line inside a known answer; no model judges. `--model scripted` plays a
fixed policy and needs no key. Where the sources are missing, the command says how to bring them.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final, TextIO

import anyio
from mcp import Client as McpClient
from mcp import StdioServerParameters, stdio_client

from benchmarks.agents.anthropic import AnthropicModel
from benchmarks.agents.budget import Limits, Prices
from benchmarks.agents.conversation import Model, ModelRefused
from benchmarks.agents.loop import Outcome, attempt
from benchmarks.agents.openai import OpenAIModel
from benchmarks.agents.openai_responses import OpenAIResponsesModel
from benchmarks.agents.report import by_task, report
from benchmarks.agents.scripted import ScriptedModel
from benchmarks.agents.tasks import Task, chosen, copied
from benchmarks.agents.toolboxes import Server, Several, Shell, Toolbox
from benchmarks.local_cluster import completed, fresh_home, work_folder, workers
from benchmarks.measure import load, machine, write_section
from benchmarks.piece_quality import trees_of
from pgdex.jobs.client.client import Client
from pgdex.jobs.settings import Settings

SOURCES: Final = Path(__file__).parents[1] / ".cache" / "trees"
ARMS: Final = ("pgdex", "grep", "both")
PROVIDERS: Final[Mapping[str, Callable[[str], Model]]] = {
    "anthropic": AnthropicModel.from_environment,
    "openai": OpenAIModel.from_environment,
    "openai-responses": OpenAIResponsesModel.from_environment,
}


def main() -> None:
    """Run the tasks and print the tables; with --write also into docs/benchmarks.md."""
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.agents", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument(
        "--model", required=True, help="scripted, anthropic:MODEL, openai:MODEL or openai-responses:MODEL"
    )
    options.add_argument("--tasks", type=int, default=12, help="how many questions (%(default)s)")
    options.add_argument("--tools", action="append", choices=ARMS, help="only these tools; may be repeated")
    options.add_argument("--sources", type=Path, default=SOURCES, help="the folder above development/ (%(default)s)")
    options.add_argument("--max-calls", type=int, default=30, help="tool calls of a task (%(default)s)")
    options.add_argument(
        "--max-tokens", type=int, default=300_000, help="tokens of all requests of a task (%(default)s)"
    )
    options.add_argument("--max-output-tokens", type=int, default=4_000, help="of one turn (%(default)s)")
    options.add_argument("--prices", nargs=2, type=float, metavar=("INPUT", "OUTPUT"), help="$ for a million tokens")
    options.add_argument("--max-cost", type=float, metavar="DOLLARS", help="of one task, at --prices")
    options.add_argument("--record", type=Path, metavar="FILE", help="append each outcome as a line of JSON")
    options.add_argument("--write", action="store_true", help="put the summary into docs/benchmarks.md")
    given = options.parse_args()
    try:
        model = model_of(given.model)
        limits = Limits(
            calls=given.max_calls,
            tokens=given.max_tokens,
            output_tokens=given.max_output_tokens,
            dollars=given.max_cost,
            prices=Prices(*given.prices) if given.prices else None,
        )
        tasks = chosen(trees_of("development", given.sources), given.tasks)
    except (ModelRefused, ValueError) as error:
        raise SystemExit(str(error)) from None
    print(machine(), load(), flush=True)
    arms = [arm for arm in ARMS if arm in (given.tools or ARMS)]
    with work_folder("agents") as work, recorded(given.record) as record:
        tasks = copied(tasks, work / "trees")
        with indexed(tasks, work) as index_seconds:
            try:
                outcomes = anyio.run(every, tasks, arms, model, limits, record)
            except (ModelRefused, BaseExceptionGroup) as error:
                raise SystemExit(f"{given.model}: {refusal_in(error)}") from None
    text = report(outcomes, model=given.model, index_seconds=index_seconds)
    print(f"\n{by_task(outcomes)}\n\n{text}")
    if given.write:
        write_section("agents", text)


def model_of(spec: str) -> Model:
    """The model that --model names. Raises ValueError for an unknown one, ModelRefused without a key."""
    if spec == "scripted":
        return ScriptedModel()
    provider, _, name = spec.partition(":")
    if provider not in PROVIDERS or not name:
        known = " or ".join(f"{one}:MODEL" for one in PROVIDERS)
        raise ValueError(f"unknown model {spec!r}: use scripted, {known}")
    return PROVIDERS[provider](name)


def refusal_in(error: BaseException) -> ModelRefused:
    """The refusal in the groups that the MCP client's task groups make of it; anything else is raised as it was."""
    found: BaseException = error
    while isinstance(found, BaseExceptionGroup) and len(found.exceptions) == 1:
        found = found.exceptions[0]
    if isinstance(found, ModelRefused):
        return found
    raise error


@contextmanager
def recorded(file: Path | None) -> Iterator[TextIO | None]:
    """The file that outcomes are appended to, opened before anything is paid for."""
    if file is None:
        yield None
        return
    try:
        record = file.open("a", encoding="utf-8")
    except OSError as error:
        raise SystemExit(f"--record: {error}") from None
    with record:
        yield record


@contextmanager
def indexed(tasks: Sequence[Task], work: Path) -> Iterator[float]:
    """A server on which the tasks' trees are indexed by two workers; yields the seconds that it took."""
    with fresh_home(work, embedder=str(Settings.known()["embedder"].setting.default)) as settings, workers(settings, 2):
        begin = time.monotonic()
        with Client.open(settings) as client:
            jobs = [client.start(root).job_id for root in dict.fromkeys(task.root for task in tasks)]
            for job_id in jobs:
                completed(client, job_id)
        yield time.monotonic() - begin


async def every(
    tasks: Sequence[Task], arms: Sequence[str], model: Model, limits: Limits, record: TextIO | None
) -> dict[str, list[Outcome]]:
    """All tasks with each set of tools."""
    outcomes: dict[str, list[Outcome]] = {arm: [] for arm in arms}
    for number, task in enumerate(tasks, start=1):
        for arm in arms:
            outcome = await with_tools(arm, task, model=model, limits=limits)
            outcomes[arm].append(outcome)
            verdict = "right" if outcome.grade.right else "not right"
            reason = f" ({outcome.ended})" if outcome.ended else ""
            print(f"{number}/{len(tasks)} {task.tree}, {arm}: {verdict}{reason}", flush=True)
            if record is not None:
                print(json.dumps({"tools": arm, "model": model.name, **asdict(outcome)}, default=str), file=record)
                record.flush()
    return outcomes


async def with_tools(arm: str, task: Task, *, model: Model, limits: Limits) -> Outcome:
    """One attempt; the MCP server is one of its own, started in the repository as a client of agents starts it."""
    shell = Shell(task.root)
    if arm == "grep":
        return await attempt(task, model=model, toolbox=shell, limits=limits)
    server = StdioServerParameters(
        command=sys.executable, args=["-P", "-m", "pgdex.jobs.cli", "mcp"], env=dict(os.environ), cwd=str(task.root)
    )
    # What the server logs goes into a file beside the trees: it says each time that it watches the repository.
    with (task.root.parent / "mcp.log").open("a") as log:
        async with McpClient(stdio_client(server, errlog=log)) as client:
            pgdex = await Server.of(client)
            toolbox: Toolbox = Several([pgdex, shell]) if arm == "both" else pgdex
            return await attempt(task, model=model, toolbox=toolbox, limits=limits)


if __name__ == "__main__":
    main()
