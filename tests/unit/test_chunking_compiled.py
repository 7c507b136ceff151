"""Every definition is found, with its kind and qualified name.

In Nim, Fortran, Pascal, Ada, Verilog.
"""

import pytest

from tests.support.chunk_samples import definitions

SAMPLES = [
    pytest.param(
        "shop.nim",
        """\
import strutils
const limit = 3
type
  Point = object
    x: int
  Color = enum red, green
proc add(x, y: int): int =
  x + y
func square(x: int): int = x * x
template twice(x) = x
method area(s: Shape): float {.base.} = 1
""",
        [
            "variable limit",
            "struct Point",
            "enum Color",
            "function add",
            "function square",
            "macro twice",
            "function area",
        ],
        id="shop.nim",
    ),
    pytest.param(
        "shop.f90",
        """\
module shop
  implicit none
  type :: point
    integer :: x
  end type point
contains
  function add(x, y) result(z)
    integer :: x, y, z
    z = x + y
  end function add
  subroutine go()
  end subroutine go
end module shop
program main
  print *, 1
end program main
""",
        [
            "namespace shop",
            "struct shop.point",
            "function shop.add",
            "function shop.go",
            "function main",
        ],
        id="shop.f90",
    ),
    pytest.param(
        "shop.pas",
        """\
program Shop;
type
  TCart = class
    procedure Add(x: Integer);
  end;
procedure TCart.Add(x: Integer);
begin
end;
function Twice(x: Integer): Integer;
begin
  Result := x;
end;
begin
end.
""",
        [
            "class TCart",
            "method TCart.Add",
            "function TCart.Add",
            "function Twice",
        ],
        id="shop.pas",
    ),
    pytest.param(
        "shop.adb",
        """\
with Ada.Text_IO;
package body Shop is
   procedure Add (X : Integer) is
   begin
      null;
   end Add;
   function Twice (X : Integer) return Integer is
   begin
      return X;
   end Twice;
end Shop;
""",
        [
            "namespace Shop",
            "function Shop.Add",
            "function Shop.Twice",
        ],
        id="shop.adb",
    ),
    pytest.param(
        "counter.v",
        """\
module counter(input clk, output reg [3:0] q);
  always @(posedge clk) q <= q + 1;
  function add; input a; add = a; endfunction
endmodule
""",
        [
            "class counter",
        ],
        id="counter.v",
    ),
]


@pytest.mark.parametrize(("path", "source", "expected"), SAMPLES)
def test_definitions_have_their_kinds_and_qualified_names(path: str, source: str, expected: list[str]) -> None:
    assert definitions(path, source) == expected
