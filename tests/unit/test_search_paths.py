"""What the path of a file says of it, and what it does not."""

import pytest

from pgdex.indexer.search.paths import Role, roles_of


@pytest.mark.parametrize(
    "path",
    [
        *("tests/test_cart.py", "test/cart.rb", "src/__tests__/cart.js", "pkg/testdata/a.json", "tests/conftest.py"),
        *("cart_test.go", "src/cart.test.ts", "src/cart.spec.ts", "spec/models/cart_spec.rb", "spec/spec_helper.rb"),
        *("src/test/java/CartTest.java", "CartTests.cs", "CartSpec.scala", "app/src/androidTest/A.kt", "e2e/login.ts"),
        *(
            "integration_test/a.go",
            "test_suite/run.c",
            "test-utils/a.ts",
            "x-tests/a.rs",
            "testutil/a.go",
            "app/tests.py",
        ),
        *("CartSuite.scala", "cart.bats", "src/__fixtures__/a.js", "t/basic.t", "Sources/CartTests/A.swift"),
        *("My.Cart.Tests/A.cs", "cart_SUITE.erl", "test-cart.c"),
        *("fixtures/users.yml", "pkg/mocks/store.go", "test_cart.py", "conftest.py", "unittests/a.cpp"),
    ],
)
def test_tests_are_known_by_the_customs_of_their_languages(path: str) -> None:
    assert Role.TEST in roles_of(path)


@pytest.mark.parametrize(
    "path",
    [
        *("src/latest/contest.py", "lib/attestation.go", "docs_helper.py", "src/contest/main.go", "greatest.py"),
        *("src/testament.rs", "specification.md", "src/protest/a.js", "inspect/core.py", "src/fastest.ts"),
        *("src/latest/a.py", "coreutils/test.c", "src/contest-entry/a.py", "src/attests/a.go", "t/readme.md"),
        *("src/Contest.java", "src/Latest.cs", "testing.py", "src/mockingbird.py", "attest.py", "lib/specs.py"),
    ],
)
def test_words_that_contain_test_or_spec_are_no_tests(path: str) -> None:
    assert Role.TEST not in roles_of(path)


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("examples/hello.py", Role.EXAMPLE),
        ("sample/main.go", Role.EXAMPLE),
        ("docs_src/tutorial/a.py", Role.EXAMPLE),
        ("docs/conf.py", Role.EXAMPLE),
        ("packages/core/docs/snippets/a.ts", Role.EXAMPLE),
        ("vendor/github.com/x/y.go", Role.VENDORED),
        ("src/third_party/zlib/inflate.c", Role.VENDORED),
        ("api/user.pb.go", Role.GENERATED),
        ("api/user_pb2.py", Role.GENERATED),
        ("static/jquery.min.js", Role.GENERATED),
        ("Form1.Designer.cs", Role.GENERATED),
        ("priv/static/app.js", Role.GENERATED),
        ("assets/live.cjs.js", Role.GENERATED),
        ("lib/model.g.dart", Role.GENERATED),
        ("api/core.api", Role.GENERATED),
        ("README.md", Role.PROSE),
        ("README.rdoc", Role.PROSE),
        ("guide/intro.topic", Role.PROSE),
        ("man/serve.1", Role.PROSE),
        ("docs/guide.rst", Role.PROSE),
        ("LICENSE", Role.PROSE),
        ("package.json", Role.DATA),
        (".github/workflows/ci.yml", Role.DATA),
        ("Cargo.lock", Role.DATA),
        ("typings/flask.pyi", Role.STUB),
        ("src/index.d.ts", Role.STUB),
        ("pkg/__init__.py", Role.ENTRANCE),
        ("src/index.ts", Role.ENTRANCE),
        ("src/lib.rs", Role.ENTRANCE),
        ("src/net/mod.rs", Role.ENTRANCE),
    ],
)
def test_other_roles_are_known_too(path: str, role: Role) -> None:
    assert role in roles_of(path)


@pytest.mark.parametrize(
    "path",
    [
        *("src/flask/app.py", "main.go", "lib/net/http.rs", "src/App.tsx", "Cart.java", "cmd/server/main.go"),
        *("src/latest/contest.py", "lib/attestation.go", "docs_helper.py", "src/exemplar.py", "src/vendors.py"),
        *("src/vendoring/fetch.py", "src/generator.py", "regenerate.py", "src/builder.py", "src/index_writer.py"),
        *("src/readme_parser.py", "src/benchmarking.rs", "src/distance.py", "src/sampler.py", "src/library.rs"),
        *("src/history.py", "src/license.go", "src/changes.ts", "src/news.py", "src/authors.rb"),
    ],
)
def test_the_program_itself_has_no_role(path: str) -> None:
    assert roles_of(path) == frozenset()


def test_prose_in_the_documentation_is_prose_and_no_code_of_an_example() -> None:
    assert roles_of("docs/guide.md") == {Role.PROSE}


def test_a_folder_doc_inside_of_a_tree_may_be_the_programs_own() -> None:
    assert roles_of("go/doc/reader.go") == frozenset()


def test_a_file_may_have_several_roles() -> None:
    assert roles_of("vendor/lib/tests/data.json") == {Role.VENDORED, Role.TEST, Role.DATA}
