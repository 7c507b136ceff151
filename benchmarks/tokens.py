"""What the MCP server costs an agent: the tokens of its instructions and tool definitions, and of typical answers.

Run: python -m benchmarks.tokens [--before CHECKOUT] [--tree FOLDER] [--write]

`pgdex mcp` runs as agents have it, over stdio, in a repository that it has indexed (this one, as git has it now), with
an embedded server of its own. Tokens are characters / 4, by which such figures are compared, and those of o200k_base
(bpe-openai). Of a definition, what clients hand a model is counted: the name, the description and the input schema. Of
an answer, the text and the structured content are counted, since clients show a model one or the other.
"""

import argparse
import json
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
import bpe_openai
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent

from benchmarks.git_trees import GitTree
from benchmarks.installed import HERE, Installed, commit_of, installed
from benchmarks.local_cluster import work_folder
from benchmarks.measure import load, machine, table, write_section

WAIT_SECONDS = 300
QUESTION = "where are retries of a request configured"
SEARCHES: dict[str, dict[str, Any]] = {
    "search_code, a question": {"query": QUESTION},
    "search_code, a name": {"query": "SearchRequest"},
    "search_code, ten hits": {"query": QUESTION, "limit": 10},
    "search_code, ten hits, outline": {"query": QUESTION, "limit": 10, "detail": "outline"},
    "search_code, max_tokens=500": {"query": QUESTION, "max_tokens": 500},
    "search_code, full": {"query": QUESTION, "detail": "full"},
    # This file has the words, so it is asked where it is not.
    "search_code, nothing fits": {"query": "kubernetes ingress for a helm chart", "path_glob": "jobs/**"},
}
PROMISED = {
    "all tool definitions": "1,600",
    "instructions": "200",
    "search_code, a question": "1,500",
    "search_code, a name": "1,500",
    "search_code, ten hits, outline": "320",
    "search_code, max_tokens=500": "500",
}

Count = Callable[[str], int]
Figures = dict[str, tuple[int, ...]]
ENCODING = bpe_openai.get_encoding("o200k_base")
COUNTS: tuple[Count, Count] = (lambda text: round(len(text) / 4), lambda text: len(ENCODING.encode(text)))


def main() -> None:
    """Measure and print; with --write also into docs/benchmarks.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--before", type=Path, metavar="CHECKOUT", help="another checkout, with its own .venv")
    options.add_argument("--tree", type=Path, help="another repository than this one")
    options.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    given = options.parse_args()
    print(machine(), load(), flush=True)
    checkouts = {"pgdex": HERE} | ({"before": given.before.resolve()} if given.before else {})
    found: dict[str, tuple[Figures, Figures]] = {}
    with work_folder("tokens") as work, ExitStack() as stack:
        tree = GitTree.of(given.tree or tracked(work / "tracked"), work / "tree").path
        for name, checkout in checkouts.items():
            one = stack.enter_context(installed(name, checkout=checkout, work=work, embedder="code"))
            found[f"{name} ({commit_of(checkout)})"] = anyio.run(measured, one, tree)
    report = described(found)
    print(report)
    if given.write:
        write_section("tokens", report)


def tracked(folder: Path) -> Path:
    """The files of this repository that git tracks, without what is not in a checkout of it."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=HERE, check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return folder


async def measured(one: Installed, tree: Path) -> tuple[Figures, Figures]:
    """The figures of one version: of what is read before the first call, and of answers."""
    server = StdioServerParameters(
        command=str(one.program), args=["mcp"], env={**one.environment, "PATH": "/usr/bin:/bin"}, cwd=str(tree)
    )
    async with Client(server, read_timeout_seconds=WAIT_SECONDS * 2) as client:
        before_the_first_call: Figures = {"instructions": counted(client.instructions or "")}
        for tool in (await client.list_tools()).tools:
            wire = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
            shown = {name: wire[name] for name in ("name", "description", "inputSchema")}
            before_the_first_call[tool.name] = (*counted(compact(shown)), *counted(compact(wire)))
        answers: Figures = {}

        async def call(what: str, tool: str, **arguments: Any) -> dict[str, Any]:
            answer = await client.call_tool(tool, arguments)
            if answer.is_error:
                answers[what] = ()
                return {}
            answers[what] = both(answer)
            return dict(answer.structured_content or {})

        started = await call("start_indexing_background", "start_indexing_background", repo_path=str(tree))
        await call("get_indexing_status, running", "get_indexing_status", job_id=started["job_id"])
        watch = {"job_id": started["job_id"], "timeout_seconds": WAIT_SECONDS}
        await call("watch_indexing, completed", "watch_indexing", **watch)
        for _ in range(9):
            again = await client.call_tool("start_indexing_background", {"repo_path": str(tree)})
            job = dict(again.structured_content or {})["job_id"]
            await client.call_tool("watch_indexing", {"job_id": job, "timeout_seconds": WAIT_SECONDS})
        await call("list_background_jobs, ten jobs", "list_background_jobs")
        await call("list_repositories, one", "list_repositories")
        for what, arguments in SEARCHES.items():
            await call(what, "search_code", **arguments)
        place = {"repo_path": str(tree), "path": "jobs/mcp/errors.py", "line": 30}
        await call("find_related_code", "find_related_code", **place)
    return before_the_first_call, answers


def both(answer: CallToolResult) -> tuple[int, ...]:
    """The tokens of an answer's text, and of its structured content."""
    text = "\n".join(part.text for part in answer.content if isinstance(part, TextContent))
    return (*counted(text), *counted(compact(answer.structured_content)))


def counted(text: str) -> tuple[int, ...]:
    """A text's tokens by each way of counting."""
    return tuple(count(text) for count in COUNTS)


def compact(value: Any) -> str:
    """JSON as clients hand it on."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def described(found: dict[str, tuple[Figures, Figures]]) -> str:
    """The two tables."""
    definitions, answers = [], []
    for version, (first, later) in found.items():
        tools = [figures for name, figures in first.items() if name != "instructions"]
        total = tuple(sum(column) for column in zip(*tools, strict=True))
        for name, figures in {**first, "all tool definitions": total}.items():
            definitions.append([name, version, *shown(figures, of=4), PROMISED.get(name, "")])
        for name, figures in later.items():
            answers.append([name, version, *shown(figures, of=4), PROMISED.get(name, "")])
    head = ["what", "of", "characters / 4", "o200k_base"]
    return (
        "Before the first call: what models get, and all that the server sends (output schemas, annotations).\n\n"
        + table([*head, "all: characters / 4", "all: o200k_base", "promised"], in_order(definitions))
        + "\n\nAnswers, as text and as structured content; a version without an argument has no figure.\n\n"
        + table(
            ["what", "of", "text / 4", "text, o200k_base", "JSON / 4", "JSON, o200k_base", "promised"],
            in_order(answers),
        )
    )


def shown(figures: tuple[int, ...], *, of: int) -> list[str]:
    """The cells of one row."""
    return [*(f"{figure:,}" for figure in figures), *[""] * (of - len(figures))]


def in_order(rows: list[list[str]]) -> list[list[str]]:
    """The rows of the same thing together, in the order of the first version."""
    first = {row[0]: number for number, row in reversed([*enumerate(rows)])}
    return sorted(rows, key=lambda row: first[row[0]])


if __name__ == "__main__":
    main()
