"""The form of the search questions and of the list of repositories that they are asked over."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from benchmarks.fetch_sources import parse_package

QUESTIONS = Path(__file__).parents[2] / "benchmarks" / "questions"
ANNOTATED = ("semantic", "architecture", "symbol")
KINDS = ("path", "error", "fragment", "partial")


def repositories() -> list[dict[str, str]]:
    listed: list[dict[str, str]] = json.loads((QUESTIONS / "repos.json").read_text())
    return listed


def questions(folder: str) -> dict[str, list[dict[str, Any]]]:
    return {path.stem: json.loads(path.read_text()) for path in sorted((QUESTIONS / folder).glob("*.json"))}


def every_question() -> Iterator[tuple[str, dict[str, Any]]]:
    for folder in ("annotations", "kinds"):
        for name, entries in questions(folder).items():
            yield from ((name, entry) for entry in entries)


def targets(entry: dict[str, Any]) -> list[str | dict[str, Any]]:
    return [*entry["relevant"], *entry["secondary"]]


def test_every_repository_has_questions_and_the_questions_a_repository() -> None:
    names = [repository["name"] for repository in repositories()]
    assert len(names) == len(set(names))
    assert sorted(names) == sorted(questions("annotations"))
    assert set(questions("kinds")) <= set(names)


def test_the_set_covers_many_languages() -> None:
    assert len({repository["language"] for repository in repositories()}) >= 13


def test_every_package_is_named_with_its_exact_version() -> None:
    for repository in repositories():
        assert {"name", "language", "benchmark_root", "package"} <= repository.keys(), repository
        assert parse_package(repository["package"]).version


@pytest.mark.parametrize(
    "package", ["flask", "PyPI sdist flask>=3", "npm axios", "Debian source jsoup", "gem rake=13.0"]
)
def test_a_package_without_a_registry_or_an_exact_version_is_refused_and_quoted(package: str) -> None:
    with pytest.raises(ValueError, match=package):
        parse_package(package)


def test_every_question_is_one_line_of_a_known_category() -> None:
    for folder, categories in (("annotations", ANNOTATED), ("kinds", KINDS)):
        for name, entries in questions(folder).items():
            for entry in entries:
                assert entry.keys() == {"query", "relevant", "secondary", "category"}, (name, entry)
                assert entry["category"] in categories, (name, entry)
                assert entry["query"] == entry["query"].strip() != "", (name, entry)
                assert "\n" not in entry["query"], (name, entry)


def test_no_question_is_asked_twice_of_a_repository() -> None:
    asked = Counter((name, entry["query"].casefold()) for name, entry in every_question())
    assert [question for question, times in asked.items() if times > 1] == []


def test_every_question_has_answers_inside_the_indexed_folder() -> None:
    roots = {repository["name"]: PurePosixPath(repository["benchmark_root"]) for repository in repositories()}
    for name, entry in every_question():
        assert entry["relevant"], (name, entry)
        for target in targets(entry):
            path = PurePosixPath(target if isinstance(target, str) else target["path"])
            assert path.is_relative_to(roots[name]), (name, entry)
            assert not path.is_absolute(), (name, entry)
            assert ".." not in path.parts, (name, entry)


def test_no_answer_is_given_twice() -> None:
    for name, entry in every_question():
        given = [json.dumps(target, sort_keys=True) for target in targets(entry)]
        assert len(given) == len(set(given)), (name, entry)


def test_a_symbol_is_one_word_and_is_answered_with_lines() -> None:
    for name, entry in every_question():
        if entry["category"] == "symbol":
            assert " " not in entry["query"], (name, entry)
            for target in targets(entry):
                assert isinstance(target, dict), (name, entry)
                assert target.keys() == {"path", "start_line", "end_line"}, (name, entry)
                assert 1 <= target["start_line"] <= target["end_line"], (name, entry)
        else:
            assert all(isinstance(target, str) for target in targets(entry)), (name, entry)


def test_the_categories_are_balanced_in_every_repository() -> None:
    for name, entries in questions("annotations").items():
        shares = {category: count / len(entries) for category, count in Counter(e["category"] for e in entries).items()}
        assert len(entries) >= 12, name
        assert 0.45 <= shares["semantic"] <= 0.7, (name, shares)
        assert 0.15 <= shares["architecture"] <= 0.3, (name, shares)
        assert 0.15 <= shares["symbol"] <= 0.25, (name, shares)


def test_each_kind_of_question_is_asked_of_several_repositories() -> None:
    asked = Counter(entry["category"] for entries in questions("kinds").values() for entry in entries)
    assert set(asked) == set(KINDS)
    assert min(asked.values()) >= 5, asked
