"""A client that follows a fixed policy, to exercise the harness without a model.

With pgdex it searches for the question as it stands, reads the first hit where it has a shell, and answers it. With the
shell alone it asks which files have each word of the question, and answers the first line with the rarest one. It
says little of what a model would do: a model chooses words, reads, and tries again.
"""

import re
from dataclasses import dataclass
from typing import Final

from benchmarks.agents.conversation import Conversation, ToolCall, Turn, Usage, turn_tokens

QUESTION: Final = "Question: "  # how the line of the prompt begins that holds it
SEARCH: Final = "search_code"
_SHORTEST: Final = 4  # letters of a word that is worth a grep
_HIT: Final = re.compile(r"^(?P<path>\S[^\n]*):(?P<start>\d+)-(?P<end>\d+)(?: (?P<symbol>\S+))?", re.MULTILINE)
_COMMENT: Final = re.compile(r"\s*(//|/?\*|#|--|;|%)")
_MATCH: Final = re.compile(r"^(?P<path>[^\n:]+):(?P<line>\d+):", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ScriptedModel:
    """The policy above, as a model; it keeps nothing between turns, and its usage is always an estimate."""

    name: str = "scripted"

    async def turn(self, conversation: Conversation, *, max_output_tokens: int) -> Turn:
        """The policy's next step; its turns are far below any limit of output."""
        del max_output_tokens
        tools = {tool.name for tool in conversation.tools}
        question = conversation.question.partition(QUESTION)[2].partition("\n")[0]
        step = _with_pgdex if SEARCH in tools else _with_grep
        text, calls = step(conversation, question, has_shell="shell" in tools)
        turn = Turn(text, calls, Usage(0, 0, estimated=True))
        return Turn(text, calls, Usage(conversation.input_tokens, turn_tokens(turn), estimated=True))


Step = tuple[str, tuple[ToolCall, ...]]
NOTHING: Final = "Nothing was found."


def _with_pgdex(conversation: Conversation, question: str, *, has_shell: bool) -> Step:
    if not conversation.exchanges:
        return "", (ToolCall("search", SEARCH, {"query": question}),)
    found = conversation.exchanges[0].results[0].text
    hit = _HIT.search(found)
    if hit is None:
        return NOTHING, ()
    if has_shell and len(conversation.exchanges) == 1:
        quoted = "'" + hit["path"].replace("'", "'\\''") + "'"
        return "", (ToolCall("read", "shell", {"command": f"sed -n '{hit['start']},{hit['end']}p' {quoted}"}),)
    shown = found[hit.end() :].split("\n")[1 : int(hit["end"]) - int(hit["start"]) + 2]
    return f"ANSWER: {hit['path']}:{int(hit['start']) + _offset(hit['symbol'], shown)}", ()


def _offset(symbol: str | None, lines: list[str]) -> int:
    """How far below the first line of a hit its symbol stands: a chunk begins with the comments above a definition,
    which often name it."""
    name = re.split(r"\W+", symbol or "")[-1]
    for number, line in enumerate(lines):
        if line.startswith("…"):  # lines are left out, so those that follow have other numbers
            break
        if name and not _COMMENT.match(line) and re.search(rf"\b{re.escape(name)}\b", line):
            return number
    return 0


def _with_grep(conversation: Conversation, question: str, *, has_shell: bool) -> Step:
    assert has_shell
    words = list(dict.fromkeys(word for word in re.findall(r"\w+", question.lower()) if len(word) >= _SHORTEST))
    if not conversation.exchanges:
        return "", tuple(ToolCall(word, "shell", {"command": f"grep -rIil -e {word} ."}) for word in words)
    if len(conversation.exchanges) == 1:
        files = {
            result.call_id: result.text.count("\n")
            for result in conversation.exchanges[0].results
            if not result.is_error and not result.text.startswith("(")
        }
        if not files:
            return NOTHING, ()
        rarest = min(files, key=lambda word: (files[word], word))
        return "", (ToolCall("rarest", "shell", {"command": f"grep -rIin -e {rarest} ."}),)
    matches = [(m["path"], int(m["line"])) for m in _MATCH.finditer(conversation.exchanges[1].results[0].text)]
    if not matches:
        return NOTHING, ()
    # grep goes through folders in the order of the file system; the answer must not depend on it.
    path, line = min(matches)
    return f"ANSWER: {path.removeprefix('./')}:{line}", ()
