"""Files that say the same as others, told from their paths."""

import pytest

from pgdex.indexer.search.candidates import Candidate, Defines, RankedFile
from pgdex.indexer.search.copies import lower_headers, lower_older_versions, without_built_files


def file(
    path: str, score: float, *, number: int = 0, repository: int = 1, defines: bool = False, kind: str = ""
) -> RankedFile:
    defined = Defines.EXACTLY if defines else Defines.NOTHING
    chunk = Candidate((repository, number, 0), path=path, kind=kind, defines=defined)
    return RankedFile(score, [chunk])


def files(*paths: str) -> list[RankedFile]:
    """Files with falling scores."""
    return [file(path, 10.0 - number, number=number) for number, path in enumerate(paths)]


@pytest.mark.parametrize(
    ("built", "source"),
    [
        ("lib/browser/file-service.js", "src/browser/file-service.ts"),
        ("dist/index.min.js", "src/index.js"),
        ("static/app.mjs", "static/app.js"),
        ("priv/static/live.cjs.js", "priv/static/live.js"),
        ("lib/a.d.ts", "src/a.ts"),
        ("app.js", "app.coffee"),
        ("css/site.css", "css/site.scss"),
        ("packages/core/dist/index.esm.js", "packages/core/src/index.tsx"),
    ],
)
def test_a_source_stands_for_what_was_built_from_it_at_the_better_rank(built: str, source: str) -> None:
    (kept,) = without_built_files(files(built, source))
    assert (kept.path, kept.built, kept.score) == (source, [built], 10.0)
    (kept,) = without_built_files(files(source, built))
    assert (kept.path, kept.built, kept.score) == (source, [built], 10.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lib/index.js", "src/index.js"),  # may be two programs
        ("src/a.ts", "src/b.ts"),
        ("packages/core/src/index.ts", "packages/extra/dist/index.js"),
        ("src/a.py", "build/a.py"),
        ("src/site.css", "src/site.js"),
        ("src/store.test.ts", "src/store.ts"),
    ],
)
def test_files_of_different_origin_stay_apart(one: str, other: str) -> None:
    assert len(without_built_files(files(one, other))) == 2


def test_a_built_file_that_alone_defines_what_is_asked_for_stays() -> None:
    built, source = file("lib/a.js", 9.0, defines=True), file("src/a.ts", 1.0, number=1)
    assert len(without_built_files([built, source])) == 2


def test_built_files_of_another_repository_stay() -> None:
    source, built = file("src/a.ts", 1.0), file("lib/a.js", 2.0, repository=2)
    assert without_built_files([source, built]) == [source, built] or len(without_built_files([source, built])) == 2


def test_an_older_version_of_a_file_ranks_lower_unless_it_is_asked_for() -> None:
    def scores(*asked: str) -> list[float]:
        found = files("api/v1/user.go", "api/v2/user.go", "api/v1/only.go")
        lower_older_versions(found, frozenset(asked))
        return [one.score for one in found]

    assert scores() == pytest.approx([7.0, 9.0, 8.0])
    assert scores("v1") == pytest.approx([10.0, 9.0, 8.0])


def test_a_version_beside_a_file_of_no_version_is_an_older_one() -> None:
    found = files("src/v1/codec.py", "src/codec.py")
    lower_older_versions(found, frozenset())
    assert [one.score for one in found] == pytest.approx([7.0, 9.0])


def test_a_header_ranks_lower_beside_its_implementation_only() -> None:
    found = files("include/panel.h", "src/panel.c", "include/lonely.h")
    lower_headers(found, always=True)
    assert [one.score for one in found] == pytest.approx([7.0, 9.0, 8.0])
    lower_headers(found, always=False)
    assert found[0].score == pytest.approx(7.0)


def test_a_header_that_defines_what_is_asked_for_keeps_its_rank() -> None:
    found = [file("panel.h", 10.0, defines=True), file("panel.cc", 9.0)]
    lower_headers(found, always=True)
    assert found[0].score == 10.0


def test_a_prototype_in_a_header_ranks_lower_than_the_function_that_it_declares() -> None:
    found = [file("http.h", 10.0, defines=True), file("http.c++", 9.0, defines=True)]
    lower_headers(found, always=False)
    assert [one.score for one in found] == pytest.approx([7.0, 9.0])


def test_a_class_in_a_header_is_no_prototype_of_the_constructor_that_implements_it() -> None:
    def header_score(kind: str, implemented: str, *, always: bool = False) -> float:
        found = [file("cart.h", 10.0, defines=True, kind=kind), file("cart.cc", 9.0, defines=True, kind=implemented)]
        lower_headers(found, always=always)
        return found[0].score

    assert header_score("class", "function") == 10.0
    assert header_score("struct", "namespace") == 10.0
    assert header_score("function", "function") == pytest.approx(7.0)
    assert header_score("class", "class") == pytest.approx(7.0)
    # A question about what the class does is answered where it does it.
    assert header_score("class", "function", always=True) == pytest.approx(7.0)
