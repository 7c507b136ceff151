"""The benchmark of definitions: what it takes from ctags, what it leaves out, and which lines are right."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.definition_chunks import known_names
from benchmarks.definition_exclusions import exclusion_of
from benchmarks.definition_languages import LANGUAGES
from benchmarks.definition_names import Definition, Known, Names, sort_out, without_skipped
from benchmarks.definition_search import judged, sampled
from benchmarks.definition_tags import Tag, read_tags, source_files
from benchmarks.definitions import share
from benchmarks.fetch_sources import parse_package, read_repos
from pgdex.indexer.chunking import chunk_file
from pgdex.indexer.languages import language_named

REPOS = Path("benchmarks/questions/definitions.json")


def reason(language: str, line: str, name: str, kind: str, **more: Any) -> str | None:
    """Why a tag on the only line of a file does not count."""
    found = exclusion_of(language, Tag(name, more.pop("path", "a/b"), 1, kind, **more), [line])
    return None if found is None else found.reason


def hit(path: str, start_line: int, end_line: int, content: str = "") -> Any:
    """What is looked at of a search hit."""
    return SimpleNamespace(
        path=path, start_line=start_line, end_line=end_line, kind="function", symbol=None, content=content
    )


def test_every_language_has_three_pinned_projects() -> None:
    repos = read_repos(REPOS)

    assert {language: sum(one["language"] == language for one in repos) for language in LANGUAGES} == dict.fromkeys(
        LANGUAGES, 3
    )
    assert len({one["name"] for one in repos}) == len(repos)
    assert all(parse_package(one["package"]) for one in repos)


def test_tags_are_read_and_remarks_of_ctags_are_not() -> None:
    lines = [
        '{"_type": "ptag", "name": "JSON_OUTPUT_VERSION", "path": "0.0", "pattern": "in development"}',
        '{"_type": "tag", "name": "Node", "path": "a.h", "line": 7, "kind": "typedef", "typeref": "struct:__anon1"}',
        '{"_type": "tag", "name": "go", "path": "a.py", "line": 3, "kind": "member",'
        ' "scope": "A", "scopeKind": "class"}',
        '{"_type": "tag", "name": "", "path": "a.js", "line": 3, "kind": "function"}',
    ]

    assert list(read_tags(lines)) == [
        Tag("Node", "a.h", 7, "typedef", typeref="struct:__anon1"),
        Tag("go", "a.py", 3, "member", scope="A", scope_kind="class"),
    ]


def test_a_file_without_a_suffix_is_a_script_where_its_first_line_says_so(tmp_path: Path) -> None:
    for name, text in {
        "run": "#!/usr/bin/env bash\n",
        "tar": "# bash completion for GNU tar   -*- shell-script -*-\n",
        "tool": "#!/usr/bin/python3\n",
        "CHANGES": "1.0\n",
        "lib.sh": "",
    }.items():
        (tmp_path / name).write_text(text)

    assert source_files(tmp_path, LANGUAGES["bash"]) == ["lib.sh", "run", "tar"]


@pytest.mark.parametrize(
    ("language", "line", "name", "kind"),
    [
        ("python", "def parse(text):", "parse", "function"),
        ("python", "LIMIT = 3", "LIMIT", "variable"),
        ("javascript", "module.exports = function adapter() {", "adapter", "function"),
        ("javascript", "    ORDER() {", "ORDER", "method"),
        ("javascript", "export const plugins = {", "plugins", "class"),
        ("javascript", "    const onEnd = async (error) => {", "onEnd", "function"),
        ("typescript", "export type Pair<T> = [T, T]", "Pair", "alias"),
        ("rust", "    pub fn new() -> Self {", "new", "method"),
        ("rust", "static LIMIT: u8 = 1;", "LIMIT", "variable"),
        ("java", "    public static final int LIMIT = 1;", "LIMIT", "field"),
        ("c", "#define MAX(a, b) a", "MAX", "macro"),
        ("c", "static const struct entry table[] = {", "table", "variable"),
        ("csharp", "    public static new bool Equals(object a) {", "Equals", "method"),
        ("csharp", "class Rows<T> where T : class {", "Rows", "class"),
        ("ruby", "  def code=(c)", "code=", "method"),
        ("kotlin", "    const val TAG = 1", "TAG", "constant"),
        ("elixir", "  @callback init(term) :: :ok", "init", "callback"),
        ("lua", "  get_all = function(self, key)", "get_all", "function"),
        ("lua", "function sender:onincoming(data)", "sender:onincoming", "function"),
        ("bash", "_tar()", "_tar", "function"),
    ],
)
def test_what_people_look_up_counts(language: str, line: str, name: str, kind: str) -> None:
    assert kind in LANGUAGES[language].kinds
    assert reason(language, line, name, kind) is None


@pytest.mark.parametrize(
    ("language", "line", "name", "kind", "why"),
    [
        ("python", "debug, info = log.debug, log.info", "INFO", "variable", "not on the line"),
        ("javascript", "const fs = require('fs')", "fs", "constant", "an import"),
        ("javascript", "  const parts = []", "parts", "constant", "a local constant"),
        ("javascript", "return Query.prototype.readField;", "readField", "method", "a use"),
        ("javascript", "  list.map(function map(one) {", "map", "function", "a callback"),
        ("typescript", "import { a, type Slice } from 'b'", "Slice", "alias", "an import"),
        ("typescript", "for (let i = 0; i < 3; ++i) {", "for", "method", "a statement"),
        ("rust", "pub mod widgets;", "widgets", "module", "in another file"),
        ("rust", "F: Fn(&'static str),", "str", "variable", "a lifetime"),
        ("java", "    private int count;", "count", "field", "no constant"),
        ("c", "INIT_FUNC(mod_access_init) {", "INIT_FUNC", "function", "a macro that is called"),
        ("c", "#define HEADER_ONCE", "HEADER_ONCE", "macro", "without a value"),
        ("cpp", "Maybe& operator=(Maybe&& other) {", "operator =", "function", "an operator"),
        ("csharp", "class Rows<T> where T : class {", "T", "class", "a constraint"),
        ("csharp", "    stack.Push(t);", "stack.Push", "method", "a call"),
        ("ruby", "  def self.popen(command)", "self", "singletonMethod", "`self`"),
        ("ruby", "  def [](key)", "[]", "method", "an index"),
        ("kotlin", "    val bitmap = load()", "bitmap", "constant", "no `const val`"),
        ("lua", "local ok, result = pcall(function()", "result", "function", "a value"),
        ("bash", "declare -a paths=()", "paths=", "function", "an array"),
    ],
)  # fmt: skip
def test_what_ctags_has_wrong_or_nobody_looks_up_has_a_reason(
    language: str, line: str, name: str, kind: str, why: str
) -> None:
    assert why in (reason(language, line, name, kind) or "it counts")


def test_built_files_and_functions_in_functions_do_not_count() -> None:
    assert reason("go", "func Run() {", "Run", "func", path="vendor/x/run.go") == "in a built or vendored file"
    assert "inside a function" in (reason("python", "    def inner():", "inner", "function", scope_kind="member") or "")
    assert reason("javascript", "  function inner() {", "inner", "function", scope_kind="function") is None


def test_code_in_a_documentation_is_no_definition() -> None:
    lines = ['  @doc """', "      def example(x), do: x", '  """', "  def real(x), do: x"]

    assert exclusion_of("elixir", Tag("example", "a.ex", 2, "function"), lines) is not None
    assert exclusion_of("elixir", Tag("real", "a.ex", 4, "function"), lines) is None


def test_a_typedef_is_where_its_struct_begins_too() -> None:
    lines = ["typedef struct {", "    int a;", "} node;"]
    tags = [Tag("__anon1", "a.h", 1, "struct"), Tag("node", "a.h", 3, "typedef", typeref="struct:__anon1")]

    names = sort_out(tags, LANGUAGES["c"], lambda _: lines)

    assert names.definitions == [Definition("node", "a.h", "typedef", (1, 3))]
    assert names.left_out == {"anonymous": 1}
    assert names.definitions[0].is_met_by("a.h", 1, 2)
    assert not names.definitions[0].is_met_by("b.h", 1, 3)


def test_an_elixir_function_counts_once_whatever_its_clauses() -> None:
    tags = [Tag("size", "a.ex", line, "function", "A", "module") for line in (1, 2)]
    lines = ["def size([]), do: 0", "def size([_ | rest]), do: 1 + size(rest)"]

    assert [one.lines for one in sort_out(tags, LANGUAGES["elixir"], lambda _: lines).definitions] == [(1,)]


def test_a_name_is_known_only_where_the_chunk_with_its_line_defines_it() -> None:
    text = "def first():\n    return second()\n" + "    third(4)\n" * 400 + "\n\ndef second():\n    pass\n"
    chunks = chunk_file(text, language_named("python"))
    line = text.split("\n").index("def second():") + 1

    assert known_names(chunks, [("first", [1]), ("second", [2]), ("second", [2, line]), ("third", [line])]) == [
        True,
        False,
        True,
        False,
    ]


def test_of_several_definitions_any_may_come_first_and_only_its_lines_are_right() -> None:
    one, other = Definition("run", "a.py", "function", (10,)), Definition("run", "b.py", "member", (30,))

    def right(places: list[Definition], found: Any) -> tuple[bool, bool]:
        answer = judged(one, places, found, language="python")
        return answer.file, answer.lines

    assert right([one, other], hit("b.py", 25, 31)) == (True, True)
    assert right([one, other], hit("b.py", 1, 9)) == (True, False)
    assert right([one], hit("b.py", 25, 31)) == (False, False)
    assert right([one], None) == (False, False)


def test_a_method_that_ctags_has_not_seen_is_right_too_in_javascript_and_a_call_is_not() -> None:
    one = Definition("select", "Types.ts", "method", (3,))
    method = hit("Terminal.ts", 1, 3, "  public select(column: number): void {\n    this.x.select(column);\n  }")
    call = hit("Terminal.ts", 1, 3, "  go() {\n    this.x.select(1);\n    select(function () {\n  }")

    answer = judged(one, [one], method, language="typescript")
    assert (answer.lines, answer.missed) == (True, True)
    assert not judged(one, [one], method, language="go").lines
    assert not judged(one, [one], call, language="typescript").lines


def test_an_answer_in_other_letter_case_is_not_right_and_is_noted_for_words_in_small_letters() -> None:
    one, other = Definition("layout", "a.rs", "method", (10,)), Definition("Layout", "b.rs", "struct", (30,))
    answer = judged(one, [one], hit("b.rs", 25, 31), language="rust", in_any_case=[one, other])
    assert (answer.lines, answer.in_other_case) == (False, True)
    assert not judged(one, [one], hit("b.rs", 1, 9), language="rust", in_any_case=[one, other]).in_other_case
    right = judged(one, [one], hit("a.rs", 8, 12), language="rust", in_any_case=[one, other])
    assert (right.lines, right.in_other_case) == (True, False)


def test_what_a_chunk_only_passes_on_is_known_too() -> None:
    chunks = chunk_file("Open = core.Open\n", language_named("python"))
    assert known_names(chunks, [("Open", [1]), ("core", [1])]) == [True, False]


def test_a_class_of_csharp_is_right_that_ctags_calls_by_its_type_parameter() -> None:
    one = Definition("Pair", "a.cs", "method", (9,))
    assert judged(one, [one], hit("a.cs", 1, 3, "sealed class Pair<T> where T : Item {"), language="csharp").missed
    assert not judged(one, [one], hit("a.cs", 1, 3, "var a = new Pair<T>();"), language="csharp").lines


@pytest.mark.parametrize(
    ("line", "name"),
    [('COMPREPLY=($(compgen -A function -- "$cur"))', "--"), ("complete -F _f function declare", "declare")],
)
def test_an_argument_in_a_shell_script_is_no_function(line: str, name: str) -> None:
    assert reason("bash", line, name, "function") == "ctags takes an argument or a pattern for a name"
    assert reason("bash", "function declare-x {", "declare-x", "function") is None
    assert reason("bash", "command -v x || declare() {", "declare", "function") is None


def test_a_sample_is_the_same_each_time_and_has_no_name_twice() -> None:
    names = Names([Definition(f"f{number % 300}", "a.py", "function", (number,)) for number in range(600)])

    sample = sampled(names, "project", size=200)

    assert len({one.name for one in sample}) == len(sample) == 200
    assert sample == sampled(names, "project", size=200)
    assert all(one.lines[0] < 300 for one in sample)


def test_names_in_files_that_are_not_indexed_are_listed_with_the_reason() -> None:
    one, other = Definition("a", "a.js", "function", (1,)), Definition("b", "b.js", "function", (1,))
    names = Names([one, other])

    assert without_skipped(names, Known({one: True, other: False}, {"b.js": "minified"})) == [one]
    assert names.left_out == {"in a file that is not indexed (minified)": 1}


def test_a_share_is_not_rounded_up_to_all() -> None:
    assert share([True] * 2_999 + [False]) == "99.9 %"
    assert share([]) == ""
