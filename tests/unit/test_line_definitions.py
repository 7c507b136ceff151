"""Names that the walk of the tree does not come by: functions in functions, several names of one statement, and more.

One small source for each way to write them, by language.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.chunking import Chunk, chunk_file
from pgdex.indexer.chunking.errors_in_trees import BROKEN_SHARE, error_share
from pgdex.indexer.chunking.line_definitions import last_part
from pgdex.indexer.chunking.parsing import Watch, parse
from pgdex.indexer.languages import language_of

JS = "app.js"
TS = "app.ts"


def chunks_of(path: str, source: str) -> list[Chunk]:
    return chunk_file(source, language_of(path, source.partition("\n")[0]))


def defined(path: str, source: str) -> set[str]:
    """The names that some chunk defines, without those around them."""
    return {last_part(name) for chunk in chunks_of(path, source) for name in chunk.defines}


IDIOMS = [
    # -- JavaScript and TypeScript
    (JS, "return1(wrap(async function dispatchNow(resolve) {\n  return 1;\n}));\n", {"dispatchNow"}),
    (JS, "req.on('error', function handleSocketError(err) {});\n", {"handleSocketError"}),
    (JS, "module.exports = function adapter() {};\n", {"adapter"}),
    (JS, "exports = module.exports = function adapter() {};\n", {"adapter"}),
    (JS, "exports.limits = { most: 3 };\n", {"limits"}),
    (JS, "use({ get: function getTheRouter() {} });\n", {"get", "getTheRouter"}),
    (JS, "function f() {\n  return { shortOne(a) {\n      return a;\n    },\n  };\n}\n", {"f", "shortOne"}),
    (
        JS,
        "function makeCounter() {\n  function increase() {}\n  return { increase };\n}\n",
        {"makeCounter", "increase"},
    ),
    (JS, "function make() {\n  const lower = () => 1;\n  const raise = async (x) => {\n  };\n}\n", {"lower", "raise"}),
    (JS, "function make() {\n  const lower =\n    async () => 1;\n}\n", {"lower"}),
    (JS, "function make() {\n  this.lower = function () {};\n  a.b.raise = (x) => x;\n}\n", {"lower", "raise"}),
    (JS, "export const api = { listThings: async () => 1, removeThing() {} };\n", {"api", "listThings", "removeThing"}),
    (JS, "run({\n  'quoted-name': function () {},\n});\n", {"quoted-name"}),
    (JS, "export default class extends Base {\n  connectStimulus() {}\n}\n", {"connectStimulus"}),
    (JS, "function f() {\n  class Inner extends Base {}\n}\n", {"Inner"}),
    (JS, "class A {\n  static handle = () => 1;\n  #hidden = function () {};\n}\n", {"handle", "hidden"}),
    (JS, "import one from 'a';\nexport { one as another };\n", {"another"}),
    (TS, "function f() {\n  const handle: Handler<string> = (event) => {\n  };\n}\n", {"handle"}),
    (TS, "const api = {\n  async load<T>(a: T): Promise<T> {\n    return a;\n  },\n};\n", {"load"}),
    ("card.vue", "<script>\nexport default {\n  data: function cardData() {\n  },\n};\n</script>\n", {"cardData"}),
    # -- Bash
    (
        "a.sh",
        "outer() {\n  inner() { true; }\n}\ncommand -v later > /dev/null || later() {\n  :\n}\n",
        {"outer", "inner", "later"},
    ),
    # -- Lua
    (
        "a.lua",
        "function outer()\n  local function inner() end\n  session.send = function(x) end\n"
        "  function session.data(d) end\n  return { get_all = function(self) end, ['quoted'] = function() end }\nend\n",
        {"outer", "inner", "send", "data", "get_all", "quoted"},
    ),
    ("a.lua", "if x then\n  function deep() end\n  function a.b:method() end\nend\n", {"deep", "method"}),
    # -- Ruby
    ("a.rb", "class A\n  private def hidden\n  end\n  module_function def shown; end\nend\n", {"hidden", "shown"}),
    ("a.rb", "def later\nend if RUBY_VERSION > '3'\n", {"later"}),
    ("a.rb", "if X\n  def one; end\nelse\n  def two; end\nend\n", {"one", "two"}),
    ("a.rb", "class A\n  def size=(value)\n  end\nend\n", {"size"}),
    ("a.rb", "class A\n  attr_accessor :width, :height\n  attr_reader(:depth)\nend\n", {"width", "height", "depth"}),
    ("a.rb", "class A\n  define_method(:made) { 1 }\n  define_method 'other' do\n  end\nend\n", {"made", "other"}),
    ("a.rb", "class A\n  delegate :one,\n    :two?, to: :other\nend\n", {"one", "two?"}),
    (
        "a.rb",
        "class A\n  def_delegators :@list, :each, :first\n  scope :active, -> { 1 }\nend\n",
        {"each", "first", "active"},
    ),
    (
        "a.rb",
        "class A\n  alias_method :fast, :quick\n  alias swift quick\n  alias :rapid? :quick?\nend\n",
        {"fast", "swift", "rapid?"},
    ),
    # -- C#
    ("a.cs", "class A {\n#if NET\n  void One() {}\n#else\n  void Two() {}\n#endif\n}\n", {"One", "Two"}),
    (
        "a.cs",
        "public ref partial struct View {\n  void Move() {}\n  int Size { get; set; }\n}\n",
        {"View", "Move", "Size"},
    ),
    ("a.cs", "class A {\n  ~A() {}\n}\n", {"~A"}),
    # -- Elixir
    (
        "a.ex",
        "defmodule A do\n  defmacro __using__(_) do\n    quote do\n      def made(x), do: x\n    end\n  end\nend\n",
        {"A", "__using__", "made"},
    ),
    (
        "a.ex",
        "defmodule A do\n  @callback load(id :: integer) :: term\n  @macrocallback wrap() :: term\n"
        "  @type t :: term\nend\n",
        {"load", "wrap", "t"},
    ),
    # -- the others
    (
        "a.c",
        "int f(void) {\n#define LOCAL 3\n  int all[] = {\n#  define INNER(x) x\n  1};\n}\n",
        {"f", "LOCAL", "INNER"},
    ),
    ("a.php", "<?php\n$a = new class {\n  public function close() {}\n};\ndefine('LIMIT', 1);\n", {"close", "LIMIT"}),
    ("a.php", "<?php\nenum Suit: string {\n  case Hearts = 'h';\n}\n", {"Suit", "Hearts"}),
    ("a.swift", "enum Way {\n  case north, south(Int)\n  indirect case east = 3\n}\n", {"north", "south", "east"}),
    ("a.scala", "enum Color {\n  case Red, Green\n  case Mix(part: Int) extends Color\n}\n", {"Red", "Green", "Mix"}),
    ("a.sh", "alias ll='ls -l' la=ls\n", {"ll", "la"}),
    (
        "a.py",
        "def decorate(f):\n    def inner():\n        class Deep:\n            pass\n",
        {"decorate", "inner", "Deep"},
    ),
    ("a.rs", "fn outer() {\n  struct Inner;\n  fn deep() {}\n}\n", {"outer", "Inner", "deep"}),
    ("a.rs", "feature! {\n  pub struct Optional { a: u8 }\n}\n", {"Optional"}),
    ("a.go", "package a\n\nfunc f() {\n\ttype pair struct{ a int }\n}\n", {"f", "pair"}),
    ("A.java", "class A {\n  Runnable r = new Runnable() {\n    public void run() {}\n  };\n}\n", {"A", "run"}),
    ("A.kt", "fun outer() {\n  fun inner(a: Int) = a\n}\n", {"outer", "inner"}),
]


@pytest.mark.parametrize(("path", "source", "names"), IDIOMS)
def test_a_name_is_known_however_it_is_written(path: str, source: str, names: set[str]) -> None:
    assert names <= defined(path, source)


NOT_DEFINED = [
    (JS, "list.map((x) => x);\nlist.map(function () {});\n", set()),
    (JS, "// function mentioned(a) { }\nconst text = 'function quoted(a) {}';\n", {"text"}),
    (JS, "call(\n  argument(1, () => {\n  }),\n);\nif (ready(a)) {\n}\n", set()),
    (JS, "function f() {\n  const local = (a + b);\n  const other = a ? b : (c);\n}\n", {"f"}),
    (JS, "exports.again = other.again;\nexports.taken = require('x');\nexports.none = void 0;\n", set()),
    (JS, "export { default as Thing } from './thing';\nimport { a as b } from 'c';\n", set()),
    (TS, "const a = {} as Other;\ntype T = { handle: (a: string) => void };\n", {"a", "T"}),
    ("a.rb", '# def old; end\nputs "def quoted; end"\ndelegate_all :x\n', set()),
    ("a.py", 'def f():\n    """def old(): class Old: pass"""\n', {"f"}),
    ("a.c", '/*\n#define OLD 1\n*/\nint f(void) {\n  return "\\\n#define QUOTED";\n}\n', {"f"}),
    ("a.sh", "# alias old=x\necho 'alias quoted=x'\n", set()),
    ("a.php", "<?php\nuse function in_array;\nswitch ($a) {\n  case ONE: case TWO;\n}\n", set()),
    ("a.ex", 'defmodule A do\n  @doc """\n  def example(x), do: x\n  """\nend\n', {"A"}),
    ("a.swift", "switch a {\n  case one: break\n  case .two(let b): break\n}\n", set()),
    ("A.kt", "val map = listOf(Thing::class to 1)\n", {"map"}),
]


@pytest.mark.parametrize(("path", "source", "names"), NOT_DEFINED)
def test_what_is_only_mentioned_or_has_no_name_is_no_definition(path: str, source: str, names: set[str]) -> None:
    assert defined(path, source) == names


def test_an_inner_function_of_a_large_one_is_defined_in_the_chunk_with_its_line() -> None:
    filler = "".join(f"  const value{i} = compute({i}, 'some text that fills the line');\n" for i in range(60))
    source = f"function large() {{\n{filler}  return wrap(function wanted() {{\n    return 1;\n  }});\n{filler}}}\n"
    line = source[: source.index("wanted")].count("\n") + 1
    (chunk,) = [c for c in chunks_of(JS, source) if "wanted" in c.defines]
    assert chunk.start_line <= line <= chunk.end_line


def test_a_name_that_the_tree_knows_is_not_added_again() -> None:
    (chunk,) = chunks_of("a.rb", "class A\n  def one\n  end\nend\n")
    assert chunk.defines == ("A", "A.one")


@pytest.mark.parametrize(
    ("path", "source", "reopened", "defines"),
    [
        ("a.rs", "impl Shop {\n  fn new() {}\n}\n", "Shop", ("Shop.new",)),
        ("a.rs", "struct Shop;\nimpl Shop {\n  fn new() {}\n}\n", "Shop", ("Shop", "Shop.new")),
        ("a.swift", "extension Shop {\n  func open() {}\n}\n", "Shop", ("Shop.open",)),
    ],
)
def test_what_adds_to_a_type_gives_the_chunk_its_name_and_does_not_define_it(
    path: str, source: str, reopened: str, defines: tuple[str, ...]
) -> None:
    (chunk,) = chunks_of(path, source)
    assert chunk.symbol == reopened
    assert reopened in chunk.symbols
    assert chunk.defines == defines
    assert chunk.declares == (() if reopened in defines else (reopened,))


DECLARED = [
    pytest.param("a.c", "int f(int a);\nextern int level;\nint own;\n", {"f", "level"}, {"own"}, id="C"),
    pytest.param(
        "a.cpp",
        "namespace shop {\nclass Cart {\n  int total();\n  int size;\n  static const int LIMIT = 3;\n};\n}\n",
        {"shop", "total", "size"},
        {"Cart", "LIMIT"},
        id="C++",
    ),
    pytest.param(
        "A.java",
        "class Cart {\n  private int size = 1;\n  static final int LIMIT = 3;\n  int total() { return size; }\n}\n",
        {"size"},
        {"Cart", "LIMIT", "total"},
        id="Java",
    ),
    pytest.param(
        TS,
        "class Cart {\n  size = 1;\n  static LIMIT = 3;\n  open = () => {};\n}\n",
        {"size"},
        {"Cart", "LIMIT", "open"},
        id="fields in TypeScript",
    ),
    pytest.param(
        "b.cs",
        "class Cart { int size; const int LIMIT = 3; int Size => size; }\n",
        {"size"},
        {"Cart", "LIMIT", "Size"},
        id="fields in C#",
    ),
    pytest.param("a.cs", "namespace Shop.Orders\n{\n  class Cart {}\n}\n", {"Shop.Orders"}, {"Cart"}, id="C#"),
    pytest.param("a.php", "<?php\nnamespace Shop {\n  class Cart {}\n}\n", {"Shop"}, {"Cart"}, id="PHP"),
    pytest.param(
        "a.py",
        "Open = core.Open\nShut = core.close\nSame = mode == core.Same\n",
        {"Open"},
        {"Shut", "Same"},
        id="Python",
    ),
    pytest.param("a.lua", "util.open = core.open\nutil.shut = core.close\n", {"open"}, {"shut"}, id="Lua"),
    pytest.param("b.lua", 'local cart = require "shop.cart"\nlocal own = {}\n', {"cart"}, {"own"}, id="require"),
    pytest.param(
        JS,
        "const cart = require('./cart');\nconst join = require('path').join;\nconst made = require('./make')(1);\n",
        {"cart", "join"},
        {"made"},
        id="CommonJS",
    ),
    pytest.param("a.rb", "Open = Core::Open\nShut = Core.new\n", {"Open"}, {"Shut"}, id="Ruby"),
    pytest.param(
        "a.rs",
        "pub use inner::{self, Thing, other as Other};\npub(crate) use a::Inner;\nuse b::Private;\n// pub use c::No;\n",
        {"Thing", "Other", "Inner"},
        set(),
        id="Rust",
    ),
    pytest.param(
        TS,
        'export { a as alpha, type Beta, default as Gamma } from "./x";\nexport * as all from "y";\nexport { local };',
        {"Beta", "Gamma", "all"},
        {"alpha"},
        id="TypeScript",
    ),
]


@pytest.mark.parametrize(("path", "source", "declared", "defines"), DECLARED)
def test_what_is_declared_reopened_or_passed_on_is_kept_apart_from_what_is_defined(
    path: str, source: str, declared: set[str], defines: set[str]
) -> None:
    chunks = chunks_of(path, source)
    assert {name if path == "a.cs" else last_part(name) for chunk in chunks for name in chunk.declares} == declared
    assert defined(path, source) == defines


BROKEN = [
    ("A.kt", "@@@ ]] ((\n{ { {\nclass Wanted(\n  val a: Int\n) { ]] fun method(a: Int) {\n", {"Wanted", "method"}),
    ("a.py", "x = = (]] }} @@ $$ ) ) ) ((\nclass Wanted(Base):\n  ]] def method(self):\n", {"Wanted", "method"}),
    ("a.cs", "%% {{ ]]\npublic class Wanted {{ ((\n  public static int Method(int a)\n", {"Wanted", "Method"}),
    (TS, "@@ (( ]]\ninterface Wanted { {\n{ type Other = (\n", {"Wanted", "Other"}),
    (
        TS,
        "@@ (( ]]\ninterface Make { {\n( ]]\nexport const wanted: Make = make(1)\n@@ ]]\nconst other = 2\n",
        {"wanted", "other"},
    ),
    # A quote that is misread: the heads stand in what the tree takes for a text.
    (
        "a.sh",
        'if [[ $a == @(x|"y") ]] then "\nf()\n{\n  return 1\n}\n\ng() {\n  return 2\n}\necho "done" fi fi\n',
        {"f", "g"},
    ),
]


@pytest.mark.parametrize(("path", "source", "names"), BROKEN)
def test_where_the_parser_has_given_up_the_lines_alone_tell_the_names(path: str, source: str, names: set[str]) -> None:
    grammar = language_of(path).grammar
    assert grammar is not None
    assert error_share(parse(source.encode(), grammar, Watch(5, None)).root_node) > BROKEN_SHARE
    assert names <= defined(path, source)


def test_the_share_of_errors_is_that_of_the_bytes_below_error_nodes() -> None:
    def share(source: str) -> float:
        return error_share(parse(source.encode(), "python", Watch(5, None)).root_node)

    assert share("def f():\n    pass\n") == 0
    assert 0 < share("def f():\n    pass\n" * 50 + "x = = 1\n") < 0.02


FLOW = """\
// @flow
export type Props = {| +name: string, onPress?: ?() => mixed |};
class Button extends React.Component<Props, State> {
  state: State = { pressed: false };
  _ref: ?React.ElementRef<typeof View>;
  press<T: Object>(value: ?T): void {
    const { name } = (this.props: Props);
  }
}
export function label(text: ?string, rest: Array<?string>): string {
  return ((text: any): string);
}
"""


def test_javascript_with_the_types_of_flow_is_read_by_the_grammar_that_makes_fewer_errors() -> None:
    assert error_share(parse(FLOW.encode(), "javascript", Watch(5, None)).root_node) > BROKEN_SHARE
    symbols = {name for chunk in chunks_of(JS, FLOW) for name in chunk.defines}
    assert {"Props", "Button", "Button.press", "label"} <= symbols


PARTS = [
    "function a(",
    "class B ",
    "{",
    "}",
    "(",
    ")",
    "\n",
    " = ",
    ": ",
    "=> ",
    "def c",
    "end\n",
    "'",
    '"',
    "é",
    "case D, ",
    "alias e=",
    "export {",
    "as ff",
    ",",
]


@given(
    path=st.sampled_from(["a.js", "a.ts", "a.rb", "a.cs", "a.ex", "a.php", "a.swift", "a.kt", "a.sh", "a.rs"]),
    parts=st.lists(st.sampled_from(PARTS), max_size=40),
)
def test_whatever_the_text_each_name_stands_in_the_chunk_that_defines_it(path: str, parts: list[str]) -> None:
    for chunk in chunks_of(path, "".join(parts)):
        assert all(last_part(name).rstrip("=") in chunk.content for name in chunk.defines if name not in DEFAULTS)


# Names for what has none.
DEFAULTS = {"default", "module.exports", "constructor", "Companion", "init", "deinit", "subscript", "this"}


def test_brackets_in_strings_do_not_keep_a_file_from_being_read() -> None:
    table = "".join(f'\tc("#{number:06x}"): "\\033[{number}m",\n' for number in range(600))
    source = f"package p\n\nvar table = map[C]string{{\n{table}}}\n\nfunc escapeOf(c C) string {{ return table[c] }}\n"
    assert {"table", "escapeOf"} <= defined("a.go", source)
