"""The questions whose answers are pieces: their form, their targets in the sources where these are there, and the rule
by which a piece is right."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest

from benchmarks.annotations import annotated_repositories
from benchmarks.fetch_sources import parse_package, read_repos
from benchmarks.pieces import Definition, Lines, PieceQuestion, Shown, answers, read_questions, read_trees, score

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
QUESTIONS = BENCHMARKS / "questions" / "trees"
SOURCES = BENCHMARKS / ".cache" / "trees"
SETS = sorted(folder.name for folder in QUESTIONS.iterdir() if folder.is_dir())


def every_entry() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in SETS:
        for file in sorted((QUESTIONS / name / "annotations").glob("*.json")):
            for entry in json.loads(file.read_text()):
                yield f"{name}/{file.stem}", entry


@pytest.mark.parametrize("name", SETS)
def test_every_tree_is_pinned_whole_and_has_questions(name: str) -> None:
    repos = read_repos(QUESTIONS / name / "repos.json")
    names = [repo["name"] for repo in repos]

    assert len(names) == len(set(names))
    assert sorted(names) == sorted(file.stem for file in (QUESTIONS / name / "annotations").glob("*.json"))
    for repo in repos:
        assert repo["benchmark_root"] == "", repo
        assert parse_package(repo["package"]).version


def test_no_tree_is_in_two_sets_nor_in_the_questions_about_source_folders() -> None:
    listed = [QUESTIONS / name / "repos.json" for name in SETS] + [BENCHMARKS / "questions" / "repos.json"]
    packages = Counter(parse_package(repo["package"]).name for file in listed for repo in read_repos(file))

    assert [name for name, times in packages.items() if times > 1] == []


def test_every_piece_question_is_one_line_with_definitions_inside_the_tree() -> None:
    for where, entry in every_entry():
        assert entry.keys() == {"query", "relevant", "category"}, (where, entry)
        assert entry["category"] == "natural", (where, entry)
        assert entry["query"] == " ".join(entry["query"].split()) != "", (where, entry)
        assert " " in entry["query"], (where, entry)
        assert entry["relevant"], (where, entry)
        for target in entry["relevant"]:
            assert target.keys() == {"path", "symbol", "start_line", "end_line"}, (where, entry)
            assert 1 <= target["start_line"] <= target["end_line"], (where, entry)
            assert not target["path"].startswith("/"), (where, entry)
            assert ".." not in target["path"].split("/"), (where, entry)


def test_no_piece_question_is_asked_twice_of_a_tree_and_no_answer_given_twice() -> None:
    asked = Counter((where, entry["query"].casefold()) for where, entry in every_entry())
    assert [question for question, times in asked.items() if times > 1] == []
    for where, entry in every_entry():
        given = [json.dumps(target, sort_keys=True) for target in entry["relevant"]]
        assert len(given) == len(set(given)), (where, entry)


def test_every_piece_question_can_be_missed_by_a_look_up_of_its_answers_name() -> None:
    for where, entry in every_entry():
        asked = set(re.findall(r"\w+", entry["query"]))
        for target in entry["relevant"]:
            name = re.split(r"[.:#]+", target["symbol"])[-1]
            # `trim` and `encode` are words as well as names; what only code writes would be a look-up.
            if not re.fullmatch(r"[A-Z]?[a-z]+", name):
                assert name not in asked, (where, entry)


@pytest.mark.parametrize("name", SETS)
def test_every_definition_begins_with_its_symbol_where_the_source_is_there(name: str) -> None:
    trees = [tree for tree in read_trees(QUESTIONS / name, SOURCES / name) if tree.root.is_dir()]
    if not trees:
        pytest.skip(f"the sources of the set {name} are not fetched")
    for tree in trees:
        for question in tree.questions:
            for target in question.relevant:
                file = tree.root / target.path
                assert file.is_file(), (tree.name, target)
                lines = file.read_text(errors="replace").split("\n")
                assert target.end_line <= len(lines), (tree.name, target)
                body = lines[target.start_line - 1 : target.end_line]
                assert body[0].strip(), (tree.name, target)
                assert body[-1].strip(), (tree.name, target)
                # Decorators, annotations and a return type on its own line may come before the name.
                assert re.split(r"[.:#]+", target.symbol)[-1] in "\n".join(body[:6]), (tree.name, target)


FUNCTION = Definition("src/a.py", "encode", 11, 30)
QUESTION = PieceQuestion("how are values written", "natural", (FUNCTION, Definition("src/b.py", "dump", 1, 8)))


@pytest.mark.parametrize(
    ("start", "end", "right"),
    [
        (11, 30, True),  # the function
        (21, 40, True),  # half of it
        (22, 41, False),  # less than half of it, and of the piece less than half is inside
        (1, 100, True),  # all of it and much else
        (25, 30, True),  # a part of it, all inside
        (27, 34, True),  # half of the piece is inside
        (28, 34, False),  # three of seven lines
        (31, 60, False),  # what follows
        (1, 10, False),
    ],
)
def test_a_piece_is_right_if_half_of_the_target_is_in_it_or_half_of_it_in_the_target(
    start: int, end: int, right: bool
) -> None:
    assert answers(Lines("src/a.py", start, end), FUNCTION) is right
    assert not answers(Lines("test/a.py", start, end), FUNCTION)


def hit(path: str, *text: tuple[int, int], named: tuple[tuple[int, int], ...] = ()) -> Shown:
    return Shown(path, tuple(Lines(path, *one) for one in text), tuple(Lines(path, *one) for one in named))


def test_a_right_first_piece_scores_everywhere() -> None:
    figures = score(QUESTION, [hit("src/a.py", (11, 30)), hit("src/c.py", (1, 9))])

    assert (figures.piece_first, figures.hit_first, figures.piece_near, figures.named_near) == (1, 1, 1, 1)
    assert (figures.file_first, figures.file_near, figures.ndcg) == (1, 1, 1)
    assert (figures.pieces, figures.lines) == (1, 20)


def test_any_of_the_alternatives_is_a_whole_answer() -> None:
    figures = score(QUESTION, [hit("src/b.py", (1, 8))])

    assert (figures.piece_first, figures.ndcg) == (1, 1)


def test_the_second_piece_of_a_hit_counts_only_where_it_is_shown_as_text() -> None:
    shown = score(QUESTION, [hit("src/a.py", (50, 60), (11, 30))])
    named = score(QUESTION, [hit("src/a.py", (50, 60), named=((11, 30),))])

    assert (shown.piece_first, shown.hit_first, shown.piece_near) == (0, 1, 1)
    assert shown.ndcg == pytest.approx(0.631, abs=0.001)
    assert (shown.pieces, shown.lines) == (2, 31)
    assert (named.piece_first, named.hit_first, named.piece_near, named.named_near) == (0, 0, 0, 1)
    assert named.ndcg == 0


def test_the_sixth_hit_is_no_longer_near_but_counts_for_ndcg() -> None:
    others = [hit(f"src/{name}.py", (1, 9)) for name in "cdefg"]

    figures = score(QUESTION, [*others, hit("src/a.py", (11, 30))])

    assert (figures.piece_near, figures.named_near, figures.file_near) == (0, 0, 0)
    assert figures.ndcg == pytest.approx(0.356, abs=0.001)


def test_no_hits_score_nothing() -> None:
    assert set(astuple(score(QUESTION, []))) == {0}


def test_questions_are_read_with_all_their_alternatives(tmp_path: Path) -> None:
    target = {"path": "a.go", "symbol": "T.m", "start_line": 3, "end_line": 9}
    (tmp_path / "t.json").write_text(
        json.dumps([{"query": "what is it", "relevant": [target, target], "category": "natural"}])
    )

    (question,) = read_questions(tmp_path / "t.json")

    assert question.relevant == (Definition("a.go", "T.m", 3, 9),) * 2


def test_questions_about_trees_are_scored_by_file_too_where_one_of_the_alternatives_is_enough(tmp_path: Path) -> None:
    targets = [
        {"path": path, "symbol": "run", "start_line": 3, "end_line": 9} for path in ("ios/a.swift", "android/a.kt")
    ]
    (tmp_path / "annotations").mkdir()
    (tmp_path / "repos.json").write_text(json.dumps([{"name": "t", "language": "kotlin", "benchmark_root": ""}]))
    (tmp_path / "annotations" / "t.json").write_text(
        json.dumps([{"query": "what runs", "relevant": targets, "category": "natural"}])
    )
    for target in targets:
        file = tmp_path / "sources" / "t" / str(target["path"])
        file.parent.mkdir(parents=True)
        file.touch()

    (repository,) = annotated_repositories(tmp_path / "annotations", tmp_path / "sources")
    (question,) = repository.questions

    assert question.ndcg([Lines("android/a.kt", 5, 6)], prefix="", mode="chunk") == 1
    assert question.ndcg([Lines("android/a.kt", 50, 60)], prefix="", mode="chunk") == 0
    assert question.ndcg([Lines("android/a.kt", 50, 60)], prefix="", mode="file") == 1
