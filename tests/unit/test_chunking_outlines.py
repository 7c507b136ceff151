"""Texts that are cut by headings, keys, statements and keywords rather than by a grammar."""

import pytest

from pgdex.indexer.chunking import Chunk, Limits, chunk_file
from pgdex.indexer.languages import language_of
from tests.support.chunk_samples import FINEST, definitions


def test_markdown_sections_are_named_by_the_path_of_their_headings() -> None:
    source = """\
---
title: "# no heading"
---
Preamble.

# Guide

Text.

## Install #

```sh
# no heading
```

Windows
-------

Text.

# Reference
| a |
| - |
"""
    assert definitions("README.md", source) == [
        "section Guide",
        "section Guide > Install",
        "section Guide > Windows",
        "section Reference",
    ]


def test_a_markdown_fence_is_closed_only_by_its_own_kind() -> None:
    source = "# One\n````\n```\n# no\n~~~\n````\n# Two\n~~~\n# no\n"
    assert definitions("a.md", source) == ["section One", "section Two"]


def test_a_large_markdown_section_is_cut_into_its_subsections() -> None:
    text = "Some words that make a line of prose.\n" * 25
    source = f"# Guide\n\n{text}\n## Install\n\n{text}\n## Use\n\n{text}"
    chunks = chunk_file(source, language_of("a.md"))
    assert [chunk.symbol for chunk in chunks] == ["Guide", "Guide > Install", "Guide > Use"]
    assert [chunk.start_line for chunk in chunks] == [1, 29, 57]


def test_restructured_text_ranks_its_titles_by_first_appearance() -> None:
    source = """\
=====
Guide
=====

.. _install:

Install
-------

Text.

=====  =====
Table  Other
=====  =====

Windows
~~~~~~~

Use
---
"""
    assert definitions("guide.rst", source) == [
        "section Guide",
        "section Guide > Install",
        "section Guide > Install > Windows",
        "section Guide > Use",
    ]


def test_other_prose_has_headings_too() -> None:
    assert definitions("a.org", "* One\n** Two\n") == ["section One", "section One > Two"]
    assert definitions("a.adoc", "= One\n== Two\n") == ["section One", "section One > Two"]
    latex = "\\section{One}\nText.\n\\subsection*{Two}\n"
    assert definitions("a.tex", latex) == ["section One", "section One > Two"]


def test_yaml_keys_are_named_by_their_path_and_list_items_by_their_name() -> None:
    source = """\
on: push
jobs:
  build:
    runs-on: ubuntu
    script: |
      key: not one
      other: neither
    steps:
      - uses: checkout
        name: "Get the sources"
        with:
          depth: 1
      - name: Test
        run: make test
"quoted key": 1
"""
    assert definitions("ci.yml", source) == [
        "key on",
        "key jobs",
        "key jobs.build",
        "key jobs.build.runs-on",
        "key jobs.build.script",
        "key jobs.build.steps",
        "key Get the sources",
        "key Get the sources.name",
        "key Get the sources.with",
        "key Get the sources.with.depth",
        "key Test",
        "key Test.run",
        "key quoted key",
    ]


def test_templates_in_yaml_do_no_harm() -> None:
    source = "{% if a %}\nport: {{ port }}\n{% endif %}\nhost: {{ host }}\n"
    assert definitions("a.yml.j2", source) == ["key port", "key host"]


def test_json_keys_are_named_by_their_path_and_objects_of_a_list_by_their_name() -> None:
    source = """\
{
  "name": "shop",
  "scripts": {
    "build": "make"
  },
  "people": [
    {
      "id": "ada",
      "age": 36
    }
  ]
}
"""
    assert definitions("package.json", source) == [
        "key name",
        "key scripts",
        "key scripts.build",
        "key people",
        "key ada",
        "key ada.id",
        "key ada.age",
    ]


def test_tables_of_toml_and_sections_of_ini_take_the_comment_above_them() -> None:
    source = 'title = "x"\n\n# All about it.\n[tool.ruff]\nline = [\n  ["a"],\n]\n\n[[bin]] # last\nname = "a"\n'
    assert definitions("a.toml", source) == ["section tool.ruff", "section bin"]
    chunks = chunk_file(source, language_of("a.toml"), limits=Limits(60, 60, alone=1, fragment=0))
    assert chunks[1].content.startswith("# All about it.\n[tool.ruff]")
    assert definitions("setup.cfg", "[metadata]\nname = a\n\n[options]\n") == ["section metadata", "section options"]


def test_a_dockerfile_is_cut_into_its_stages() -> None:
    source = "ARG V=1\nFROM python:3.11 AS build\nRUN make\n\nfrom --platform=linux scratch\nCOPY . .\n"
    assert definitions("Dockerfile", source) == ["section build", "section scratch"]


SQL = """\
-- People who may log in.
CREATE TABLE app."users" (
  id bigint PRIMARY KEY,
  note text DEFAULT 'a; b'
);
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS users_note ON app.users (note);
create or replace view active as select * from app.users; -- trailing
/* Adds;
   both. */
CREATE OR REPLACE FUNCTION app.add(a int, b int) RETURNS int LANGUAGE plpgsql AS $body$
BEGIN
  RETURN a + b;
END;
$body$;
CREATE TYPE mood AS ENUM ('sad', 'ok');
INSERT INTO app.users VALUES (1, 'a');
ALTER TABLE ONLY app.users ADD COLUMN x int;
CREATE TRIGGER touch BEFORE UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION app.f();
"""


def test_sql_is_cut_into_statements() -> None:
    assert definitions("schema.sql", SQL) == [
        "table app.users",
        "resource users_note",
        "table active",
        "function app.add",
        "type mood",
        "resource touch",
    ]


def test_the_body_of_an_sql_function_and_the_comment_above_it_stay_with_it() -> None:
    limits = Limits(target=220, maximum=220, alone=1, fragment=0, tiny_definition=0)
    chunks = chunk_file(SQL, language_of("a.sql"), limits=limits)
    (function,) = [chunk for chunk in chunks if chunk.symbol == "app.add"]
    assert function.content.startswith("/* Adds;")
    assert function.content.endswith("$body$;\n")


def test_an_sql_string_without_an_end_does_no_harm() -> None:
    source = "SELECT 'abc;\nSELECT 1;\n$$ /* \n"
    assert "".join(chunk.content for chunk in chunk_file(source, language_of("a.sql"))) == source


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        (
            "Cart.pm",
            "package Shop::Cart;\n\n# Adds.\nsub add {\n    my ($self) = @_;\n}\n\nsub new { 1 }\n",
            ["namespace Shop.Cart", "function Shop.Cart.add", "function Shop.Cart.new"],
        ),
        (
            "shop.tcl",
            "proc ::tk::add {x y} {\n  return $x\n}\nnamespace eval shop {\n  proc deep {} {}\n}\n",
            ["function tk.add", "namespace shop", "function shop.deep"],
        ),
        (
            "build.gradle",
            "class Cart extends Base {\n    int add(int x) {\n        x\n    }\n}\ndef helper(x) { x }\n",
            ["class Cart", "method Cart.add", "function helper"],
        ),
        (
            "counter.vhd",
            "entity counter is\nend counter;\n\narchitecture rtl of counter is\nend rtl;\n",
            ["interface counter", "class rtl"],
        ),
        (
            "shop.odin",
            "Point :: struct {\n\tx: int,\n}\nadd :: proc(x: int) -> int {\n}\n",
            ["struct Point", "function add"],
        ),
        ("Shop.hx", "class Cart {\n  public function add(x:Int):Int {\n  }\n}\n", ["class Cart", "method Cart.add"]),
        ("shop.cr", "class Cart\n  def self.make?\n  end\nend\n", ["class Cart", "method Cart.self.make?"]),
        ("light.wgsl", "struct Light {\n}\n@vertex fn main() {\n}\n", ["struct Light", "function main"]),
        ("lib.cairo", "mod m {\n    pub fn g() {}\n}\n", ["namespace m", "function m.g"]),
        ("boot.asm", "; Starts.\n_start:\n  mov eax, 1\nloop:\n  jmp loop\n", ["function _start", "function loop"]),
        (
            "legacy.f",
            "C     Adds.\n      SUBROUTINE ADD(N,\n     $  X)\n      END\n      DOUBLE PRECISION FUNCTION DNORM(X)\n"
            "      END FUNCTION\n      real*8 function half(x)\n      end\n"
            "      PROGRAM MAIN\n      CALL ADD(1, X)\n      END\n",
            ["function ADD", "function DNORM", "function half", "function MAIN"],
        ),
        ("fix.patch", "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n", ["section x.py"]),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_definitions_are_found_by_their_keywords(path: str, source: str, expected: list[str]) -> None:
    assert definitions(path, source) == expected


def test_a_symbol_that_would_grow_with_every_level_is_cut_back() -> None:
    source = "".join(f"{' ' * level}key_number_{level}:\n" for level in range(300))
    chunks: list[Chunk] = chunk_file(source, language_of("a.yml"), limits=FINEST)
    assert max(len(chunk.symbol or "") for chunk in chunks) < 250
    assert chunks[-1].symbol is not None
    assert chunks[-1].symbol.endswith("key_number_299")
