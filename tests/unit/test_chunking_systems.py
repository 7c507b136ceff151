"""Every definition is found, with its kind and qualified name.

In Go, Rust, Zig, Swift, V, Solidity.
"""

from collections.abc import Iterable

import pytest

from pgdex.indexer.chunking import chunk_file
from pgdex.indexer.languages import language_of
from tests.support.chunk_samples import definitions

SAMPLES = [
    pytest.param(
        "main.go",
        """\
package main

import "fmt"

const Limit = 3

const (
	A = iota
	B
)

var cache = map[string]int{}

type ID string

type Shape interface {
	Area() float64
}

// Circle is round.
type Circle struct {
	R float64
}

func (c *Circle) Area() float64 { return c.R }

func (l List[T]) Len() int { return 0 }

func main() { fmt.Println(1) }
""",
        [
            "variable Limit",
            "variable A",
            "variable B",
            "variable cache",
            "type ID",
            "interface Shape",
            "method Shape.Area",
            "struct Circle",
            "method Circle.Area",
            "method List.Len",
            "function main",
        ],
        id="main.go",
    ),
    pytest.param(
        "lib.rs",
        """\
use std::fmt;

const LIMIT: u32 = 3;
static NAME: &str = "x";

/// A shape.
#[derive(Debug)]
pub struct Circle<T> {
    radius: T,
}

pub enum Kind {
    Round,
    Angular(u8),
}

pub trait Shape {
    fn area(&self) -> f64;
    fn twice(&self) -> f64 {
        2.0 * self.area()
    }
}

impl<T> Shape for Circle<T> {
    fn area(&self) -> f64 {
        1.0
    }
}

impl Circle<u8> {
    pub fn new() -> Self {
        todo!()
    }
}

type Id = u32;

macro_rules! square {
    ($x:expr) => { $x * $x };
}

mod tests {
    #[test]
    fn works() {}
}

fn main() {}
""",
        [
            "variable LIMIT",
            "variable NAME",
            "struct Circle",
            "enum Kind",
            "interface Shape",
            "method Shape.area",
            "method Shape.twice",
            "class Circle",
            "method Circle.area",
            "method Circle.new",
            "type Id",
            "macro square",
            "namespace tests",
            "function tests.works",
            "function main",
        ],
        id="lib.rs",
    ),
    pytest.param(
        "main.zig",
        """\
const std = @import("std");

pub const Point = struct {
    x: i32,

    pub fn sum(self: Point) i32 {
        return self.x;
    }
};

const Color = enum { red, green };

pub fn main() !void {}

test "adds" {
    try std.testing.expect(true);
}
""",
        [
            "variable std",
            "struct Point",
            "method Point.sum",
            "enum Color",
            "function main",
            "test adds",
        ],
        id="main.zig",
    ),
    pytest.param(
        "Shop.swift",
        """\
import Foundation

let limit = 3

protocol Shape {
    func area() -> Double
}

/// A circle.
public class Circle: Shape {
    var r: Double = 1

    init(r: Double) {
        self.r = r
    }

    deinit {
    }

    func area() -> Double {
        return r
    }
}

struct Point {
    var x: Int
    func sum() -> Int { x }
}

enum Color {
    case red, green
    func next() -> Color { .red }
}

extension Circle {
    func twice() -> Double { 2 }
}

actor Bank {
    func pay() {}
}

typealias Id = Int

func main() {}
""",
        [
            "variable limit",
            "interface Shape",
            "method Shape.area",
            "class Circle",
            "variable Circle.r",
            "method Circle.init",
            "method Circle.deinit",
            "method Circle.area",
            "struct Point",
            "variable Point.x",
            "method Point.sum",
            "enum Color",
            "method Color.next",
            "method Circle.twice",
            "class Bank",
            "method Bank.pay",
            "type Id",
            "function main",
        ],
        id="Shop.swift",
    ),
    pytest.param(
        "main.vv",
        """\
module main
import os
const limit = 3
struct Point { x int }
interface Shape { area() f64 }
enum Color { red green }
fn (p Point) sum() int { return p.x }
fn main() { println('x') }
type Id = int
""",
        [
            "variable limit",
            "struct Point",
            "interface Shape",
            "enum Color",
            "method Point.sum",
            "function main",
            "type Id",
        ],
        id="main.vv",
    ),
    pytest.param(
        "Token.sol",
        """\
// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;
import "./A.sol";

interface ISink {
    function put(uint x) external;
}

library Math {
    function add(uint a, uint b) internal pure returns (uint) { return a + b; }
}

/// A token.
contract Token is ISink {
    uint constant LIMIT = 3;
    event Sent(address to);
    error Bad();
    struct P { uint x; }
    enum Color { Red }

    modifier onlyOwner() { _; }

    constructor() {}

    function put(uint x) external {}

    receive() external payable {}
}

function free(uint x) pure returns (uint) { return x; }
""",
        [
            "interface ISink",
            "method ISink.put",
            "class Math",
            "method Math.add",
            "class Token",
            "variable Token.LIMIT",
            "type Token.Sent",
            "type Token.Bad",
            "struct Token.P",
            "enum Token.Color",
            "method Token.onlyOwner",
            "method Token.constructor",
            "method Token.put",
            "method Token.receive",
            "function free",
        ],
        id="Token.sol",
    ),
]


@pytest.mark.parametrize(("path", "source", "expected"), SAMPLES)
def test_definitions_have_their_kinds_and_qualified_names(path: str, source: str, expected: list[str]) -> None:
    assert definitions(path, source) == expected


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("a.go", "package os\n\ntype DirEntry = fs.DirEntry\n"),
        ("a.cpp", "namespace os {\nusing DirEntry = fs::DirEntry;\n}\n"),
    ],
)
def test_an_alias_that_is_called_like_what_it_stands_for_passes_it_on(path: str, source: str) -> None:
    def last_parts(names: Iterable[str]) -> set[str]:
        return {name.rpartition(".")[2] for name in names}

    chunks = chunk_file(source, language_of(path))
    assert all("DirEntry" not in last_parts(chunk.defines) for chunk in chunks)
    assert any("DirEntry" in last_parts(chunk.declares) for chunk in chunks)

    chunks = chunk_file(source.replace("DirEntry =", "Entry ="), language_of(path))
    assert any("Entry" in last_parts(chunk.defines) for chunk in chunks)
