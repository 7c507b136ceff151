"""Every definition is found, with its kind and qualified name.

In Haskell, OCaml, Elm, Gleam, Elixir, Erlang, Clojure, the Lisps, Nix.
"""

import pytest

from tests.support.chunk_samples import definitions

SAMPLES = [
    pytest.param(
        "Shop.hs",
        """\
module Shop where

import Data.List (sort)

-- | A shape.
data Shape = Circle Double | Square Double deriving Show

newtype Id = Id Int

type Name = String

class HasArea a where
  area :: a -> Double

instance HasArea Shape where
  area (Circle r) = r
  area (Square r) = r

-- | Adds.
add :: Int -> Int -> Int
add x 0 = x
add x y = x + y

x <+> y = x
""",
        [
            "type Shape",
            "type Id",
            "type Name",
            "interface HasArea",
            "method HasArea.area",
            "class HasArea",
            "function add",
            "function <+>",
        ],
        id="Shop.hs",
    ),
    pytest.param(
        "shop.ml",
        """\
open Printf

type shape = Circle of float | Square of float

exception Oops of string

let limit = 3

(** Adds. *)
let add x y = x + y

let rec fact n = n
and other m = m

module Cart = struct
  type t = int
  let empty = 0
  let push x = x
end

module type S = sig
  val size : int
end

class point = object
  method get = 1
end

external ext : int -> int = "ext"
""",
        [
            "type shape",
            "type Oops",
            "variable limit",
            "function add",
            "function fact",
            "function other",
            "namespace Cart",
            "type Cart.t",
            "variable Cart.empty",
            "function Cart.push",
            "interface S",
            "method S.size",
            "class point",
            "method point.get",
            "function ext",
        ],
        id="shop.ml",
    ),
    pytest.param(
        "shop.mli",
        """\
type t
val add : int -> int -> int
module Cart : sig val empty : int end
""",
        [
            "type t",
            "function add",
            "namespace Cart",
        ],
        id="shop.mli",
    ),
    pytest.param(
        "Main.elm",
        """\
module Main exposing (..)
import Html
{-| Doc. -}
type Msg = Inc | Dec
type alias Model = { count : Int }
limit = 3
update : Msg -> Model -> Model
update msg model =
    model
port send : String -> Cmd msg
""",
        [
            "type Msg",
            "type Model",
            "function limit",
            "function update",
            "function send",
        ],
        id="Main.elm",
    ),
    pytest.param(
        "shop.gleam",
        """\
import gleam/io
pub const limit = 3
pub type Shape { Circle(Float) }
/// Adds.
pub fn add(x: Int, y: Int) -> Int { x + y }
type Id = Int
""",
        [
            "variable limit",
            "type Shape",
            "function add",
            "type Id",
        ],
        id="shop.gleam",
    ),
    pytest.param(
        "cart.ex",
        """\
defmodule Shop.Cart do
  @moduledoc "Carts."
  use GenServer

  @doc "Adds an item."
  @spec add(any, any) :: any
  def add(cart, item) when is_list(cart) do
    [item | cart]
  end

  def add(cart, item), do: {cart, item}

  def empty?, do: true

  defp hidden(x), do: x

  defmacro twice(x) do
    x
  end

  defmodule Inner do
    def deep(), do: 1
  end
end

defprotocol Size do
  def size(x)
end

defimpl Size, for: List do
  def size(x), do: length(x)
end

test "adds things" do
  assert true
end
""",
        [
            "namespace Shop.Cart",
            "function Shop.Cart.add",
            "function Shop.Cart.empty?",
            "function Shop.Cart.hidden",
            "macro Shop.Cart.twice",
            "namespace Shop.Cart.Inner",
            "function Shop.Cart.Inner.deep",
            "interface Size",
            "method Size.size",
            "class Size",
            "test adds things",
        ],
        id="cart.ex",
    ),
    pytest.param(
        "cart.erl",
        """\
-module(cart).
-export([add/2]).
-define(LIMIT, 3).
-record(point, {x, y}).
-type id() :: integer().
%% Adds.
-spec add(integer(), integer()) -> integer().
add(X, 0) -> X;
add(X, Y) -> X + Y.
empty() -> [].
""",
        [
            "macro LIMIT",
            "struct point",
            "type id",
            "function add",
            "function empty",
        ],
        id="cart.erl",
    ),
    pytest.param(
        "cart.clj",
        """\
(ns shop.cart (:require [clojure.string :as str]))
(def limit 3)
;; Adds.
(defn add
  "Doc"
  [x y] (+ x y))
(defn- hidden [x] x)
(defmacro twice [x] x)
(defprotocol Shape (area [this]))
(defrecord Circle [r] Shape (area [this] r))
(defmulti kind :type)
(defmethod kind :a [_] 1)
(deftest adds (is true))
""",
        [
            "variable limit",
            "function add",
            "function hidden",
            "macro twice",
            "interface Shape",
            "struct Circle",
            "function kind",
            "test adds",
        ],
        id="cart.clj",
    ),
    pytest.param(
        "shop.lisp",
        """\
(in-package :shop)
(defvar *limit* 3)
(defun add (x y) (+ x y))
(defclass cart () ((items)))
(defmethod total ((c cart)) 1)
(defmacro twice (x) x)
(defstruct point x y)
""",
        [
            "variable *limit*",
            "function add",
            "class cart",
            "function total",
            "macro twice",
            "struct point",
        ],
        id="shop.lisp",
    ),
    pytest.param(
        "shop.el",
        """\
(require 'cl)
(defvar limit 3 "Doc")
(defun add (x y) "Doc" (+ x y))
(defmacro twice (x) x)
(defcustom a 1 "b")
(define-minor-mode foo-mode "x")
""",
        [
            "variable limit",
            "function add",
            "macro twice",
            "variable a",
            "function foo-mode",
        ],
        id="shop.el",
    ),
    pytest.param(
        "shop.scm",
        """\
(define limit 3)
(define (add x y) (+ x y))
(define-syntax twice (syntax-rules () ((_ x) x)))
""",
        [
            "variable limit",
            "function add",
            "macro twice",
        ],
        id="shop.scm",
    ),
    pytest.param(
        "shop.rkt",
        """\
#lang racket
(define (add x y) (+ x y))
(struct point (x y))
(define limit 3)
""",
        [
            "function add",
            "struct point",
            "variable limit",
        ],
        id="shop.rkt",
    ),
    pytest.param(
        "module.nix",
        """\
{ pkgs, lib, ... }:
let
  version = "1";
  helper = x: x + 1;
in {
  imports = [ ./a.nix ];
  services.nginx = {
    enable = true;
    config = { a, b }: a;
  };
}
""",
        [
            "variable version",
            "function helper",
            "variable imports",
            "variable services.nginx",
            "variable services.nginx.enable",
            "function services.nginx.config",
        ],
        id="module.nix",
    ),
]


@pytest.mark.parametrize(("path", "source", "expected"), SAMPLES)
def test_definitions_have_their_kinds_and_qualified_names(path: str, source: str, expected: list[str]) -> None:
    assert definitions(path, source) == expected
