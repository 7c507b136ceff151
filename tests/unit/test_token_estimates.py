"""The estimate of tokens, beside a real tokenizer."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from pgdex.jobs.mcp.tokens import estimated_tokens

ROOT = Path(__file__).resolve().parents[2]
MOST_OFF = 0.15
PIECE = 4_000
"""Characters: about what an answer holds."""
KINDS = {
    "Python": ["jobs/mcp/server.py", "indexer/search/ranking.py", "tests/unit/test_given_arguments.py"],
    "SQL": ["sql/functions/admit_jobs.sql", "sql/functions/guard_job.sql"],
    "prose": ["docs/architecture.md", "README.md"],
    "TOML": ["pyproject.toml"],
    "shell": ["Makefile"],
}


@cache
def encode() -> Callable[[str], list[int]]:
    """The tokenizer of o200k_base. Its import reads three vocabularies: half a second, not while tests are found."""
    import bpe_openai

    tokenizer: Callable[[str], list[int]] = bpe_openai.get_encoding("o200k_base").encode
    return tokenizer


def off(text: str) -> float:
    """By how much the estimate is off, as a share of the truth."""
    truth = len(encode()(text))
    return (estimated_tokens(text) - truth) / truth


def pieces_of(file: str) -> list[str]:
    text = (ROOT / file).read_text("utf-8")
    return [text[at : at + PIECE] for at in range(0, min(len(text), 6 * PIECE), PIECE) if len(text) - at > PIECE / 2]


@pytest.mark.parametrize("kind", KINDS)
def test_an_estimate_of_code_or_prose_is_within_15_percent_of_the_tokens(kind: str) -> None:
    pieces = [piece for file in KINDS[kind] for piece in pieces_of(file)]

    assert pieces
    errors = {piece[:40]: off(piece) for piece in pieces}
    assert all(abs(error) <= MOST_OFF for error in errors.values()), errors


@pytest.mark.parametrize(
    "text",
    [
        "Die Funktion aktualisiert den Index im Hintergrund und liefert die Stellen, die am besten dazu passen. ",
        "La fonction met à jour l'index en arrière-plan et renvoie les résultats les plus proches de la requête. ",
        "Эта функция обновляет индекс в фоновом режиме и возвращает файлы, которые отвечают на запрос. ",
        "这个函数在后台更新索引，并返回与查询最匹配的代码片段。如果文件已更改，请重新读取。",
        "この関数はバックグラウンドでインデックスを更新し、検索結果を返します。",
    ],
    ids=["German", "French", "Russian", "Chinese", "Japanese"],
)
def test_comments_in_other_languages_are_estimated_as_well(text: str) -> None:
    assert abs(off(text * 20)) <= MOST_OFF


def test_code_within_json_is_estimated_as_well() -> None:
    hits = [{"path": file, "start_line": 1, "code": piece} for file in KINDS["Python"] for piece in pieces_of(file)]

    assert abs(off(json.dumps({"hits": hits}, separators=(",", ":")))) <= MOST_OFF


def test_nothing_is_no_token_and_whatever_else_is_some() -> None:
    assert estimated_tokens("") == 0
    assert all(estimated_tokens(text) >= 1 for text in ("x", " ", "\n", "\x00", "é", "🙂", "_", "\ud800", "١"))
