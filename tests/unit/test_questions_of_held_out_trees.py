"""The form of the questions about pieces that are set aside, and their answers in the sources where those are here."""

import json
import re
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from benchmarks.fetch_sources import parse_package, read_repos

ROOT = Path(__file__).parents[2]
HELD_OUT = ROOT / "benchmarks" / "questions" / "trees" / "held-out"
SOURCES = ROOT / "benchmarks" / ".cache" / "trees" / "held-out"
ANNOTATIONS = sorted((HELD_OUT / "annotations").glob("*.json"))


@cache
def repositories() -> dict[str, dict[str, str]]:
    return {repository["name"]: repository for repository in read_repos(HELD_OUT / "repos.json")}


def questions(path: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(path.read_text())
    return entries


def last_part(symbol: str) -> str:
    return re.split(r"::|[.#\\]", symbol)[-1]


def test_every_tree_has_questions_and_the_questions_a_tree() -> None:
    assert sorted(repositories()) == [path.stem for path in ANNOTATIONS]


def test_the_trees_are_whole_in_ten_languages_and_pinned() -> None:
    trees = list(repositories().values())
    assert len({tree["language"] for tree in trees}) == len(trees) == 10
    for tree in trees:
        assert tree["benchmark_root"] == "", tree
        assert parse_package(tree["package"]).version


def test_no_tree_is_among_those_that_rules_may_be_tried_on() -> None:
    others = read_repos(ROOT / "benchmarks" / "questions" / "repos.json")
    packages = {parse_package(other["package"]).name for other in others}
    for tree in repositories().values():
        assert parse_package(tree["package"]).name not in packages, tree


@pytest.mark.parametrize("path", ANNOTATIONS, ids=lambda path: path.stem)
def test_a_tree_has_at_least_sixteen_different_natural_questions_each_with_an_answer(path: Path) -> None:
    entries = questions(path)
    assert len({entry["query"] for entry in entries}) == len(entries) >= 16
    for entry in entries:
        assert entry.keys() == {"query", "relevant", "category"}, entry
        assert entry["category"] == "natural", entry
        assert entry["query"] == entry["query"].strip() != "", entry
        assert entry["relevant"], entry


@pytest.mark.parametrize("path", ANNOTATIONS, ids=lambda path: path.stem)
def test_an_answer_is_a_symbol_in_lines_of_a_file_below_the_tree(path: Path) -> None:
    for entry in questions(path):
        places = []
        for target in entry["relevant"]:
            assert target.keys() == {"path", "symbol", "start_line", "end_line"}, entry
            parts = PurePosixPath(target["path"])
            assert not parts.is_absolute(), entry
            assert ".." not in parts.parts, entry
            assert last_part(target["symbol"]), entry
            assert 1 <= target["start_line"] <= target["end_line"], entry
            places.append((target["path"], target["start_line"]))
        assert len(set(places)) == len(places), entry


@pytest.mark.parametrize("path", ANNOTATIONS, ids=lambda path: path.stem)
def test_the_lines_of_an_answer_are_in_the_pinned_source_and_name_its_symbol(path: Path) -> None:
    tree = SOURCES / path.stem
    if not tree.is_dir():
        pytest.skip("the held-out sources are not fetched")
    for entry in questions(path):
        for target in entry["relevant"]:
            lines = (tree / target["path"]).read_text(errors="replace").split("\n")
            assert target["end_line"] <= len(lines), target
            piece = "\n".join(lines[target["start_line"] - 1 : target["end_line"]])
            assert last_part(target["symbol"]) in piece, target
