"""The indexer is a library: which tables its SQL may name, and what it may import."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

INDEXER = Path(__file__).resolve().parents[2] / "indexer"
MODULES = sorted(INDEXER.rglob("*.py"))
# `workers` is an English word too: the table follows a word of SQL, or its schema.
QUEUE_TABLES = re.compile(
    r"\b(indexing_jobs|job_batches|job_events|job_status|worker_status|procrastinate_\w+)\b"
    r"|(\b(from|join|into|update|table)\s+|\bpgdex\.)workers\b",
    re.IGNORECASE,
)


def texts_in(tree: ast.AST) -> Iterator[str]:
    """Every string of a module but its docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def imports_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def named_tables(source: str) -> list[str]:
    return [found[0] for text in texts_in(ast.parse(source)) for found in QUEUE_TABLES.finditer(text)]


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("x = 'select status from pgdex.indexing_jobs'", ["indexing_jobs"]),
        ("x = f'select {a} from job_batches'", ["job_batches"]),
        ("x = 'select 1 ' 'from workers w'", ["from workers"]),
        ("run('delete from procrastinate_jobs')", ["procrastinate_jobs"]),
        ("'''Reads indexing_jobs.'''\nx = '2 workers ended', 'select path from pgdex.files'", []),
    ],
)
def test_the_search_for_queue_tables_finds_them_in_statements_and_not_in_prose(source: str, named: list[str]) -> None:
    assert named_tables(source) == named


def test_no_statement_of_the_indexer_names_a_table_of_the_queue() -> None:
    assert len(MODULES) > 50
    found = {path.relative_to(INDEXER).as_posix(): named_tables(path.read_text("utf-8")) for path in MODULES}
    assert {path: tables for path, tables in found.items() if tables} == {}


def test_the_pipeline_has_no_database_and_no_queue() -> None:
    for name in ("pipeline.py", "chunked_files.py", "stopwatch.py"):
        imported = set(imports_in(ast.parse((INDEXER / name).read_text("utf-8"))))
        assert not {name for name in imported if name.startswith(("psycopg", "procrastinate", "pgdex.jobs"))}, name
