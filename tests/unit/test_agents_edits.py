"""Edits of TOML and Markdown files, and what all edits have in common."""

import json
import tomllib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgdex.jobs.agents import markdown, toml
from pgdex.jobs.agents.edits import Edit, JsonElement, JsonMember, Section, TomlTable, WholeFile
from pgdex.jobs.agents.jsonc import Unreadable
from pgdex.jobs.agents.receipts import Receipt, digest, reverted, splice

ENTRY = {"command": "/opt/pgdex", "args": ["mcp"], "env": {"PGDEX_HOME": '/a "b" \\ ü'}}
TABLE = TomlTable(("mcp_servers", "pgdex"), ENTRY)
LINES = st.sampled_from(
    [
        *("", "# a comment", "[other]", "[[list]]", '["quoted key"]  # behind', "[projects.'/x y']", "[mcp_servers.o]"),
        *("key = 1", 'text = "a # b"', "text2 = '''", "'''", "many = [", "  1, # one", "]", "inline = { a = 1 }"),
        *("mcp_servers.dotted.command = 'x'", "when = 2026-11-29T00:00:00Z", "[mcp_servers]", "x.y.z = 0x1F"),
    ]
)


@st.composite
def toml_documents(draw: st.DrawFn) -> str:
    """Lines of TOML that make a document, without pgdex in it."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    text = newline.join(draw(st.lists(LINES, max_size=8))) + draw(st.sampled_from(["", newline, newline * 3]))
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return "# " + text.replace("\r", "").replace("\n", newline + "# ")
    return draw(st.sampled_from(["", "\ufeff"])) + text


@given(toml_documents())
def test_a_table_put_into_toml_changes_nothing_else_and_comes_out_to_the_byte(text: str) -> None:
    before = toml.value_of(text)

    after = TABLE.make(text)

    assert after.startswith(text)
    assert toml.value_of(after) == before | {"mcp_servers": before.get("mcp_servers", {}) | {"pgdex": ENTRY}}
    receipt = Receipt("f", ("a",), "/h", None, False, (), (splice(text, after),), digest(after))
    assert reverted(after, receipt) == text
    assert TABLE.make(after) == after


@example("[mcp_servers.o]\n[[list]]")
@example('[mcp_servers.o]\ncommand = "x"\n\n[[list]]\na = 1\n')
@given(toml_documents())
def test_a_table_taken_out_of_toml_by_its_name_leaves_the_other_values(text: str) -> None:
    before = toml.value_of(text)

    left = TABLE.undo(TABLE.make(text), TABLE.containers(text))

    assert toml.value_of(left) == before


def test_a_table_taken_out_of_toml_leaves_the_comments_and_tables_behind_it() -> None:
    behind = "# theirs\n[[list]]\na = 1\n"
    text = TABLE.make('[mcp_servers.o]\ncommand = "x"\n') + behind

    assert TABLE.undo(text, ()) == '[mcp_servers.o]\ncommand = "x"\n' + behind


def test_a_table_that_is_there_keeps_its_comments_and_other_keys() -> None:
    text = '[mcp_servers.pgdex] # mine\ncommand = "pgdex" # old\nargs = ["mcp"]\nstartup_timeout_sec = 20\n'

    after = TomlTable(("mcp_servers", "pgdex"), {"command": "/new/pgdex", "args": ["mcp"]}).make(text)

    assert after == text.replace('"pgdex" # old', '"/new/pgdex" # old')


def test_an_inline_table_of_servers_takes_another_one() -> None:
    text = 'mcp_servers = { other = { command = "o" } } # all of them\n'

    after = TABLE.make(text)

    assert toml.value_of(after)["mcp_servers"] == {"other": {"command": "o"}, "pgdex": ENTRY}
    assert "# all of them" in after


@pytest.mark.parametrize("text", ["a = ", "[x]\n[x]\n", 'mcp_servers = "none"', "[[mcp_servers]]\n"])
def test_what_is_no_toml_or_has_no_room_for_a_server_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        TABLE.make(text)


PROSE = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=60).map(
    lambda text: text.replace("\r", "")
)


@given(PROSE, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\ufeff"]))
def test_a_section_put_into_markdown_stands_behind_the_rest_and_comes_out_to_the_byte(
    prose: str, newline: str, bom: str
) -> None:
    text = bom + prose.replace("\n", newline)
    edit = Section("## Title\n\n- a line\n")

    after = edit.make(text)

    assert after.startswith(text)
    assert edit.is_made(after)
    assert edit.make(after) == after
    receipt = Receipt("f", ("a",), "/h", None, False, (), (splice(text, after),), digest(after))
    assert reverted(after, receipt) == text
    assert markdown.section_of(edit.undo(after, ())) is None


def test_a_section_is_renewed_where_it_stands() -> None:
    before = Section("old").make("# Mine\n") + "\nmore of mine\n"

    after = Section("new").make(before)

    assert after == before.replace("old", "new")
    assert Section("new").undo(after, ()) == "# Mine\n\n\nmore of mine\n"


def test_a_section_with_one_of_its_marks_missing_is_left_alone() -> None:
    with pytest.raises(Unreadable, match="is missing"):
        Section("new").make(f"{markdown.BEGIN}\nwithout an end\n")


def test_an_entry_keeps_what_its_user_has_added_and_loses_what_contradicts_a_command() -> None:
    edit = JsonMember(("mcpServers", "pgdex"), {"type": "stdio", "command": "/new/pgdex", "args": ["mcp"]})
    there: dict[str, Any] = {"url": "http://x", "headers": {}, "timeout": 9, "env": {"A": "1"}}

    after = edit.make('{"mcpServers": {"pgdex": ' + str(there).replace("'", '"') + "}}")

    entry = edit.meaning(after)["mcpServers"]["pgdex"]
    assert entry == {"timeout": 9, "env": {"A": "1"}, "type": "stdio", "command": "/new/pgdex", "args": ["mcp"]}


def test_a_hook_is_known_again_and_put_right_beside_others() -> None:
    new = {"hooks": [{"command": "/new/pgdex hooks run ."}]}
    edit = JsonElement(("hooks", "SessionStart"), new, ("pgdex", " hooks run "))
    others = '{"hooks": "lefthook hooks run x"}'
    old = '{"hooks": [{"command": "/old/pgdex hooks run ."}]}'

    after = edit.make(f'{{"hooks": {{"SessionStart": [{old}, {others}, {old}]}}}}')

    assert edit.meaning(after)["hooks"]["SessionStart"] == [new, {"hooks": "lefthook hooks run x"}]
    assert edit.is_made(after)
    assert edit.meaning(edit.undo(after, ())) == {"hooks": {"SessionStart": [{"hooks": "lefthook hooks run x"}]}}


def test_hooks_that_were_added_to_our_group_stay_when_it_is_put_right_and_when_it_is_undone() -> None:
    """Claude Code's /hooks adds a hook to the group with the same matcher."""
    new = {"matcher": "startup", "hooks": [{"command": "/new/pgdex hooks run ."}]}
    edit = JsonElement(("hooks", "SessionStart"), new, ("pgdex", " hooks run "))
    theirs = {"command": "echo hi"}
    group = {"matcher": "startup", "hooks": [theirs, {"command": "/old/pgdex hooks run ."}]}

    after = edit.make(json.dumps({"hooks": {"SessionStart": [group]}}))

    assert edit.meaning(after)["hooks"]["SessionStart"] == [new | {"hooks": [*new["hooks"], theirs]}]
    assert edit.is_made(after)
    assert edit.make(after) == after
    undone = edit.undo(after, ("hooks", "hooks.SessionStart"))
    assert edit.meaning(undone) == {"hooks": {"SessionStart": [{"matcher": "startup", "hooks": [theirs]}]}}


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (JsonMember(("a", "b"), {"c": 1}), "{}"),
        (JsonElement(("a", "b"), {"c": "mark"}, ("mark",)), '{"x": 1}'),
        (TABLE, "x = 1\n"),
        (Section("text"), "# Mine\n"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_undoing_by_meaning_takes_the_containers_along_that_the_edit_made(edit: Edit, text: str) -> None:
    after = edit.make(text)

    assert edit.is_made(after)
    assert edit.undo(after, edit.containers(text)).split() == text.split()


def test_a_file_is_only_ours_if_it_says_so() -> None:
    edit = WholeFile("new")

    assert edit.undo("a skill of the user's own", ()) == "a skill of the user's own"
    assert edit.undo("old; `pgdex install` wrote this file", ()) == ""
