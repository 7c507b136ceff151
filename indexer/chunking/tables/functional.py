"""Haskell, OCaml, Elm, Gleam, Elixir, Erlang, Clojure, the Lisps, Nix."""

import re

from pgdex.indexer.chunking.grammar import Grammar, rule, types
from pgdex.indexer.chunking.model import Kind

_HASKELL = Grammar(
    rules={
        "function": rule("function", "name", ":infix/operator"),
        "bind": rule("function", "name"),
        "signature": rule("function", "name"),
        "data_type": rule("type"),
        "newtype": rule("type"),
        "type_synomym": rule("type"),
        "type_family": rule("type"),
        "class": rule("interface"),
        "instance": rule("class"),
    },
    leads=types("haddock pragma"),
    groups=types("top_splice"),
    clauses=True,
)

_OCAML = Grammar(
    rules={
        "let_binding": rule(
            "variable",
            "pattern",
            refine={
                "parameter": "function",
                "fun_expression": "function",
                "function_expression": "function",
            },
        ),
        "value_specification": rule("function", ":value_name,parenthesized_operator"),
        "external": rule("function", ":value_name"),
        "type_binding": rule("type"),
        "exception_definition": rule("type", ":constructor_declaration/:constructor_name"),
        "module_binding": rule("namespace", ":module_name"),
        "module_type_definition": rule("interface", ":module_type_name"),
        "class_binding": rule("class", ":class_name"),
        "method_definition": rule("method", ":method_name"),
    },
    wraps=types("value_definition type_definition module_definition class_definition"),
    bodies=types("structure signature object_expression"),
)

_ELM = Grammar(
    rules={
        "value_declaration": rule("function", "functionDeclarationLeft/#0"),
        "type_annotation": rule("function"),
        "port_annotation": rule("function"),
        "type_declaration": rule("type"),
        "type_alias_declaration": rule("type"),
    },
    clauses=True,
)

_GLEAM = Grammar(
    rules={
        "function": rule("function"),
        "external_function": rule("function"),
        "type_definition": rule("type", ":type_name/name"),
        "type_alias": rule("type", ":type_name/name"),
        "external_type": rule("type", ":type_name/name"),
        "constant": rule("variable"),
    },
    leads=types("attribute"),
)

_ELIXIR = Grammar(
    rules={
        "call": rule(
            None,
            ":arguments/#0",
            head="target",
            heads={
                "defmodule": "namespace",
                "defprotocol": "interface",
                "defimpl": "class",
                "def": "function",
                "defp": "function",
                "defdelegate": "function",
                "defguard": "function",
                "defguardp": "function",
                "defmacro": "macro",
                "defmacrop": "macro",
                "test": "test",
                "describe": "test",
                "property": "test",
            },
        ),
    },
    leads=types("unary_operator"),
    clauses=True,
    # The name of "add(a, b) when a > b", "a + b" and of "adds two numbers" in quotes.
    pattern=re.compile(r"\"[^\"]*\"|[\w.]+[!?]?(?=[\s,(]|$)|[^\w\s]+"),
)

_ERLANG = Grammar(
    rules={
        "fun_decl": rule("function", "clause/name"),
        "spec": rule("function", "fun"),
        "record_decl": rule("struct"),
        "type_alias": rule("type", "name/name"),
        "opaque": rule("type", "name/name"),
        "pp_define": rule("macro", "lhs/name"),
    },
    clauses=True,
)

_CLOJURE_HEADS: dict[str, Kind] = {
    "def": "variable",
    "defonce": "variable",
    "defn": "function",
    "defn-": "function",
    "defmulti": "function",
    "defmethod": "function",
    "defmacro": "macro",
    "defprotocol": "interface",
    "definterface": "interface",
    "defrecord": "struct",
    "deftype": "struct",
    "deftest": "test",
    "s/def": "type",
    "s/fdef": "type",
}

_CLOJURE = Grammar(
    rules={
        "list_lit": rule(None, "#1/name", "#1", head="#0", heads=_CLOJURE_HEADS),
    },
    groups=types("read_cond_lit splicing_read_cond_lit"),
)

_LISP_HEADS: dict[str, Kind] = {
    "defvar": "variable",
    "defparameter": "variable",
    "defconstant": "variable",
    "defconst": "variable",
    "defcustom": "variable",
    "defvar-local": "variable",
    "defface": "variable",
    "defgroup": "variable",
    "defun": "function",
    "defsubst": "function",
    "cl-defun": "function",
    "cl-defmethod": "function",
    "cl-defgeneric": "function",
    "defmethod": "function",
    "defgeneric": "function",
    "define-minor-mode": "function",
    "define-derived-mode": "function",
    "defmacro": "macro",
    "cl-defmacro": "macro",
    "defclass": "class",
    "defstruct": "struct",
    "cl-defstruct": "struct",
    "deftype": "type",
    "defpackage": "namespace",
    "ert-deftest": "test",
    "deftest": "test",
    "define": "variable",
    "define-syntax": "macro",
    "define-syntax-rule": "macro",
    "define-record-type": "struct",
    "define/contract": "function",
    "struct": "struct",
}

_COMMON_LISP = Grammar(
    rules={
        "list_lit": rule(None, "#1:list_lit/#0", "#1", head="#0", heads=_LISP_HEADS),
        "defun": rule(
            None,
            ":defun_header/function_name",
            head=":defun_header/keyword",
            heads=_LISP_HEADS,
        ),
    },
    wraps=types("list_lit"),
)

_EMACS_LISP = Grammar(
    rules={
        "function_definition": rule("function"),
        "macro_definition": rule("macro"),
        "special_form": rule("variable", ":symbol"),
        "list": rule(None, "#1:list/#0", "#1", head="#0", heads=_LISP_HEADS),
    },
)

_SCHEME = Grammar(
    rules={
        "list": rule(
            None,
            "#1:list/#0",
            "#1",
            head="#0",
            heads=_LISP_HEADS,
            at="#1",
            refine={"list": "function"},
        ),
    },
)

_NIX = Grammar(
    rules={
        "binding": rule("variable", "attrpath", at="expression", refine={"function_expression": "function"}),
    },
    bodies=types(
        "function_expression let_expression attrset_expression rec_attrset_expression",
        "with_expression binding_set",
    ),
)

GRAMMARS = {
    "haskell": _HASKELL,
    "ocaml": _OCAML,
    "ocaml_interface": _OCAML,
    "elm": _ELM,
    "gleam": _GLEAM,
    "elixir": _ELIXIR,
    "erlang": _ERLANG,
    "clojure": _CLOJURE,
    "commonlisp": _COMMON_LISP,
    "elisp": _EMACS_LISP,
    "scheme": _SCHEME,
    "nix": _NIX,
}
