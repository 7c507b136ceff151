"""A macro that the grammar of C or C++ does not know costs no name, and nothing else changes."""

from time import thread_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgdex.indexer.chunking import chunk_file
from pgdex.indexer.chunking.macro_names import invocation_at
from pgdex.indexer.chunking.macros import without_macros
from pgdex.indexer.languages import language_of


def defined(path: str, source: str) -> set[str]:
    """The names that the chunks of a source define or declare, without what is around them."""
    chunks = chunk_file(source, language_of(path))
    assert "".join(chunk.content for chunk in chunks) == source
    return {name.rpartition(".")[2] for chunk in chunks for name in (*chunk.defines, *chunk.declares)}


def kinds(path: str, source: str) -> dict[str, str]:
    return {chunk.symbol: chunk.kind for chunk in chunk_file(source, language_of(path)) if chunk.symbol is not None}


CPP = [
    pytest.param(
        "MYLIB_NAMESPACE_BEGIN\nnamespace detail {\ntemplate <class T> struct identity_holder {};\n}\n",
        {"detail", "identity_holder"},
        id="a line before a namespace",
    ),
    pytest.param(
        "namespace detail {\nMYLIB_BEGIN_INNER\nclass Hidden {};\nMYLIB_END_INNER\n}\n",
        {"detail", "Hidden"},
        id="lines inside of a namespace",
    ),
    pytest.param("MYLIB_EXPORT template <typename C> class thing_store {};\n", {"thing_store"}, id="template"),
    pytest.param('class MYLIB_LOCKABLE("mutex") LockWidget {};\n', {"LockWidget"}, id="class with arguments"),
    pytest.param("class MYLIB_API Bad : public Error {\n public:\n  Bad();\n};\n", {"Bad"}, id="class with a base"),
    pytest.param("class Base_API Log: public Channel {\n public:\n  ~Log();\n};\n", {"Log", "~Log"}, id="mixed case"),
    pytest.param("class LIB_API Os LIB_DECL_FINAL {\n  ~Os();\n};\n", {"Os", "~Os"}, id="final by a macro"),
    pytest.param("inline MYLIB_ATTR(2) int attr_one(int x) { return x; }\n", {"attr_one"}, id="inline"),
    pytest.param("template <class T> LIB_FN bool convert(T x) { return x; }\n", {"convert"}, id="behind template"),
    pytest.param("LIB_FN Shop::Shop(int x): x_(x), y_(x) {}\n", {"Shop"}, id="constructor"),
    pytest.param("int f(int a) NOTHROW PURE(1) { return a; }\n", {"f"}, id="behind parameters"),
    pytest.param("class Q : public B {\n  Q_OBJECT\n public Q_SLOTS:\n  void run();\n};\n", {"Q", "run"}, id="Qt"),
    pytest.param("class A {\n  int n_ GUARDED_BY(mu_);\n  void go();\n};\n", {"A", "n_", "go"}, id="member"),
    pytest.param("API_FUNC(int) made(void);\nint after;\n", {"made", "after"}, id="the type as an argument"),
    pytest.param("TEST(Cart, AddsUp) {\n  int x = 1;\n}\n", {"AddsUp"}, id="test"),
]
C = [
    pytest.param("struct table { int a; } ALIGNED;\n", {"table"}, id="attribute behind a struct"),
    pytest.param("struct table { int a; } ALIGNED(8) PACKED;\n", {"table"}, id="attributes behind a struct"),
    pytest.param("struct table { int a; } tables[2];\n", {"table", "tables"}, id="struct and variable"),
    pytest.param("typedef struct { int a; } __packed foo_t;\n", {"foo_t"}, id="attribute in a typedef"),
    pytest.param("typedef struct tag { int a; } A, *PA;\n", {"tag", "A", "PA"}, id="names of a typedef"),
    pytest.param("typedef enum color { RED, GREEN } color_t;\n", {"color", "RED", "GREEN", "color_t"}, id="enum"),
    pytest.param("struct a { struct b { int x; } c; };\n", {"a", "b"}, id="struct in a struct"),
    pytest.param("DEFINE_THING(name) { int x = 1; }\n", {"name"}, id="one argument"),
    pytest.param("SYSCALL_DEFINE3(open, const char *, a, int, b) {\n  return 1;\n}\n", {"open"}, id="system call"),
    pytest.param("LIB_FUNCTION(void,\n  LIBAPI lib_error,(int a),attr)\n{\n  a();\n}\n", {"lib_error"}, id="in order"),
    pytest.param("UNUSED(static int helper(int x)) {\n  return x;\n}\n", {"helper"}, id="around a head"),
    pytest.param("int LIBAPI f(int a) {}\nvoid *LIBAPI g(void) {}\n", {"f", "g"}, id="before the name"),
    pytest.param("int f OF((int a, int b));\n", {"f"}, id="around parameters"),
    pytest.param("local int f(int a) { return a; }\nlocal void g() { }\n", {"f", "g"}, id="small letters"),
    pytest.param("typedef int (LIBCALL *handler)(int a);\n", {"handler"}, id="pointer to a function"),
    pytest.param("void f(void *self UNUSED, int b UNUSED)\n{\n  b++;\n}\n", {"f"}, id="behind a parameter"),
    pytest.param(
        "#define RB_HEAD(name)  \\\nstruct name { \\\n}\nint f(void) { return 1; }\n", {"RB_HEAD", "f"}, id="body"
    ),
    pytest.param(
        "int f(int n) {\n#ifdef TABLE\n  if (n) {\n#else\n  while (n) {\n#endif\n    n--;\n  }\n}\n"
        "int g() { return 1; }\n",
        {"f", "g"},
        id="branches with an open brace",
    ),
    pytest.param(
        "int f(int n) {\n  if (n == 1\n#ifdef TWO\n      || n == 2\n#endif\n  ) n--;\n}\nint g() { return 1; }\n",
        {"f", "g"},
        id="a branch in an expression",
    ),
]


@pytest.mark.parametrize(("source", "names"), CPP)
def test_a_macro_in_cpp_hides_no_name(source: str, names: set[str]) -> None:
    assert defined("a.hpp", source) == names


@pytest.mark.parametrize(("source", "names"), C)
def test_a_macro_in_c_hides_no_name(source: str, names: set[str]) -> None:
    assert defined("a.c", source) == names


def test_what_stands_behind_a_struct_in_capitals_is_no_name_of_it() -> None:
    assert kinds("a.c", "struct table {\n  int a;\n} ALIGNED;\n") == {"table": "struct"}


def test_a_test_written_as_a_macro_is_a_test_by_its_suite_and_name_or_its_title() -> None:
    assert kinds("a.cpp", "TEST_F(Cart, AddsUp) {\n  int x = 1;\n}\n") == {"Cart.AddsUp": "test"}
    assert kinds("a.cpp", 'TEST_CASE("carts add up", "[cart]") {\n  int x = 1;\n}\n') == {"carts add up": "test"}
    assert kinds("a.cpp", "AUTO_TEST_CASE(adds_up) {\n  int x = 1;\n}\n") == {"adds_up": "test"}


@pytest.mark.parametrize(
    ("source", "kind_and_name"),
    [
        ("PHP_FUNCTION(trim) {", ("function", "trim")),
        ("DEFINE(void, run, (int a)) {", ("function", "run")),
        ("METHOD(Shop::open) {", ("function", "Shop::open")),
        ("RGB(int r, int g) {", None),
        ("MAIN() {", None),
        ("call(x) {", None),
        ("FOO(x);", None),
    ],
)
def test_the_argument_that_is_a_name_is_what_a_macro_with_a_body_defines(
    source: str, kind_and_name: tuple[str, str] | None
) -> None:
    assert invocation_at(source.encode(), 0) == kind_and_name


def test_a_loop_written_as_a_macro_defines_nothing() -> None:
    body = "".join(f"  LIST_FOREACH(entry, list{number}) {{\n    use(entry);\n  }}\n" for number in range(60))
    assert defined("a.cpp", f"void walk() {{\n{body}}}\n") == {"walk"}


def test_a_constructor_in_capitals_keeps_its_name() -> None:
    assert "URL" in defined("a.cpp", "class URL {\n  URL(Text) {}\n};\n")


def test_a_prototype_defines_nothing_where_the_function_stands_in_the_same_file() -> None:
    source = (
        "static int f(int a);\n" + "/* far away */\n" * 200 + "static int f(int a)\n{\n  return a;\n}\nint g(void);\n"
    )
    chunks = chunk_file(source, language_of("a.c"))
    assert [chunk.start_line > 1 for chunk in chunks if "f" in chunk.defines] == [True]
    assert not any("f" in chunk.declares or "g" in chunk.defines for chunk in chunks)
    assert any("g" in chunk.declares for chunk in chunks)


def test_members_of_templates_and_operators_have_their_names() -> None:
    source = "template <class T> void Stack<T>::push(T x) {}\nC* Ptr::operator -> () { return 0; }\n"
    source += "Text::operator const char* () const { return 0; }\n"
    source += "struct A { friend bool operator==(A x, A y) { return 1; } };\n"
    symbols = {name for chunk in chunk_file(source, language_of("a.cpp")) for name in chunk.defines}
    assert symbols == {"Stack.push", "Ptr.operator->", "Text.operator const char*", "A", "A.operator=="}


def test_a_file_that_is_mostly_an_error_has_the_names_that_its_lines_tell() -> None:
    broken = "@@ §§ ((( ]] %% @@ §§ ))) [[ @@\n" * 20
    source = f"class Known\n{{\n{broken}int far_away(int a)\n{{\n  return a;\n}}\n"
    assert {"Known", "far_away"} <= defined("a.cpp", source)


LEGITIMATE = [
    "static FILE *opened(const char *name) { return (FILE *)name; }\n",
    "BOOL check(DWORD a) { return a == MAX ? TRUE : (BOOL)a; }\n",
    "enum color {\n  RED,\n  GREEN,\n  BLUE\n};\n",
    "int x = (int) LIMIT;\n",
    "struct FILE_HEADER header;\n",
    'const char *text = "EXPORT template <class T>" /* Q_OBJECT */;\n',
]


@pytest.mark.parametrize("source", LEGITIMATE)
def test_what_is_no_macro_of_this_kind_stays(source: str) -> None:
    assert without_macros(source.encode(), "c") == source.encode()


def test_types_in_capitals_on_a_line_of_their_own_stay() -> None:
    source = b"HANDLE\nopened(int x)\n{\n  return x;\n}\nint names[] = {\n  ONE,\n  TWO\n};\n"
    assert without_macros(source, "c") == source


FRAGMENTS = st.sampled_from(
    [
        *(
            "MACRO",
            "Q_OBJECT\n",
            "LIB_API ",
            "F(x)",
            "FOO(a, b) {\n",
            "ATTR(2) ",
            "__packed",
            "class ",
            "struct ",
            "enum ",
        ),
        *(
            "int ",
            "name",
            "f(int x)",
            " {\n",
            "}\n",
            "};\n",
            ";\n",
            "(",
            ")",
            "::",
            "*",
            "&",
            ",",
            "=",
            "<",
            ">",
            "template <",
            "\n",
        ),
        *(
            "#if A\n",
            "#if 0\n",
            "#else\n",
            "#endif\n",
            "#define X(a) \\\n",
            "\\\n",
            '"',
            "'",
            "//",
            "/*",
            "*/",
            'R"(',
            ')"',
        ),
        *("namespace ", "public:", " const", "==", "é", "漢", "\t", "    ", "else ", "return "),
    ]
)
SOURCES = st.lists(FRAGMENTS, max_size=60).map("".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(source=SOURCES, grammar=st.sampled_from(["c", "cpp", "objc"]))
def test_nothing_moves_when_macros_go(source: str, grammar: str) -> None:
    before = source.encode()
    after = without_macros(before, grammar)
    assert len(after) == len(before)
    assert [i for i, byte in enumerate(after) if byte == 0x0A] == [i for i, byte in enumerate(before) if byte == 0x0A]
    # Nothing is put in but blanks, and a letter where the grammar needs one.
    assert all(new == old or new in b" x" for new, old in zip(after, before, strict=True))


@settings(max_examples=100, deadline=None)
@given(inside=st.text(st.characters(codec="ascii", exclude_characters='"\\\n*/'), max_size=40))
def test_strings_and_comments_stay_as_they_are(inside: str) -> None:
    source = f'const char *a = "EXPORT {inside}";\n/* class API {inside} {{ */\nint b; // Q_OBJECT {inside}\n'.encode()
    assert without_macros(source, "cpp") == source


@pytest.mark.parametrize(
    "unit",
    [
        "FOO(",
        "class A_API ",
        "X(a) Y(b) ",
        "#if A\n{\n",
        "__a ",
        "template <",
        "} A_B ",
        "int F(",
        "\n" * 50,
        "a< ",
        '"',
        "/*",
        "const M ",
    ],
)
def test_sources_that_are_made_to_hurt_take_no_longer_than_their_length_allows(unit: str) -> None:
    source = (unit * (100_000 // len(unit))).encode()
    began = thread_time()
    without_macros(source, "cpp")
    assert thread_time() - began < 3


def test_a_final_class_keeps_its_name_and_what_is_in_it() -> None:
    source = "class Oven final : public Base {\n  class Tray {\n    int size() {}\n  };\n  void bake() {}\n};\n"

    names = {name for chunk in chunk_file(source, language_of("a.cpp")) for name in chunk.defines}

    assert names == {"Oven", "Oven.Tray", "Oven.Tray.size", "Oven.bake"}


def test_a_base_class_in_a_macro_costs_no_class() -> None:
    source = "class LIB_API Oven : public NON_EXPORTED_BASE(std::ostream), private Base {\n  void bake() {}\n};\n"

    names = {name for chunk in chunk_file(source, language_of("a.cpp")) for name in chunk.defines}

    assert names == {"Oven", "Oven.bake"}
