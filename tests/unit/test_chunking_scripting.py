"""Every definition is found, with its kind and qualified name.

In Python, Ruby, PHP, Lua, R, Julia, MATLAB, GDScript, Starlark, Vim script.
"""

import pytest

from tests.support.chunk_samples import definitions

SAMPLES = [
    pytest.param(
        "shop.py",
        '''\
"""Shops."""
import os
from typing import TYPE_CHECKING

LIMIT: int = 3

if TYPE_CHECKING:
    from a import b

# Says hello.
@decorated(1)
def hello(name):
    return name

class Outer(Base):
    """All about the outside."""

    attribute = 1

    class Inner:
        def deep(self): ...

    @property
    def size(self):
        return 1

    async def run(self):
        local = 1
        await local

type Alias = list[int]

try:
    import json
except ImportError:
    def fallback(): pass
''',
        [
            "variable LIMIT",
            "function hello",
            "class Outer",
            "variable Outer.attribute",
            "class Outer.Inner",
            "method Outer.Inner.deep",
            "method Outer.size",
            "method Outer.run",
            "type Alias",
            "function fallback",
        ],
        id="shop.py",
    ),
    pytest.param(
        "shop.rb",
        """\
require "json"

LIMIT = 3

module Shop
  # A cart.
  class Cart < Base
    attr_reader :items

    def initialize
      @items = []
    end

    def self.build = new

    class << self
      def make; end
    end
  end
end

class Shop::Order
  def total
    1
  end
end

def top; end

describe "Cart" do
  it "adds" do
    expect(1)
  end
end
""",
        [
            "variable LIMIT",
            "namespace Shop",
            "class Shop.Cart",
            "method Shop.Cart.initialize",
            "method Shop.Cart.build",
            "method Shop.Cart.make",
            "class Shop.Order",
            "method Shop.Order.total",
            "function top",
            "test Cart",
            "test Cart.adds",
        ],
        id="shop.rb",
    ),
    pytest.param(
        "Cart.php",
        """\
<?php
namespace App\\Shop;

use App\\Base;

const LIMIT = 3;

/** A cart. */
abstract class Cart extends Base implements Sells {
    const MAX = 1;
    private $items = [];

    #[Pure]
    public function add($x) {
        return $x;
    }
}

interface Sells {
    public function sell();
}

trait Loud {
    function shout() {}
}

enum Suit: string {
    case Hearts = 'H';
    public function label() {}
}

function helper($a) { return $a; }
?>
<p>Hi</p>
""",
        [
            "variable LIMIT",
            "class Cart",
            "variable Cart.MAX",
            "variable Cart.$items",
            "method Cart.add",
            "interface Sells",
            "method Sells.sell",
            "class Loud",
            "method Loud.shout",
            "enum Suit",
            "method Suit.label",
            "function helper",
        ],
        id="Cart.php",
    ),
    pytest.param(
        "shop.lua",
        """\
local M = {}
local LIMIT = 3

local function hidden(x)
  return x
end

function M.open(path)
  return path
end

function M:close() end

M.late = function(x) return x end

return M
""",
        [
            "variable M",
            "variable LIMIT",
            "function hidden",
            "function M.open",
            "function M.close",
            "function M.late",
        ],
        id="shop.lua",
    ),
    pytest.param(
        "shop.luau",
        """\
local function f(x: number): number return x end
type P = { x: number }
function M.g() end
""",
        [
            "function f",
            "type P",
            "function M.g",
        ],
        id="shop.luau",
    ),
    pytest.param(
        "shop.R",
        """\
library(dplyr)
limit <- 3
# Adds.
add <- function(x, y) {
  x + y
}
square = function(x) x^2
setClass("Point", representation(x = "numeric"))
Person <- R6Class("Person", public = list(name = NULL, greet = function() { 1 }))
""",
        [
            "variable limit",
            "function add",
            "function square",
            "class Point",
            "variable Person",
        ],
        id="shop.R",
    ),
    pytest.param(
        "shop.jl",
        """\
module Shop
using LinearAlgebra
const LIMIT = 3
"Doc."
struct Point
    x::Int
end
mutable struct Cart; items; end
abstract type Shape end
function add(x::Int, y)
    return x + y
end
square(x) = x^2
macro twice(e) e end
function Base.show(io::IO, p::Point) end
end
""",
        [
            "namespace Shop",
            "variable Shop.LIMIT",
            "struct Shop.Point",
            "struct Shop.Cart",
            "interface Shop.Shape",
            "function Shop.add",
            "function Shop.square",
            "macro Shop.twice",
            "function Shop.Base.show",
        ],
        id="shop.jl",
    ),
    pytest.param(
        "cart.m",
        """\
function y = add(x)
  y = x;
end
classdef Cart < handle
  methods
    function go(obj)
    end
  end
end
""",
        [
            "function add",
            "class Cart",
            "method Cart.go",
        ],
        id="cart.m",
    ),
    pytest.param(
        "cart.gd",
        """\
class_name Cart
extends Node
const LIMIT = 3
var count = 0
signal changed(x)
enum Color { RED }
class Inner:
    func deep():
        pass
func add(x):
    return x
static func make():
    pass
""",
        [
            "variable LIMIT",
            "variable count",
            "type changed",
            "enum Color",
            "class Inner",
            "method Inner.deep",
            "function add",
            "function make",
        ],
        id="cart.gd",
    ),
    pytest.param(
        "BUILD",
        """\
load("a", "b")
LIMIT = 3
def _impl(ctx):
    return 1
my_rule = rule(implementation = _impl)
cc_library(
    name = "lib",
    srcs = ["a.c"],
)
""",
        [
            "variable LIMIT",
            "function _impl",
            "variable my_rule",
            "resource lib",
        ],
        id="BUILD",
    ),
    pytest.param(
        "shop.vim",
        """\
let g:limit = 3
function! s:Add(x) abort
  return a:x
endfunction
command! Foo call s:Add(1)
""",
        [
            "variable g:limit",
            "function s:Add",
            "function Foo",
        ],
        id="shop.vim",
    ),
]


@pytest.mark.parametrize(("path", "source", "expected"), SAMPLES)
def test_definitions_have_their_kinds_and_qualified_names(path: str, source: str, expected: list[str]) -> None:
    assert definitions(path, source) == expected
