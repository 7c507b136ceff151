"""Telling a file's language from its name and first line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.chunking import chunk_file
from pgdex.indexer.dialects import language_in
from pgdex.indexer.languages import LANGUAGES, NAMES, TEXT, Language, language_of


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("shop/cart.py", "python"),
        ("shop/cart.pyi", "python"),
        ("app.jsx", "javascript"),
        ("index.mjs", "javascript"),
        ("app.ts", "typescript"),
        ("main.go", "go"),
        ("lib.rs", "rust"),
        ("cart.h", "c"),
        ("cart.hpp", "cpp"),
        ("Cart.cs", "csharp"),
        ("main.tf", "terraform"),
        ("README.md", "markdown"),
        ("guide.rst", "rst"),
        (".github/workflows/ci.yml", "yaml"),
        ("pyproject.toml", "toml"),
        ("package.json", "json"),
        ("setup.cfg", "ini"),
        ("schema.sql", "sql"),
        ("Makefile", "make"),
        ("src/CMakeLists.txt", "cmake"),
        ("Dockerfile", "dockerfile"),
        ("Gemfile", "ruby"),
        ("Jenkinsfile", "groovy"),
        ("BUILD.bazel", "starlark"),
        (".bashrc", "bash"),
        ("Cargo.lock", "toml"),
        ("LICENSE", "text"),
        ("notes.txt", "text"),
    ],
)
def test_a_name_or_extension_tells_the_language(path: str, name: str) -> None:
    assert language_of(path).name == name


CPP_HEADER = """\
#pragma once
namespace ui {
template <typename T>
class WidgetBox : public Base {
 public:
  explicit WidgetBox(T value);
};
}
"""
C_HEADER = """\
/* A class of things:
   class is a word here, and so is namespace. */
#include <stdio.h>
#ifdef __cplusplus
#include <string>
extern "C" {
namespace shop { class Cart; }
#endif
struct cart { int class_of; };
int cart_add(struct cart *cart);
#ifdef __cplusplus
}
#endif
"""


@pytest.mark.parametrize(
    ("path", "text", "name"),
    [
        ("widget.h", CPP_HEADER, "cpp"),
        ("widget.h", "class MYLIB_API Widget final {\n};\n", "cpp"),
        ("strings.h", "#include <string>\nstd::string shout(const std::string& text);\n", "cpp"),
        ("cart.h", C_HEADER, "c"),
        ("guarded.h", "#if __cplusplus >= 201103L\n#define A 1\n#endif\nclass Widget {\n};\n", "cpp"),
        ("Cart.h", "#import <Foundation/Foundation.h>\n@interface Cart : NSObject\n@end\n", "objc"),
        ("documented.h", "/**\n * @interface of a cart\n */\nint cart_add(int x);\n", "c"),
        ("plotting.m", "x = 0:0.1:10;\ny = sin(x);\nplot(x, y);\n", "matlab"),
        ("Cart.m", "\n@implementation Cart\nint x = 1;\n@end\n", "objc"),
        ("counter.v", "module counter_unit\n(\n  input clk\n);\nendmodule\n", "verilog"),
        ("main.v", "module main\n\nfn main() {\n}\n", "v"),
        ("legacy.f", "      SUBROUTINE OLD(N)\n      END\n", "fortran"),
        ("LEGACY.FOR", "      SUBROUTINE OLD(N)\n      END\n", "fortran"),
        ("cart.py", "class Cart:\n    pass\n", "python"),
    ],
)
def test_the_content_tells_the_language_where_the_name_leaves_it_open(path: str, text: str, name: str) -> None:
    assert language_in(path, text).name == name


def test_the_grammar_of_a_dialect_differs_where_its_name_does_not() -> None:
    assert language_of("Button.tsx") == Language("typescript", "tsx")
    assert language_of("button.ts") == Language("typescript", "typescript")
    assert language_of("shop.mli") == Language("ocaml", "ocaml_interface")


def test_an_extension_in_capitals_counts_as_well() -> None:
    assert language_of("SHOP.PY").name == "python"
    # In Fortran and assembly the case tells the preprocessed files; both are known as they are.
    assert language_of("solver.F90").name == "fortran"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("nginx.yml.j2", "yaml"),
        ("settings.py.example", "python"),
        ("page.html.erb", "html"),
        ("Makefile.in", "make"),
        ("config.toml.tmpl.bak", "toml"),
        ("unknown.j2", "text"),
    ],
)
def test_a_template_has_the_language_of_what_it_becomes(path: str, name: str) -> None:
    assert language_of(path).name == name


@pytest.mark.parametrize("path", ["Dockerfile.dev", "deploy/Dockerfile.alpine-3.19"])
def test_a_well_known_name_may_have_a_variant_after_it(path: str) -> None:
    assert language_of(path).name == "dockerfile"


@pytest.mark.parametrize(
    ("first_line", "name"),
    [
        ("#!/usr/bin/env python3", "python"),
        ("#!/usr/bin/python3.11 -u", "python"),
        ("#!/usr/bin/env -S LANG=C node --harmony", "javascript"),
        ("#! /bin/sh", "bash"),
        ("#!/usr/local/bin/ruby -w\r", "ruby"),
        ("\ufeff#!/bin/bash", "bash"),
        ("# -*- mode: ruby -*-", "ruby"),
        ("# -*- python -*-", "python"),
        ("# bash completion for tar                   -*- shell-script -*-", "bash"),
        ("# vim: set ft=lua :", "lua"),
        ("<?php", "php"),
        ('<?xml version="1.0"?>', "xml"),
        ("<!DOCTYPE html>", "html"),
        ("#!/opt/unheard-of", "text"),
        ("#!", "text"),
        ("an ordinary line", "text"),
    ],
)
def test_a_file_without_a_telling_name_is_known_by_its_first_line(first_line: str, name: str) -> None:
    assert language_of("bin/run", first_line).name == name


@pytest.mark.parametrize(
    ("path", "first_line", "name"),
    [
        ("solver.m", "% Solves it.", "matlab"),
        ("solver.m", "function x = solve(a)", "matlab"),
        ("View.m", "#import <UIKit/UIKit.h>", "objc"),
        ("window.ts", '<?xml version="1.0" encoding="utf-8"?>', "xml"),
        ("main.v", "module main", "v"),
        ("counter.v", "module counter(input clk);", "verilog"),
        ("init.pp", "class shop::cart {", "puppet"),
        ("shop.pp", "program Shop;", "pascal"),
    ],
)
def test_an_extension_of_several_languages_is_told_by_the_first_line(path: str, first_line: str, name: str) -> None:
    assert language_of(path, first_line).name == name


def test_a_name_beats_a_first_line() -> None:
    assert language_of("run.py", "#!/bin/sh").name == "python"


@given(st.text(max_size=60), st.text(max_size=200))
def test_every_path_has_a_language_with_a_known_name(path: str, first_line: str) -> None:
    assert language_of(path, first_line).name in NAMES


def test_what_is_not_known_is_text() -> None:
    assert language_of("data.unheardof") == TEXT
    assert language_of("") == TEXT


def test_there_are_more_than_sixty_languages_with_a_grammar_and_each_grammar_loads() -> None:
    with_grammar = [language for language in LANGUAGES if language.grammar is not None]
    assert len({language.name for language in with_grammar}) > 60
    for language in with_grammar:
        assert [chunk.content for chunk in chunk_file("x\n", language)] == ["x\n"]
