"""Searching a real tree that a real worker has indexed: what is found, what comes first, and what never appears."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from indexer.search import SearchRefused, SearchResult, related, search
from jobs.client import Client
from jobs.embedders import embedder_for
from tests.databases import new_database, settings_for, url_of
from tests.embedding_server import MODEL, EmbeddingServer
from tests.trees import python_tree, write_tree
from tests.waiting import wait_for_end
from tests.workers import Workers, workers_on

RETRY_POLICY = '''"""When to try again."""


def compute_delay(attempt: int, *, base: float = 0.5, longest: float = 30.0) -> float:
    """The seconds to wait before the next attempt: exponential backoff."""
    if attempt < 0:
        raise ValueError(f"attempt must not be negative, got {attempt}")
    return min(longest, base * 2**attempt)
'''
SESSION = '"""Sessions of customers."""\n\n\nclass Session:\n    """A customer who is logged in."""\n\n' + "\n".join(
    f"    def {verb}_session(self, token: str) -> bool:\n"
    f'        """{verb.capitalize()} the session with this token."""\n'
    + "".join(f"        self.{verb}_steps.append((token, {number}, self.clock()))\n" for number in range(12))
    + "        return self.valid\n"
    for verb in ("open", "close", "renew", "revoke", "audit", "export")
)
WORKER = """from retry_policy import compute_delay
from session import Session


def serve(queue):
    for attempt, message in enumerate(queue):
        if not message.send():
            queue.sleep(compute_delay(attempt))
            queue.sleep(compute_delay(attempt + 1))
"""
CLIENT_GO = """package http

// ParseHeader reads one header line of a response.
func ParseHeader(line string) (string, string, error) {
\tname, value, found := strings.Cut(line, ":")
\tif !found {
\t\treturn "", "", ErrMalformed
\t}
\treturn strings.TrimSpace(name), strings.TrimSpace(value), nil
}
"""
COPY = """// {licence}
export function chunkInvoices(invoices, size) {{
  const pages = [];
  let page = [];
  for (const invoice of invoices) {{
    if (page.length >= size) {{
      pages.push(page);
      page = [];
    }}
    page.push({{ number: invoice.number, total: invoice.total, customer: invoice.customer, currency: "EUR" }});
  }}
  pages.push(page);
  return pages;
}}
"""
TWIN = '''def {name}_orders(orders, limit):
    """Sort the orders by their totals and keep the largest {limit}."""
    ranking = sorted(orders, key=lambda order: order.total, reverse=True)
    kept = ranking[:limit]
    return [order.identifier for order in kept if order.shipped]
'''
FILES: dict[str, str | bytes] = {
    "src/retry_policy.py": RETRY_POLICY,
    "src/session.py": SESSION,
    "src/worker.py": WORKER,
    "src/http/client.go": CLIENT_GO,
    "src/first_copy.js": COPY.format(licence="MIT"),
    "src/second_copy.js": COPY.format(licence="BSD"),
    "src/orders/top.py": TWIN.format(name="largest", limit="ones"),
    "src/orders/best.py": TWIN.format(name="greatest", limit="few"),
    "src/orders/unrelated.py": "def lowercase(text):\n    return text.lower()\n",
    "tests/test_retry_policy.py": (
        "from retry_policy import compute_delay\n\n\n"
        "def test_compute_delay_grows():\n    assert compute_delay(2) > compute_delay(1)\n"
    ),
    "docs/guide.md": "# Guide\n\nHow retries work: see compute_delay, which computes the delay.\n",
    "config.yaml": "session:\n  lifetime: 300\n  renewal: 60\n",
}
SECRET = "def quarterly_numbers():\n    return 'compute_delay and Session belong to another project'\n"


@dataclass(frozen=True)
class Scene:
    """An indexed tree, and beside it another project's."""

    client: Client
    root: Path

    def search(self, query: str, **options: Any) -> SearchResult:
        """A search of the project "default"."""
        defaults: dict[str, Any] = {"project_id": "default", "open_embedder": embedder_for}
        return search(self.client.connection, query, **defaults | options)

    def paths(self, query: str, **options: Any) -> list[str]:
        """The paths of its hits, best first."""
        return [hit.path for hit in self.search(query, **options).hits]


def index(client: Client, workers: Workers, root: Path, **options: Any) -> None:
    status = wait_for_end(client, client.start(root, **options).job_id, workers=workers)
    assert status.status == "completed", status.error_message


@pytest.fixture(scope="module")
def scene(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    root = write_tree(tmp_path_factory.mktemp("trees") / "shop", FILES)
    other = write_tree(
        tmp_path_factory.mktemp("trees") / "other", {"src/retry_policy.py": SECRET, "a.py": RETRY_POLICY}
    )
    with ExitStack() as stack:
        url = url_of(server_url, stack.enter_context(new_database(server_url, template=template)))
        client = stack.enter_context(Client.open(settings_for(url, embedder="hashing")))
        with workers_on(url, tmp_path_factory.mktemp("workers")) as workers:
            index(client, workers, root)
            index(client, workers, other, project="secret")
        yield Scene(client, root)


# What comes first


@pytest.mark.parametrize(
    ("query", "first"),
    [
        pytest.param("compute_delay", "src/retry_policy.py", id="a name"),
        pytest.param("compute_delay()", "src/retry_policy.py", id="a call"),
        pytest.param(" compute_delay\n", "src/retry_policy.py", id="a name with space around it"),
        pytest.param("retry_policy.compute_delay", "src/retry_policy.py", id="a qualified name"),
        pytest.param("Session", "src/session.py", id="a class"),
        pytest.param("renew_session", "src/session.py", id="a method"),
        pytest.param("ParseHeader", "src/http/client.go", id="a function in Go"),
        pytest.param("parseheader", "src/http/client.go", id="a name in another letter case"),
        pytest.param("delay", "src/retry_policy.py", id="half of an identifier"),
        pytest.param("src/http/client.go", "src/http/client.go", id="a path"),
        pytest.param("client.go", "src/http/client.go", id="the end of a path"),
        pytest.param("./src/worker.py", "src/worker.py", id="a path from here"),
        pytest.param("http/cli", "src/http/client.go", id="a part of a path"),
        pytest.param("SRC/WORKER.PY", "src/worker.py", id="a path in another letter case"),
        pytest.param("how long do we wait before the next attempt?", "src/retry_policy.py", id="a question"),
        pytest.param("where is the header of a response parsed", "src/http/client.go", id="a question about Go"),
        pytest.param("how does Session get renewed", "src/session.py", id="a class in a question"),
        pytest.param("ValueError: attempt must not be negative, got -1", "src/retry_policy.py", id="an error message"),
        pytest.param("return min(longest, base * 2**attempt)", "src/retry_policy.py", id="a piece of code"),
        pytest.param("name, value, found := strings.Cut(line)", "src/http/client.go", id="a piece of Go"),
        pytest.param("tests of compute_delay", "tests/test_retry_policy.py", id="tests that are asked for"),
    ],
)
def test_what_a_person_means_comes_first(scene: Scene, query: str, first: str) -> None:
    assert scene.paths(query)[0] == first


def test_a_hit_says_where_it_is_and_what_it_is(scene: Scene) -> None:
    hit = scene.search("compute_delay").hits[0]
    assert (hit.repository, hit.repo_path) == ("shop", str(scene.root))
    assert (hit.path, hit.language, hit.kind, hit.symbol) == (
        "src/retry_policy.py",
        "python",
        "function",
        "compute_delay",
    )
    lines = RETRY_POLICY.splitlines(keepends=True)
    assert hit.content == "".join(lines[hit.start_line - 1 : hit.end_line])
    assert hit.reasons["definition"] > 0
    assert sum(hit.reasons.values()) == pytest.approx(hit.score)


def test_scores_fall_and_no_file_comes_twice(scene: Scene) -> None:
    hits = scene.search("session", limit=50).hits
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len({hit.path for hit in hits}) == len(hits)


def test_several_pieces_of_a_file_are_one_hit_with_more_places(scene: Scene) -> None:
    hit = scene.search("session token").hits[0]
    assert hit.path == "src/session.py"
    assert hit.more
    places = [(hit.start_line, hit.end_line), *((place.start_line, place.end_line) for place in hit.more)]
    assert len(set(places)) == len(places)
    lines = SESSION.count("\n")
    assert all(1 <= start <= end <= lines for start, end in places)
    ordered = sorted(places)
    assert all(one[1] < other[0] for one, other in pairwise(ordered)), "places do not overlap"
    assert any(place.symbol and "_session" in place.symbol for place in hit.more)


def test_near_duplicates_are_one_hit_that_names_the_others(scene: Scene) -> None:
    hits = scene.search("chunkInvoices").hits
    both = {"src/first_copy.js", "src/second_copy.js"}
    (found,) = [hit for hit in hits if hit.path in both]
    assert {found.path, *found.also_in} == both


def test_a_limit_is_kept_and_its_hits_are_the_first(scene: Scene) -> None:
    every = scene.paths("session", limit=50)
    assert scene.paths("session", limit=2) == every[:2]
    assert scene.paths("session", limit=1) == every[:1]


def test_the_same_query_has_the_same_answer_twice(scene: Scene) -> None:
    assert scene.search("how are sessions renewed") == scene.search("how are sessions renewed")


@pytest.mark.parametrize(
    "query", ["zzyzx_qwfpgj", "((((", "?", "漢字", "'; drop table pgdex.chunks; --", "%", "a" * 5_000]
)
def test_a_query_that_means_nothing_here_is_no_error(scene: Scene, query: str) -> None:
    assert scene.search(query, legs=("words",)).notes == []
    scene.search(query)


# Each leg alone


@pytest.mark.parametrize("legs", [("words",), ("vectors",)])
def test_each_leg_alone_finds_what_shares_its_words(scene: Scene, legs: tuple[str, ...]) -> None:
    assert scene.paths("exponential backoff before the next attempt", legs=legs)[0] == "src/retry_policy.py"


def test_no_legs_find_nothing(scene: Scene) -> None:
    assert scene.paths("compute_delay", legs=()) == []


# Filters

EVERY: dict[str, Any] = {"limit": 100}


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        ({"path_glob": "src/*"}, lambda path: path.startswith("src/") and path.count("/") == 1),
        ({"path_glob": "src/**"}, lambda path: path.startswith("src/")),
        ({"path_glob": "*.go"}, lambda path: path.endswith(".go")),
        ({"language": "go"}, lambda path: path.endswith(".go")),
        ({"language": "Python"}, lambda path: path.endswith(".py")),
        ({"tests": "out"}, lambda path: not path.startswith("tests/")),
        ({"tests": "only"}, lambda path: path.startswith("tests/")),
        ({"path_glob": "*.py", "tests": "out"}, lambda path: path.endswith(".py") and not path.startswith("tests/")),
        ({"path_glob": "*.py", "tests": "only"}, lambda path: path.startswith("tests/")),
        ({"path_glob": "src/", "tests": "only"}, lambda _: False),
        ({"path_glob": "src/*", "language": "javascript"}, lambda path: path.endswith(".js")),
        ({"language": "cobol"}, lambda _: False),
    ],
    # The functions have no name of their own, and their addresses differ from process to process.
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("legs", [("words",), ("vectors",), ("words", "vectors")], ids="+".join)
@pytest.mark.parametrize("query", ["compute_delay", "src/worker.py", "session order header invoice compute retry"])
def test_a_filter_leaves_only_what_fits_it(
    scene: Scene, options: dict[str, Any], fits: Callable[[str], bool], legs: tuple[str, ...], query: str
) -> None:
    hits = scene.search(query, legs=legs, **EVERY, **options).hits
    assert all(fits(path) for hit in hits for path in (hit.path, *hit.also_in))
    # Vectors compare with everything there is, so that nothing of what fits is lost but what is no nearer than chance.
    if legs != ("words",) and query.startswith("session") and any(map(fits, FILES)):
        assert hits


@pytest.mark.parametrize("query", ["Session", "src/session.py", "how is a session renewed", "session"])
@pytest.mark.parametrize(
    "kinds", [["class"], ["method"], ["function"], ["function", "method"], ["section"], ["key"], ["enum"]], ids=str
)
def test_only_pieces_of_the_kinds_that_are_asked_for_are_found(scene: Scene, query: str, kinds: list[str]) -> None:
    hits = scene.search(query, kinds=kinds, **EVERY).hits
    assert all(hit.kind in kinds for hit in hits)
    if "method" in kinds:
        assert hits[0].path == "src/session.py"


def test_filters_combine(scene: Scene) -> None:
    options: dict[str, Any] = {"path_glob": "src/**", "language": "python", "kinds": ["function"], "tests": "out"}
    hits = scene.search("compute_delay", **EVERY, **options).hits
    assert hits[0].path == "src/retry_policy.py"
    assert all(hit.path.startswith("src/") and hit.language == "python" and hit.kind == "function" for hit in hits)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "limit: it must be at least 1, got 0"),
        ({"kinds": ["klass"]}, "kinds: 'klass' is none"),
        ({"tests": "maybe"}, "got 'maybe'"),
        ({"path_glob": "/"}, "got '/'"),
        ({"path_glob": "[z-a]"}, r"'\[z-a\]'"),
        ({"path_glob": "a\0b"}, "NUL"),
        ({"language": "\0"}, "NUL"),
        ({"repo": "\0"}, "NUL"),
    ],
    ids=str,
)
def test_what_can_not_be_searched_is_refused_in_words(scene: Scene, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SearchRefused, match=message):
        scene.search("session", **options)


@pytest.mark.parametrize("query", ["", " \n\t", "a\0b"])
def test_a_query_without_anything_in_it_is_refused(scene: Scene, query: str) -> None:
    with pytest.raises(SearchRefused):
        scene.search(query)


# Projects and repositories


@pytest.mark.parametrize("legs", [("words",), ("vectors",), ("words", "vectors")], ids="+".join)
@pytest.mark.parametrize(
    "query", ["quarterly_numbers", "belong to another project", "src/retry_policy.py", "compute_delay"]
)
def test_another_projects_chunks_are_never_found(scene: Scene, query: str, legs: tuple[str, ...]) -> None:
    ours = scene.search(query, legs=legs, **EVERY).hits
    theirs = scene.search(query, legs=legs, project_id="secret", **EVERY).hits
    assert theirs
    assert {hit.repo_path for hit in ours} <= {str(scene.root)}
    assert all("another project" not in hit.content for hit in ours)
    assert str(scene.root) not in {hit.repo_path for hit in theirs}


def test_another_projects_repository_is_not_found_by_its_path_either(scene: Scene) -> None:
    (root,) = {hit.repo_path for hit in scene.search("quarterly_numbers", project_id="secret").hits}
    assert scene.paths("quarterly_numbers", repo=root) == []
    with pytest.raises(SearchRefused, match="is not indexed in project default"):
        related(scene.client.connection, project_id="default", root=root, path="a.py", line=1)


def test_a_repository_is_chosen_by_path_folder_or_part_of_its_name(scene: Scene) -> None:
    for repo in (str(scene.root), str(scene.root.parent), str(scene.root.parent) + "/", "shop", "SHO"):
        assert scene.paths("compute_delay", repo=repo)[0] == "src/retry_policy.py"
    for repo in ("elsewhere", str(scene.root) + "x", str(scene.root)[:-1] + "_", "%", "sh_p"):
        assert scene.paths("compute_delay", repo=repo) == []


def test_a_project_without_repositories_finds_nothing(scene: Scene) -> None:
    assert scene.search("compute_delay", project_id="empty").hits == []


def test_a_repository_that_was_never_indexed_finds_nothing_and_says_that_it_is_waiting(
    database_url: str, tmp_path: Path
) -> None:
    root = write_tree(tmp_path / "new", FILES)
    with Client.open(settings_for(database_url, embedder="hashing")) as client:
        client.start(root)
        result = search(client.connection, "compute_delay", project_id="default", open_embedder=embedder_for)
        assert result.hits == []
        assert [note for note in result.notes if str(root) in note and "pending" in note]
        with pytest.raises(SearchRefused, match=r"a\.py is not indexed"):
            related(client.connection, project_id="default", root=str(root), path="a.py", line=1)


def test_a_copy_in_another_repository_is_named_with_its_repository(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "workers").mkdir()
    roots = [write_tree(tmp_path / name, {"src/first_copy.js": FILES["src/first_copy.js"]}) for name in ("one", "two")]
    with Client.open(settings_for(database_url, embedder="hashing")) as client:
        with workers_on(database_url, tmp_path / "workers") as workers:
            for root in roots:
                index(client, workers, root)
        result = search(client.connection, "chunkInvoices", project_id="default", open_embedder=embedder_for)
    (hit,) = result.hits
    (other,) = hit.also_in
    assert {f"{hit.repo_path}/{hit.path}", other} == {f"{root}/src/first_copy.js" for root in roots}


# What is like a place


def like(scene: Scene, path: str, line: int, **options: Any) -> list[str]:
    result = related(
        scene.client.connection, project_id="default", root=str(scene.root), path=path, line=line, **options
    )
    return [hit.path for hit in result.hits]


def test_the_twin_of_a_function_is_found_and_the_function_itself_is_not(scene: Scene) -> None:
    found = like(scene, "src/orders/top.py", 3)
    assert found[0] == "src/orders/best.py"
    assert "src/orders/top.py" not in found
    assert like(scene, "src/orders/best.py", 1)[0] == "src/orders/top.py"


def test_what_a_piece_uses_is_related_to_it(scene: Scene) -> None:
    assert "src/retry_policy.py" in like(scene, "src/worker.py", 8)[:3]


def test_related_code_can_leave_tests_out_or_ask_for_them(scene: Scene) -> None:
    assert "tests/test_retry_policy.py" in like(scene, "src/retry_policy.py", 4)
    assert "tests/test_retry_policy.py" not in like(scene, "src/retry_policy.py", 4, tests="out")
    assert like(scene, "src/retry_policy.py", 4, tests="only") == ["tests/test_retry_policy.py"]
    assert len(like(scene, "src/retry_policy.py", 4, limit=1)) == 1


@pytest.mark.parametrize(
    ("root", "path", "line", "message"),
    [
        (None, "src/nothing.py", 1, r"src/nothing\.py is not indexed in /.*shop"),
        (None, "src/orders/top.py", 6, r"src/orders/top\.py has lines 1 to 5 in the index, not 6"),
        (None, "src/orders/top.py", 0, r"has lines 1 to 5 in the index, not 0"),
        ("/nowhere", "src/orders/top.py", 1, r"/nowhere is not indexed in project default"),
        ("shop", "src/orders/top.py", 1, r"shop is not indexed in project default"),
    ],
)
def test_a_place_that_is_not_indexed_is_refused_in_words(
    scene: Scene, root: str | None, path: str, line: int, message: str
) -> None:
    with pytest.raises(SearchRefused, match=message):
        related(scene.client.connection, project_id="default", root=root or str(scene.root), path=path, line=line)


# An embedder that is away


@pytest.mark.parametrize("fault", ["down", "server_error", "nan"])
def test_an_embedder_that_is_away_leaves_the_words_with_a_note_and_is_asked_once(
    database_url: str, tmp_path: Path, fault: str
) -> None:
    (tmp_path / "workers").mkdir()
    roots = [write_tree(tmp_path / name, FILES) for name in ("one", "two")]
    spec = f"ollama:{MODEL}"
    with EmbeddingServer() as service:
        settings = settings_for(database_url, embedder=spec, embedder_url=service.url)
        with (
            Client.open(settings) as client,
            workers_on(
                database_url, tmp_path / "workers", PGDEX_EMBEDDER=spec, PGDEX_EMBEDDER_URL=service.url
            ) as workers,
        ):
            for root in roots:
                index(client, workers, root)

            def find() -> SearchResult:
                return search(
                    client.connection,
                    "compute_delay",
                    project_id="default",
                    open_embedder=lambda name: embedder_for(name, settings),
                )

            assert find().notes == []
            service.reset_counts()
            service.fail(fault)
            result = find()
            assert result.hits[0].path == "src/retry_policy.py"
            assert len(result.notes) == 2
            assert all("Only words were searched" in note for note in result.notes)
            assert all(any(str(root) in note for note in result.notes) for root in roots)
            if fault != "down":
                assert service.counts().calls == 1
            service.recover()
            assert find().notes == []


# While files are replaced


def test_a_search_goes_on_while_files_are_replaced(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "workers").mkdir()
    root = python_tree(tmp_path / "tree", 60)
    found: list[list[str]] = []
    failures: list[BaseException] = []
    ended = threading.Event()

    def search_on() -> None:
        try:
            with Client.open(settings_for(database_url, embedder="hashing")) as client:
                while not ended.is_set():
                    result = search(
                        client.connection, "run_42", project_id="default", open_embedder=embedder_for, limit=20
                    )
                    found.append([hit.path for hit in result.hits])
                    place = related(
                        client.connection, project_id="default", root=str(root), path="package_0/module_42.py", line=8
                    )
                    assert place.hits
        except BaseException as error:
            failures.append(error)

    with (
        Client.open(settings_for(database_url, embedder="hashing")) as client,
        workers_on(database_url, tmp_path / "workers") as workers,
    ):
        index(client, workers, root)
        thread = threading.Thread(target=search_on)
        thread.start()
        try:
            for _ in range(3):
                index(client, workers, root, force=True)
            end = time.monotonic() + 30
            while len(found) < 5 and not failures and time.monotonic() < end:
                time.sleep(0.05)
        finally:
            ended.set()
            thread.join()
    assert failures == []
    assert len(found) >= 5
    assert all(paths[0] == "package_0/module_42.py" for paths in found)
    assert all(len(set(paths)) == len(paths) for paths in found)
