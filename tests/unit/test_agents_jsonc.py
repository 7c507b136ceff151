"""Edits of JSON with comments: they do what they should, touch nothing else, and can be taken back to the byte."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.jobs.agents import jsonc
from pgdex.jobs.agents.jsonc import Unreadable
from pgdex.jobs.agents.receipts import Receipt, digest, reverted, splice

ENTRY = {"command": "/opt/py dex/pgdex", "args": ["mcp"]}
PATH = ("mcpServers", "pgdex")

PLACES = st.sampled_from(["", " ", "\n", "\t", '/* c, { " */', "// d } ]\n", "\r\n  "])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
KEYS = st.sampled_from(["mcpServers", "a", "hooks", "ü\n", ""]) | st.text(max_size=4)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """An object as a person may have written it: with comments, blank lines and trailing commas anywhere."""

    def written(depth: int) -> str:
        kind = draw(st.sampled_from(["scalar", "scalar", *(["object", "array"] if depth < 3 else [])]))
        if kind == "scalar":
            return json.dumps(draw(SCALARS), ensure_ascii=bool(draw(st.booleans())))
        return container(depth, is_object=kind == "object")

    def container(depth: int, *, is_object: bool) -> str:
        keys = draw(st.lists(KEYS.filter(lambda key: key != "pgdex"), max_size=3, unique=True))
        parts = []
        for key in keys:
            value = written(depth + 1)
            if depth == 0 and key == "mcpServers" and not value.startswith("{"):
                value = "{}"
            name = f"{json.dumps(key)}{draw(PLACES)}:{draw(PLACES)}" if is_object else ""
            parts.append(f"{draw(PLACES)}{name}{value}{draw(PLACES)}")
        ending = draw(st.sampled_from(["", ","] if parts else [""])) + draw(PLACES)
        opening, closing = "{}" if is_object else "[]"
        return opening + ",".join(parts) + ending + closing

    bom = draw(st.sampled_from(["", "\ufeff"]))
    return bom + draw(PLACES) + container(0, is_object=True) + draw(PLACES)


@given(documents())
def test_a_member_put_in_is_there_and_nothing_else_has_changed(text: str) -> None:
    before = jsonc.value_of(text)

    after = jsonc.with_value(text, PATH, ENTRY)

    assert jsonc.value_of(after) == before | {"mcpServers": before.get("mcpServers", {}) | {"pgdex": ENTRY}}
    rest = iter(after)
    assert all(character in rest for character in text), "something was taken out or moved"


@given(documents())
def test_what_was_put_in_comes_out_to_the_byte(text: str) -> None:
    after = jsonc.with_value(text, PATH, ENTRY)
    receipt = Receipt("f", ("a",), "/h", None, False, (), (splice(text, after),), digest(after))

    assert reverted(after, receipt) == text


@given(documents())
def test_taking_a_member_out_by_its_name_leaves_the_other_values(text: str) -> None:
    before = jsonc.value_of(text)
    after = jsonc.with_value(text, PATH, ENTRY)

    left = jsonc.value_of(jsonc.without(after, PATH))

    assert left == before | {"mcpServers": before.get("mcpServers", {})}


@given(documents(), st.sampled_from([("hooks", "SessionStart"), ("list",)]))
def test_elements_come_and_go_without_a_trace_in_the_values(text: str, path: tuple[str, ...]) -> None:
    before = jsonc.value_of(text)
    if not isinstance(before.get(path[0], {}), dict) or (len(path) == 1 and path[0] in before):
        return

    once = jsonc.with_element(text, path, {"a": 1})
    twice = jsonc.with_element(once, path, "b")
    replaced = jsonc.with_element_replaced(twice, path, 0, {"a": 2})

    there = jsonc.at(before, path) or []
    assert jsonc.at(jsonc.value_of(twice), path) == [*there, {"a": 1}, "b"]
    assert jsonc.at(jsonc.value_of(replaced), path)[0] == {"a": 2}
    assert jsonc.at(jsonc.value_of(jsonc.without(twice, path, len(there))), path) == [*there, "b"]


@given(st.text(alphabet='{}[]",:/* \nab01-.eE\\u\ufefftrue', max_size=40))
def test_the_reader_agrees_with_python_s_on_plain_json_and_never_breaks(text: str) -> None:
    try:
        expected: Any = json.loads(text)
        is_json = True
    except ValueError:
        is_json = False
    try:
        found = jsonc.parse(text).value
    except Unreadable:
        assert not is_json
    else:
        if is_json:
            assert found == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "s": {\n    "p": 1\n  }\n}\n'),
        ("{}", '{\n  "s": {\n    "p": 1\n  }\n}'),
        ("{}\n", '{\n  "s": {\n    "p": 1\n  }\n}\n'),
        ('{"a":1}', '{"a":1,"s":{"p":1}}'),
        ('{"a": 1}\n', '{"a": 1, "s": {"p": 1}}\n'),
        ('{\n\t"a": 1\n}\n', '{\n\t"a": 1,\n\t"s": {\n\t\t"p": 1\n\t}\n}\n'),
        ('{\r\n    "a": 1\r\n}', '{\r\n    "a": 1,\r\n    "s": {\r\n        "p": 1\r\n    }\r\n}'),
        ('{\n  "a": 1, // one\n}', '{\n  "a": 1, // one\n  "s": {\n    "p": 1\n  },\n}'),
        ('{\n  "a": 1 // one\n  // two\n}', '{\n  "a": 1, // one\n  // two\n  "s": {\n    "p": 1\n  }\n}'),
        ('{\n  "s": {} // none\n}', '{\n  "s": {\n    "p": 1\n  } // none\n}'),
        ('{\n  "s": {\n    // none yet\n  }\n}', '{\n  "s": {\n    // none yet\n    "p": 1\n  }\n}'),
        ('{\n  "s": {"o": 2}\n}', '{\n  "s": {"o": 2, "p": 1}\n}'),
        ('{\n  "s": {\n    "p": 0 // old\n  }\n}', '{\n  "s": {\n    "p": 1 // old\n  }\n}'),
    ],
)
def test_an_edit_looks_as_if_the_file_s_owner_had_made_it(before: str, after: str) -> None:
    assert jsonc.with_value(before, ("s", "p"), 1) == after


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1', "line 1, column 8: a comma or } is missing"),
        ('{\n  "a" 1\n}', "line 2, column 7: a colon is missing"),
        ('{"a": 1} x', "something follows the end"),
        ('{"a": /* 1}', "a comment does not end"),
        ("{'a': 1}", "a name in double quotes is missing"),
        ("[1, 2", "a comma or ] is missing"),
        ("[" * 1000, "levels of nesting"),
        ('{"a": ' + "1" * 5000 + "}", "the number is too long"),
        ('{"a": NaN}', "a value is missing"),
        ("[1]", "the document is not an object"),
        ('{"mcpServers": []}', "mcpServers is not an object"),
        ('{"mcpServers": {}, "mcpServers": {}}', "mcpServers is there more than once"),
    ],
)
def test_what_is_no_such_file_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(Unreadable) as refused:
        jsonc.with_value(text, PATH, ENTRY)
    assert message in str(refused.value)
