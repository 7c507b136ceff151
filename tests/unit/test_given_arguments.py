"""Arguments as clients send them, and what they mean."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.jobs.mcp.given import given_arguments

SCHEMA: dict[str, Any] = {
    "properties": {
        "query": {"type": "string"},
        "language": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "tests": {"type": "string", "enum": ["in", "out", "only"]},
        "kinds": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
        "status": {
            "anyOf": [
                {"anyOf": [{"type": "string", "enum": ["running"]}, {"type": "array", "items": {"type": "string"}}]},
                {"type": "null"},
            ]
        },
        "limit": {"type": "integer"},
        "seconds": {"type": "number"},
        "force": {"type": "boolean"},
    },
    "required": ["query"],
}
OPTIONAL = sorted(SCHEMA["properties"].keys() - {"query"})
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("name", OPTIONAL)
@pytest.mark.parametrize("nothing", [None, "", " ", "\t\n", "null", [], [""], [None, " "]])
def test_an_optional_argument_that_says_nothing_was_not_given(name: str, nothing: Any) -> None:
    assert given_arguments({"query": "x", name: nothing}, SCHEMA) == {"query": "x"}


@pytest.mark.parametrize("nothing", [None, "", " "])
def test_a_required_argument_stays_for_its_own_error(nothing: Any) -> None:
    assert given_arguments({"query": nothing}, SCHEMA) == {"query": nothing}


@pytest.mark.parametrize(
    ("name", "sent", "meant"),
    [
        ("kinds", "function", ["function"]),
        ("kinds", "function, class,", ["function", "class"]),
        ("kinds", '["function", "class"]', ["function", "class"]),
        ("kinds", ["function", "", None], ["function"]),
        ("kinds", "[slug]", ["[slug]"]),
        ("status", "running", ["running"]),
        ("status", ["running"], ["running"]),
        ("limit", "5", 5),
        ("limit", " 5 ", 5),
        ("limit", 5.0, 5.0),
        ("limit", "5.0", 5.0),
        ("limit", "many", "many"),
        ("limit", ["7"], 7),
        ("seconds", "2.5", 2.5),
        ("force", "true", True),
        ("force", "False", False),
        ("force", "perhaps", "perhaps"),
        ("language", ["python"], "python"),
        ("language", ["python", "go"], ["python", "go"]),
        ("language", "true", "true"),
        ("query", 404, "404"),
        ("query", "[a]", "[a]"),
        ("tests", " Only ", "only"),
    ],
)
def test_what_is_clear_is_taken(name: str, sent: Any, meant: Any) -> None:
    assert given_arguments({"query": "x", name: sent}, SCHEMA)[name] == meant


def test_no_arguments_at_all_are_none() -> None:
    assert given_arguments(None, SCHEMA) == {}


@given(st.dictionaries(st.sampled_from(sorted(SCHEMA["properties"])), ODD, max_size=8))
def test_whatever_is_sent_is_read_without_an_error(sent: dict[str, Any]) -> None:
    meant = given_arguments(sent, SCHEMA)

    assert meant.keys() <= sent.keys()
    assert ("query" in meant) is ("query" in sent)
