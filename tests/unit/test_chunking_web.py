"""Every definition is found, with its kind and qualified name.

In JavaScript, TypeScript, HTML, Vue, Svelte, XML, CSS, SCSS.
"""

import pytest

from tests.support.chunk_samples import definitions

SAMPLES = [
    pytest.param(
        "shop.js",
        """\
import fs from "fs";

const LIMIT = 3;

/** Says hello. */
function hello(name) { return name; }

export default class Shop extends Base {
  #secret = 1;

  constructor() { super(); }

  get total() {
    return 1;
  }

  handle = (e) => { return e; };
}

export const arrow = async (x) => x + 1;

var old = function () {};

Shop.prototype.sell = function () { return 1; };

exports.helper = function helper() {};

module.exports = {
  run() { return 1; },
  stop: function () {},
};

describe("cart", () => {
  it("adds things", () => { expect(1); });
});

function* generate() {}
""",
        [
            "variable LIMIT",
            "function hello",
            "class Shop",
            "variable Shop.secret",
            "method Shop.constructor",
            "method Shop.total",
            "method Shop.handle",
            "function arrow",
            "function old",
            "function Shop.sell",
            "function helper",
            "method run",
            "function stop",
            "test cart",
            "test cart.adds things",
            "function generate",
        ],
        id="shop.js",
    ),
    pytest.param(
        "App.jsx",
        """\
export function App({ name }) {
  return <div className="a">{name}</div>;
}
const Button = ({ label }) => <button>{label}</button>;
export default App;
""",
        [
            "function App",
            "function Button",
        ],
        id="App.jsx",
    ),
    pytest.param(
        "shop.ts",
        """\
import { a } from "./a";

export interface Shape {
  area(): number;
}

type Id = string | number;

export enum Color { Red, Green }

namespace Geo {
  export class Circle implements Shape {
    private r = 1;

    constructor(private x: number) {}

    area(): number {
      return 1;
    }

    static of = (): Circle => new Circle(1);
  }
}

declare module "foo" {
  function bar(): void;
}

abstract class Base {
  abstract run(): void;
}

export const make = (n: number): Id => n;

export function over(a: string): void;
export function over(a: any) {}

@Injectable()
export class Service {
  @Input() x: string;
  go() {}
}
""",
        [
            "interface Shape",
            "method Shape.area",
            "type Id",
            "enum Color",
            "namespace Geo",
            "class Geo.Circle",
            "variable Geo.Circle.r",
            "method Geo.Circle.constructor",
            "method Geo.Circle.area",
            "method Geo.Circle.of",
            "namespace foo",
            "function foo.bar",
            "class Base",
            "method Base.run",
            "function make",
            "function over",
            "class Service",
            "variable Service.x",
            "method Service.go",
        ],
        id="shop.ts",
    ),
    pytest.param(
        "Button.tsx",
        """\
interface Props { label: string }
export const Button: React.FC<Props> = ({ label }) => { return <button>{label}</button>; };
export default function Page() { return <Button label="x" />; }
""",
        [
            "interface Props",
            "function Button",
            "function Page",
        ],
        id="Button.tsx",
    ),
    pytest.param(
        "index.html",
        """\
<!DOCTYPE html>
<html>
<head>
<script>
function hello() {
  return 1;
}
</script>
<script type="application/json">
{"a": 1}
</script>
<style>
.button { color: red }
</style>
</head>
<body>
<div id="main">
<p>Hi</p>
</div>
</body>
</html>
""",
        [
            "function hello",
            "element script",
            "rule .button",
            "element div#main",
        ],
        id="index.html",
    ),
    pytest.param(
        "Card.vue",
        """\
<template>
  <div>{{ a }}</div>
</template>

<script setup lang="ts">
import x from "x";

interface Props {
  a: string
}

function hello(): void {}
</script>

<style scoped lang="scss">
.card { .title { color: red; } }
</style>
""",
        [
            "element template",
            "interface Props",
            "function hello",
            "rule .card",
        ],
        id="Card.vue",
    ),
    pytest.param(
        "Counter.svelte",
        """\
<script>
  let count = 0;
  function increment() { count += 1; }
</script>

<button on:click={increment}>{count}</button>

<style>
  p { color: red }
</style>
""",
        [
            "variable count",
            "function increment",
            "rule p",
        ],
        id="Counter.svelte",
    ),
    pytest.param(
        "build.xml",
        """\
<?xml version="1.0"?>
<project name="x">
  <target name="build"><a/></target>
</project>
""",
        [
            "element project#x",
            "element target#build",
        ],
        id="build.xml",
    ),
    pytest.param(
        "style.css",
        """\
@import "a.css";
:root { --a: 1; }
/* Button. */
.button, a:hover > .x {
  color: red;
}
@media (max-width: 10px) {
  .button { color: blue; }
}
@keyframes spin { from { a: 1 } }
@font-face { font-family: x; }
""",
        [
            "rule :root",
            "rule .button, a:hover > .x",
            "rule .button",
            "rule spin",
        ],
        id="style.css",
    ),
    pytest.param(
        "style.scss",
        """\
@mixin big($x) { size: $x; }

@function double($n) { @return $n * 2; }

.card {
  .title { color: red; }
  @include big(1);
}
""",
        [
            "macro big",
            "function double",
            "rule .card",
            "rule .title",
        ],
        id="style.scss",
    ),
]


@pytest.mark.parametrize(("path", "source", "expected"), SAMPLES)
def test_definitions_have_their_kinds_and_qualified_names(path: str, source: str, expected: list[str]) -> None:
    assert definitions(path, source) == expected
