r"""Path filters as people write them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.globs import glob_regex, glob_words

ROOT = "/home/me/shop"
PATHS = [
    "README.md",
    "src/core/a.py",
    "src/core/b.ts",
    "src/core/c.tsx",
    "src/lib.rs",
    "app/[slug]/page.tsx",
    "app/[...all]/page.tsx",
    "app/(auth)/login.tsx",
    "app/s/page.tsx",
    "tests/core/a.py",
    "docs/a,b.md",
    "{{cookiecutter.name}}/setup.py",
    "packages/web/src/main.ts",
]


def found(glob: str, root: str | None = ROOT) -> list[str]:
    """What a glob leaves of PATHS."""
    paths = [path for path in PATHS if re.search(glob_regex(glob, root), path)]
    words = glob_words(glob, root)
    assert not words or all(any(word in path for word in words) for path in paths)
    return paths


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("*.{ts,tsx}", [path for path in PATHS if path.endswith((".ts", ".tsx"))]),
        ("src/**/*.{py,{ts,tsx}}", ["src/core/a.py", "src/core/b.ts", "src/core/c.tsx"]),
        ("{src,tests}/core/a.py", ["src/core/a.py", "tests/core/a.py"]),
        ("*.@(ts|rs)", ["src/core/b.ts", "src/lib.rs", "packages/web/src/main.ts"]),
        ("*.py,*.rs", ["src/core/a.py", "src/lib.rs", "tests/core/a.py", "{{cookiecutter.name}}/setup.py"]),
        ("*.rs | *.md", ["README.md", "src/lib.rs", "docs/a,b.md"]),
        ("docs/a,b.md", ["docs/a,b.md"]),
        ("app/[slug]/page.tsx", ["app/[slug]/page.tsx", "app/s/page.tsx"]),
        ("app/[slug]", ["app/[slug]/page.tsx", "app/s/page.tsx"]),
        ("app/[...all]/**", ["app/[...all]/page.tsx"]),
        ("app/(auth)/*", ["app/(auth)/login.tsx"]),
        ("{{cookiecutter.name}}/*.py", ["{{cookiecutter.name}}/setup.py"]),
        ("core", ["src/core/a.py", "src/core/b.ts", "src/core/c.tsx", "tests/core/a.py"]),
        ("src/core", ["src/core/a.py", "src/core/b.ts", "src/core/c.tsx"]),
        ("src/core/", ["src/core/a.py", "src/core/b.ts", "src/core/c.tsx"]),
        ("./src/core/", ["src/core/a.py", "src/core/b.ts", "src/core/c.tsx"]),
        ("src//core/../lib.rs", ["src/lib.rs"]),
        ("src", [path for path in PATHS if "src/" in path]),
        ("/src", [path for path in PATHS if path.startswith("src/")]),
        ("src/*", ["src/lib.rs"]),
        ("**.rs", ["src/lib.rs"]),
        ("**/src/**", [path for path in PATHS if "src/" in path]),
        (r"src\core\*.py", ["src/core/a.py"]),
        (r".\src\core", ["src/core/a.py", "src/core/b.ts", "src/core/c.tsx"]),
        (r"app/\[slug\]/*", ["app/[slug]/page.tsx"]),
        ("!*.py,src/**", ["src/core/b.ts", "src/core/c.tsx", "src/lib.rs"]),
        ("!app/**", [path for path in PATHS if not path.startswith("app/")]),
        ("src/core/[!a].*", ["src/core/b.ts", "src/core/c.tsx"]),
        ("src/core/[a-b].*", ["src/core/a.py", "src/core/b.ts"]),
        (".", PATHS),
        ("**", PATHS),
        ("**/", PATHS),
        ("**/**/**/core/**/**/*.ts", ["src/core/b.ts"]),
        ("*", PATHS),
        (f"{ROOT}/src/core/**", ["src/core/a.py", "src/core/b.ts", "src/core/c.tsx"]),
        (f"{ROOT}/src/core", ["src/core/a.py", "src/core/b.ts", "src/core/c.tsx"]),
        (ROOT, PATHS),
        (f"{ROOT}/", PATHS),
        ("/home/me", PATHS),
        ("/home/me/**/*.rs", ["src/lib.rs"]),
        ("/home/*/shop/src/*.rs", ["src/lib.rs"]),
        ("/home/me/{shop,store}/src/*.rs", ["src/lib.rs"]),
        ("/home/me/other/src/**", []),
        ("/home/me/sh", []),
        ("/home/me/*", PATHS),
    ],
)
def test_a_glob_means_what_its_writer_means(glob: str, expected: list[str]) -> None:
    assert found(glob) == expected


def test_the_home_of_the_user_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")

    assert found("~/shop/src/*.rs") == ["src/lib.rs"]


def test_folders_of_any_depth_one_after_the_other_are_one() -> None:
    assert glob_regex("**/" * 500 + "*.py") == glob_regex("**/*.py")


@pytest.mark.parametrize("glob", ["", "/", " ", "!", "!/", "//"])
def test_a_glob_that_names_nothing_is_refused(glob: str) -> None:
    with pytest.raises(ValueError, match="must name something"):
        glob_regex(glob)


@pytest.mark.parametrize(
    "glob", ["[z-a]", "src/[9-0]*", "[user-id]", "a[", "a]", "{", "}", "{a", "[!]", "[]]", "{" * 900]
)
def test_what_is_no_pattern_is_a_name(glob: str) -> None:
    assert re.search(glob_regex(glob), f"x/{glob}" if "/" not in glob else glob.replace("*", "x"))


@given(st.text(st.sampled_from("ab*?[]!-^\\/.{}()|+$,@ é"), max_size=30), st.sampled_from([None, ROOT, "/"]))
def test_every_glob_is_refused_or_an_expression(glob: str, root: str | None) -> None:
    if glob.strip(" ,|!/."):
        re.compile(glob_regex(glob, root))


@pytest.mark.parametrize(
    ("glob", "words"),
    [
        ("**/plugins/inventory/**", ["plugins/inventory"]),
        ("src/**/test_*", ["test_"]),
        ("*.py", [".py"]),
        ("/src", ["src"]),
        ("src/a*,!src/b", ["src/a"]),
        ("lib/{a,b}/main*", ["main"]),
        ("foo@(a|b)", ["foo"]),
        ("*.@(ts|rs)", ["."]),
        ("app/[slug]/x", ["app"]),
        ("**", []),
        ("*.py,**", []),
        ("!tests/**", []),
    ],
)
def test_of_a_glob_the_longest_words_are_what_its_paths_have(glob: str, words: list[str]) -> None:
    assert glob_words(glob) == words


@given(
    st.text(st.sampled_from("aab**?[]{}()/.@+,\\-"), min_size=1, max_size=12),
    st.text(st.sampled_from("aab/.[]{}@+,-"), min_size=1, max_size=8),
)
def test_each_path_that_a_glob_matches_has_one_of_its_words(glob: str, path: str) -> None:
    if not glob.strip(" ,|!/."):
        return
    words = glob_words(glob)
    for one in (path, re.sub(r"[*?]+", path, glob), *PATHS):
        if words and re.search(glob_regex(glob), one):
            assert any(word in one for word in words)


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="*?/\\!,|~"), min_size=1), min_size=1
    )
)
def test_the_path_of_a_file_finds_that_file(components: list[str]) -> None:
    names = [name.strip() or "x" for name in components]
    path = "/".join(name for name in names if name not in (".", "..")) or "x"

    assert re.search(glob_regex(path), path)
    assert re.search(glob_regex(f"{ROOT}/{path}", ROOT), path)
