"""Every definition is found, with its kind and qualified name.

In C, C++, CUDA, GLSL, Objective-C, D.
"""

import pytest

from tests.support.chunk_samples import definitions

SAMPLES = [
    pytest.param(
        "cart.c",
        """\
#include <stdio.h>

#define LIMIT 3
#define SQUARE(x) ((x) * (x))

typedef unsigned int uint;

typedef struct { int a; } Anon;

struct point {
    int x;
};

enum color { RED, GREEN };

static int counter = 0;

int add(int a, int b);

/* Adds them all. */
static int *add_all(int *xs, int n)
{
    int local = n;
    return xs;
}

#ifdef DEBUG
void debug(void) { }
#endif
""",
        [
            "macro LIMIT",
            "macro SQUARE",
            "type uint",
            "struct Anon",
            "struct point",
            "enum color",
            "variable counter",
            "function add",
            "function add_all",
            "function debug",
        ],
        id="cart.c",
    ),
    pytest.param(
        "shape.cpp",
        """\
#include <vector>

namespace geo {

class Circle : public Shape {
public:
  Circle();
  ~Circle() {}
  double area() const override {
    return 1;
  }
  template <typename T> T get() { return T(); }
  bool operator==(const Circle& o) const { return true; }

private:
  double r_;
};

struct Point {
  int x;
};

enum class Color { Red };

template <typename T>
class Box {
  void put(T x) {}
};

}

double geo::Circle::area() const { return 2; }

template <class T> T max_of(T a, T b) { return a; }

using Id = int;

extern "C" {
int c_api(int (*callback)(int));
}

Shop::operator bool() const { return true; }

int main() { return 0; }
""",
        [
            "namespace geo",
            "class geo.Circle",
            "method geo.Circle.Circle",
            "method geo.Circle.~Circle",
            "method geo.Circle.area",
            "method geo.Circle.get",
            "method geo.Circle.operator==",
            "variable geo.Circle.r_",
            "struct geo.Point",
            "variable geo.Point.x",
            "enum geo.Color",
            "class geo.Box",
            "method geo.Box.put",
            "function geo.Circle.area",
            "function max_of",
            "type Id",
            "function c_api",
            "function Shop.operator bool",
            "function main",
        ],
        id="shape.cpp",
    ),
    pytest.param(
        "kernel.cu",
        """\
__global__ void add(int *a) { a[0] = 1; }

int main() { add<<<1,1>>>(0); }
""",
        [
            "function add",
            "function main",
        ],
        id="kernel.cu",
    ),
    pytest.param(
        "light.glsl",
        """\
#version 330
uniform vec3 a;
struct Light { vec3 p; };
vec3 add(vec3 x) { return x; }
void main() { }
""",
        [
            "variable a",
            "struct Light",
            "function add",
            "function main",
        ],
        id="light.glsl",
    ),
    pytest.param(
        "Cart.m",
        """\
#import <Foundation/Foundation.h>

@protocol Sink <NSObject>
- (void)put:(int)x;
@end

@interface Cart : NSObject <Sink>
@property (nonatomic) int count;
- (int)add:(int)x to:(int)y;
@end

@implementation Cart
- (int)add:(int)x to:(int)y {
  return x;
}
+ (instancetype)make { return nil; }
@end

int main(int argc, char **argv) { return 0; }
""",
        [
            "interface Sink",
            "method Sink.put:",
            "class Cart",
            "variable Cart.count",
            "method Cart.add:to:",
            "method Cart.make",
            "function main",
        ],
        id="Cart.m",
    ),
    pytest.param(
        "shop.d",
        """\
module shop;
import std.stdio;
class Cart : Base { int count; this() {} int add(int x) { return x; } }
struct P { int x; }
interface I { void f(); }
enum Color { red }
T maxOf(T)(T a, T b) { return a; }
void main() { }
unittest { assert(1); }
alias Id = int;
""",
        [
            "class Cart",
            "struct P",
            "interface I",
            "enum Color",
            "function maxOf",
            "function main",
            "test unittest",
            "type Id",
        ],
        id="shop.d",
    ),
]


@pytest.mark.parametrize(("path", "source", "expected"), SAMPLES)
def test_definitions_have_their_kinds_and_qualified_names(path: str, source: str, expected: list[str]) -> None:
    assert definitions(path, source) == expected
