"""Every definition is found, with its kind and qualified name.

In Java, Kotlin, Scala, C#, F#, Dart.
"""

import pytest

from tests.support.chunk_samples import definitions

SAMPLES = [
    pytest.param(
        "Shop.java",
        """\
package com.example;

import java.util.List;

/** Sells things. */
@Service
public class Shop extends Base implements Sells {
    private static final int LIMIT = 3;

    public Shop() {
    }

    @Override
    public int sell(int n) {
        return n;
    }

    static class Inner {
        void deep() {
        }
    }

    enum Color {
        RED, GREEN;

        Color next() {
            return RED;
        }
    }

    interface Sink {
        void put(int x);
    }
}

record Point(int x, int y) {
    int sum() {
        return x + y;
    }
}

@interface Marker {
}
""",
        [
            "class Shop",
            "variable Shop.LIMIT",
            "method Shop.Shop",
            "method Shop.sell",
            "class Shop.Inner",
            "method Shop.Inner.deep",
            "enum Shop.Color",
            "method Shop.Color.next",
            "interface Shop.Sink",
            "method Shop.Sink.put",
            "struct Point",
            "method Point.sum",
            "interface Marker",
        ],
        id="Shop.java",
    ),
    pytest.param(
        "Shop.kt",
        """\
package shop

import kotlin.math.*

const val LIMIT = 3

data class Point(val x: Int, val y: Int)

interface Shape {
    fun area(): Double
}

/** A circle. */
class Circle(private val r: Double) : Shape {
    var count = 0

    override fun area(): Double {
        return r
    }

    companion object {
        fun of(r: Double) = Circle(r)
    }

    class Inner {
        fun deep() {}
    }
}

object Single {
    fun go() {}
}

enum class Color {
    RED, GREEN
}

fun String.shout(): String = this

typealias Id = Int

fun main() {}
""",
        [
            "variable LIMIT",
            "class Point",
            "interface Shape",
            "method Shape.area",
            "class Circle",
            "variable Circle.count",
            "method Circle.area",
            "class Circle.Companion",
            "method Circle.Companion.of",
            "class Circle.Inner",
            "method Circle.Inner.deep",
            "class Single",
            "method Single.go",
            "enum Color",
            "function shout",
            "type Id",
            "function main",
        ],
        id="Shop.kt",
    ),
    pytest.param(
        "Shop.scala",
        """\
package shop

import scala.util.Try

case class Point(x: Int, y: Int)

trait Shape {
  def area: Double
}

object Shop {
  val limit = 3
  type Id = Int

  def sell(n: Int): Int = n

  class Inner {
    def deep(): Unit = ()
  }
}

class Circle(r: Double) extends Shape {
  override def area: Double = r
}

enum Color {
  case Red, Green
}

def top(x: Int) = x
""",
        [
            "class Point",
            "interface Shape",
            "method Shape.area",
            "class Shop",
            "variable Shop.limit",
            "type Shop.Id",
            "method Shop.sell",
            "class Shop.Inner",
            "method Shop.Inner.deep",
            "class Circle",
            "method Circle.area",
            "enum Color",
            "function top",
        ],
        id="Shop.scala",
    ),
    pytest.param(
        "Cart.cs",
        """\
using System;

namespace Shop.Core {
    /// <summary>A cart.</summary>
    [Serializable]
    public class Cart : Base {
        private const int Limit = 3;
        public int Count { get; set; }
        public event EventHandler Changed;

        public Cart() { }

        public int Add(int n) {
            return n;
        }

        public static Cart operator +(Cart a, Cart b) => a;

        class Inner {
            void Deep() { }
        }
    }

    interface ISink {
        void Put(int x);
    }

    enum Color { Red }

    struct Point {
        int x;
    }

    record Person(string Name);

    delegate void Handler(int x);
}
""",
        [
            "namespace Shop.Core",
            "class Cart",
            "variable Cart.Limit",
            "variable Cart.Count",
            "variable Cart.Changed",
            "method Cart.Cart",
            "method Cart.Add",
            "method Cart.+",
            "class Cart.Inner",
            "method Cart.Inner.Deep",
            "interface ISink",
            "method ISink.Put",
            "enum Color",
            "struct Point",
            "variable Point.x",
            "struct Person",
            "type Handler",
        ],
        id="Cart.cs",
    ),
    pytest.param(
        "Shop.fs",
        """\
module Shop
open System
let limit = 3
/// Adds.
let add x y = x + y
type Shape = Circle of float | Square of float
type Point = { X: int; Y: int }
type Cart() =
    member this.Add(x) = x
    static member Make() = Cart()
module Inner =
    let deep x = x
""",
        [
            "namespace Shop",
            "variable Shop.limit",
            "function Shop.add",
            "enum Shop.Shape",
            "struct Shop.Point",
            "class Shop.Cart",
            "method Shop.Cart.Add",
            "method Shop.Cart.Make",
            "namespace Shop.Inner",
            "function Shop.Inner.deep",
        ],
        id="Shop.fs",
    ),
    pytest.param(
        "shop.dart",
        """\
import 'dart:io';

const limit = 3;

abstract class Shape {
  double area();
}

/// A circle.
class Circle extends Shape with Loud {
  final double r;

  Circle(this.r);

  @override
  double area() {
    return r;
  }

  int get twice => 2;

  static void go() {}
}

mixin Loud {
  void shout() {}
}

enum Color { red, green }

extension StringX on String {
  String up() => this;
}

typedef Id = int;

void main() {
  print(1);
}
""",
        [
            "variable limit",
            "class Shape",
            "method Shape.area",
            "class Circle",
            "variable Circle.r",
            "method Circle.Circle",
            "method Circle.area",
            "method Circle.twice",
            "method Circle.go",
            "class Loud",
            "method Loud.shout",
            "enum Color",
            "class StringX",
            "method StringX.up",
            "type Id",
            "function main",
        ],
        id="shop.dart",
    ),
]


@pytest.mark.parametrize(("path", "source", "expected"), SAMPLES)
def test_definitions_have_their_kinds_and_qualified_names(path: str, source: str, expected: list[str]) -> None:
    assert definitions(path, source) == expected
