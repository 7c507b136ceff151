"""Every definition is found, with its kind and qualified name.

In shells, build files, schemas and configuration.
"""

import pytest

from tests.support.chunk_samples import definitions

SAMPLES = [
    pytest.param(
        "build.sh",
        """\
#!/usr/bin/env bash
set -e
LIMIT=3
# Greets.
greet() {
  echo "hi $1"
}
function build {
  make
}
greet world
""",
        [
            "variable LIMIT",
            "function greet",
            "function build",
        ],
        id="build.sh",
    ),
    pytest.param(
        "greet.fish",
        """\
function greet
  echo hi
end
set -g LIMIT 3
""",
        [
            "function greet",
        ],
        id="greet.fish",
    ),
    pytest.param(
        "Add.ps1",
        """\
param([string]$Name)
$limit = 3
# Adds.
function Add-Thing {
    param($x)
    return $x
}
class Cart : Base {
    [int]$Count
    Cart() { }
    [int] Add([int]$x) { return $x }
}
enum Color { Red }
filter Foo { $_ }
""",
        [
            "variable $limit",
            "function Add-Thing",
            "class Cart",
            "variable Cart.$Count",
            "method Cart.Cart",
            "method Cart.Add",
            "enum Color",
            "function Foo",
        ],
        id="Add.ps1",
    ),
    pytest.param(
        "Makefile",
        """\
CC := gcc
include other.mk
.PHONY: all
all: build test
	@echo done
%.o: %.c
	$(CC) -c $<
define RUN
echo
endef
ifdef X
test:
	pytest
endif
""",
        [
            "variable CC",
            "rule .PHONY",
            "rule all",
            "rule %.o",
            "macro RUN",
            "rule test",
        ],
        id="Makefile",
    ),
    pytest.param(
        "CMakeLists.txt",
        """\
cmake_minimum_required(VERSION 3.1)
set(LIMIT 3)
function(add_thing x)
  message("a")
endfunction()
macro(twice x)
endmacro()
if(X)
  add_library(a a.c)
endif()
""",
        [
            "variable LIMIT",
            "function add_thing",
            "macro twice",
            "resource a",
        ],
        id="CMakeLists.txt",
    ),
    pytest.param(
        "cart.proto",
        """\
syntax = "proto3";
package shop;
import "a.proto";

// A cart.
message Cart {
  string id = 1;
  message Item {
    string name = 1;
  }
  enum Kind {
    A = 0;
  }
}

service Shop {
  rpc Sell (Cart) returns (Cart) { }
  rpc Buy (Cart) returns (Cart);
}
""",
        [
            "struct Cart",
            "struct Cart.Item",
            "enum Cart.Kind",
            "interface Shop",
            "method Shop.Sell",
            "method Shop.Buy",
        ],
        id="cart.proto",
    ),
    pytest.param(
        "schema.graphql",
        """\
"Doc."
type User implements Node { id: ID! name(x: Int): String }
interface Node { id: ID! }
enum Color { RED }
input NewUser { name: String }
union Any = User
scalar Date
extend type User { x: Int }
directive @auth on OBJECT
schema { query: Query }
query GetUser($id: ID) { user(id: $id) { name } }
mutation Save { save { id } }
fragment F on User { id }
""",
        [
            "struct User",
            "interface Node",
            "enum Color",
            "struct NewUser",
            "type Any",
            "type Date",
            "macro auth",
            "function GetUser",
            "function Save",
            "function F",
        ],
        id="schema.graphql",
    ),
    pytest.param(
        "shop.thrift",
        """\
namespace py shop
struct Cart { 1: string id }
enum Color { RED = 1 }
service Shop { i32 sell(1: Cart c) }
exception Bad { 1: string m }
""",
        [
            "struct Cart",
            "enum Color",
            "interface Shop",
            "struct Bad",
        ],
        id="shop.thrift",
    ),
    pytest.param(
        "schema.prisma",
        """\
model User { id Int @id }
enum Role { ADMIN }
datasource db { provider = "postgresql" }
""",
        [
            "struct User",
            "enum Role",
            "resource db",
        ],
        id="schema.prisma",
    ),
    pytest.param(
        "main.tf",
        """\
terraform {
  required_version = "1.0"
}
variable "region" {
  default = "eu"
}
resource "aws_instance" "web" {
  ami = "x"
  ebs_block_device { size = 1 }
}
locals { a = 1 }
output "ip" { value = 1 }
""",
        [
            "resource terraform",
            "resource variable.region",
            "resource aws_instance.web",
            "resource aws_instance.web.ebs_block_device",
            "resource locals",
            "resource output.ip",
        ],
        id="main.tf",
    ),
    pytest.param(
        "main.bicep",
        """\
param name string
var x = 1
resource st 'Microsoft.Storage/storageAccounts@2021' = { name: name }
module m './a.bicep' = { name: 'x' }
output o string = name
func f(a string) string => a
""",
        [
            "variable name",
            "variable x",
            "resource st",
            "resource m",
            "variable o",
            "function f",
        ],
        id="main.bicep",
    ),
]


@pytest.mark.parametrize(("path", "source", "expected"), SAMPLES)
def test_definitions_have_their_kinds_and_qualified_names(path: str, source: str, expected: list[str]) -> None:
    assert definitions(path, source) == expected
