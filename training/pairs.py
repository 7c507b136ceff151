"""Makes pairs of a question and the code that answers it, from collected sources.

Run: python -m training.pairs DIR [--processes 2] [--only PATTERN]

Reads DIR/sources and writes DIR/pairs/REGISTRY+NAME.jsonl, one for each package. A pair is {kind, language, query,
text}: the text has the form in which pgdex embeds a chunk, "path symbol" and below it the lines.
"""

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from pgdex.indexer.chunking import Chunk, ChunkingError, chunk_file
from pgdex.indexer.languages import language_of
from pgdex.indexer.lexemes import words
from training.comments import Comment, comments, first_sentence

# A package's share. Some languages have few packages in the registries, and large ones.
_MOST_PAIRS = 1_500
_MOST_PAIRS_OF = {
    "csharp": 15_000, "kotlin": 10_000, "scala": 10_000, "swift": 10_000, "elixir": 10_000, "zig": 10_000, "lua": 6_000,
    "haskell": 3_000, "bash": 3_000, "java": 3_000, "cpp": 2_000, "c": 2_000, "typescript": 2_000,
}  # fmt: skip
_MOST_CHARACTERS = 8_000_000

_STRING = re.compile(r"(?:\"((?:[^\"\\\n]|\\.){20,160})\"|'((?:[^'\\\n]|\\.){20,160})')")
_FAULT = re.compile(r"raise|throw|error|panic|fail|abort|warn|log|assert|bail|invalid", re.IGNORECASE)
_TEST_PATH = re.compile(r"(^|[/_.-])(tests?|specs?|__tests__|testing|bench(marks?)?)([/_.-]|$)", re.IGNORECASE)
_NAME_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and a text that answers it."""

    kind: str
    language: str
    query: str
    text: str


def main() -> None:
    """Make the pairs of all packages that have none yet."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--only", default="*/*", help="only the packages REGISTRY/NAME that this pattern names")
    given = options.parse_args()
    target = given.folder / "pairs"
    target.mkdir(exist_ok=True)
    roots = sorted((given.folder / "sources").glob(given.only))
    with ProcessPoolExecutor(given.processes) as pool:
        counts = list(pool.map(_write, roots, [target] * len(roots), chunksize=4))
    print(f"{sum(counts)} pairs of {sum(count > 0 for count in counts)} packages")


def _write(root: Path, target: Path) -> int:
    file = target / f"{root.parent.name}+{root.name}.jsonl"
    if file.exists():
        return sum(1 for _ in file.open())
    lines = [
        json.dumps([pair.kind, pair.language, pair.query, pair.text], ensure_ascii=False)
        for pair in package_pairs(root)
    ]
    unfinished = file.with_suffix(".part")
    unfinished.write_text("".join(line + "\n" for line in lines))
    unfinished.rename(file)
    return len(lines)


def package_pairs(root: Path) -> Iterator[Pair]:
    """The pairs of one package, in an order and with choices that depend on its name only."""
    dice = random.Random(root.name)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    dice.shuffle(files)
    counts: Counter[str] = Counter()
    seen: set[bytes] = set()
    characters = 0
    for file in files:
        path = file.relative_to(root).as_posix()
        language = language_of(path, "")
        most = _MOST_PAIRS_OF.get(language.name, _MOST_PAIRS)
        if _TEST_PATH.search(path):
            most //= 5
        if counts[language.name] >= most:
            continue
        text = file.read_text()
        characters += len(text)
        if characters > _MOST_CHARACTERS:
            return
        try:
            chunks = chunk_file(text, language, time_limit_seconds=2)
        except ChunkingError:
            continue
        for pair in _file_pairs(path, language.name, chunks, dice):
            # Vendored and generated twins: the same answer again teaches nothing.
            mark = blake2b((pair.query + "\0" + pair.text.partition("\n")[2][:300]).encode(), digest_size=8).digest()
            if mark not in seen:
                seen.add(mark)
                counts[language.name] += 1
                yield pair


def _file_pairs(path: str, language: str, chunks: list[Chunk], dice: random.Random) -> Iterator[Pair]:
    if language in {"markdown", "rst"}:
        for chunk in chunks:
            if (pair := _section_pair(path, chunk, language)) is not None:
                yield pair
        return
    about_file: str | None = None
    for number, chunk in enumerate(chunks):
        lines = chunk.content.split("\n")
        found = list(comments(lines, language))
        if number == 0 and found and not chunk.symbols:
            about_file = found[0].prose
        for order, comment in enumerate(found):
            # The first is what the definition is for; of the others one in two.
            if order == 0 or dice.random() < 0.5:
                query = first_sentence(comment.prose) if dice.random() < 0.7 else comment.prose
                kept = lines if dice.random() < 0.12 else _without(lines, comment)
                if sum(map(len, kept)) >= 60:
                    kind = "doc" if order == 0 and comment.start < 3 else "comment"
                    yield Pair(kind, language, query, _text(path, chunk, kept, dice))
        if chunk.symbol and dice.random() < (0.25 if found else 0.6):
            yield from _name_pair(path, chunk, language, dice)
        if dice.random() < 0.35:
            yield from _message_pair(path, chunk, language, dice)
    if len(chunks) > 1:
        yield from _neighbours(path, language, chunks, about_file, dice)


def _without(lines: list[str], comment: Comment) -> list[str]:
    return lines[: comment.start] + lines[comment.stop :]


def _text(path: str, chunk: Chunk, lines: list[str], dice: random.Random) -> str:
    shown = path if dice.random() < 0.8 else ""
    symbol = chunk.symbol or ""
    if dice.random() < 0.15:
        symbol = ""
    return f"{shown} {symbol}\n" + "\n".join(lines)


def phrase_of(name: str) -> str:
    """The parts of a name with spaces between: "mergeConfigDefaults" is "merge config defaults"."""
    return " ".join(part.lower() for part in _NAME_PART.findall(name))


def _name_pair(path: str, chunk: Chunk, language: str, dice: random.Random) -> Iterator[Pair]:
    parts = re.split(r"[.:#/> ]+", chunk.symbol or "")
    name = parts[-1] or parts[0]
    phrase = phrase_of(name)
    if len(phrase.split()) < 2 or len(phrase) > 80:
        return
    content = chunk.content
    scope = ".".join(parts[:-1])
    shown = path
    if dice.random() < 0.6:
        content = re.sub(rf"\b{re.escape(name)}\b", "", content)
        symbol = scope
        # A file is often named for what it defines.
        if phrase.replace(" ", "") in re.sub(r"[\W_]", "", path.lower()):
            shown = PurePosixPath(path).parent.as_posix()
    else:
        symbol = chunk.symbol or ""
    if scope and dice.random() < 0.3:
        phrase = f"{phrase_of(scope.rpartition('.')[2])} {phrase}"
    if len(content) >= 80:
        yield Pair("name", language, phrase, f"{shown} {symbol}\n{content}")


def _message_pair(path: str, chunk: Chunk, language: str, dice: random.Random) -> Iterator[Pair]:
    for found in _STRING.finditer(chunk.content):
        message = found[1] or found[2]
        line = chunk.content[max(0, found.start() - 80) : found.start()]
        if message.count(" ") >= 3 and _FAULT.search(line):
            content = chunk.content
            if dice.random() < 0.6:
                content = content[: found.start()] + content[found.end() :]
            query = re.sub(r"%[-\w.]|\{[^}]*\}|\\[nt]|\$\w+", " ", message)
            if len(query.split()) >= 3 and len(content) >= 80:
                yield Pair("message", language, query, f"{path} {chunk.symbol or ''}\n{content}")
                return


def _neighbours(
    path: str, language: str, chunks: list[Chunk], about_file: str | None, dice: random.Random
) -> Iterator[Pair]:
    file = PurePosixPath(path)
    stem = phrase_of(file.stem)
    one, other = sorted(dice.sample(range(len(chunks)), 2))
    if about_file is not None:
        yield Pair(
            "file",
            language,
            first_sentence(about_file),
            _text(path, chunks[other], chunks[other].content.split("\n"), dice),
        )
    if len(stem.split()) >= 2 and dice.random() < 0.5:
        chunk = chunks[one]
        yield Pair("path", language, stem, f"{file.parent.as_posix()} {chunk.symbol or ''}\n{chunk.content}")
    if dice.random() < 0.3 and chunks[one].symbol and chunks[other].symbol:
        yield Pair(
            "neighbour", language, chunks[one].content[:600], f" {chunks[other].symbol}\n{chunks[other].content}"
        )


def _section_pair(path: str, chunk: Chunk, language: str) -> Pair | None:
    if not chunk.symbol:
        return None
    heading = chunk.symbol.split(" > ")[-1]
    lines = chunk.content.split("\n")
    body = [line for line in lines[1:] if heading not in line]
    if len(words(heading)) < 2 or len(heading) > 120 or sum(map(len, body)) < 120:
        return None
    return Pair("section", language, heading, f"{path} \n" + "\n".join(body))


if __name__ == "__main__":
    main()
