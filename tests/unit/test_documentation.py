"""The documents keep up with the code: names, defaults, codes and links in them are checked against the real ones."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.root import SECTIONS
from pgdex.jobs.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md")])
# Where this repository's files are, for pages that are shown elsewhere too: on PyPI, and on a site of docs/ alone.
OWN = re.compile(r"https://(?:github\.com/pgdex/pgdex/(?:blob|tree)|raw\.githubusercontent\.com/pgdex/pgdex)/main/")
CODE = ("indexer", "jobs", "migrations", "pgdex", "sql", "tests")
VARIABLES = {f"PGDEX_{name.upper()}" for name in Settings.known()}
# In the compose file these two are not the user's choice.
FIXED_IN_CONTAINERS = {"PGDEX_DATABASE_URL", "PGDEX_HOME", "PGDEX_SERVER_LINGER"}  # the server is no embedded one


def text(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def commands_in(page: Path, program: str) -> set[str]:
    """The word after `program` wherever the page has it as code: in a block at the start of a line, or inline."""
    content = page.read_text("utf-8")
    blocks = "".join(re.findall(r"```.*?```", content, flags=re.DOTALL))
    of_blocks = re.findall(rf"^(?:\$ )?{program} ([a-z][a-z-]*)", blocks, flags=re.MULTILINE)
    return {*of_blocks, *re.findall(rf"`{program} ([a-z][a-z-]*)[^`\n]*`", content)}


def slug(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def links_in(page: Path) -> list[str]:
    """The targets of the page's links and images."""
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL))


def is_relative(target: str) -> bool:
    return re.match(r"[a-z]+:", target) is None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_to_this_repository_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    for target in links_in(page):
        path, _, anchor = OWN.sub("", target).partition("#")
        if not is_relative(path):
            continue
        folder = ROOT if OWN.match(target) else page.parent
        file = (folder / path) if path else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), flags=re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, f"{page.name} links to {target}"


def test_what_pypi_shows_has_no_link_that_is_dead_there() -> None:
    shown = ROOT / tomllib.loads(text("pyproject.toml"))["project"]["readme"]
    assert [target for target in links_in(shown) if is_relative(target) and not target.startswith("#")] == []


def test_no_page_of_the_site_links_out_of_it_by_a_relative_path() -> None:
    docs = ROOT / "docs"
    for page in docs.rglob("*.md"):
        for target in filter(is_relative, links_in(page)):
            assert (page.parent / target.partition("#")[0]).resolve().is_relative_to(docs), f"{page.name}: {target}"


def test_every_page_of_docs_is_in_the_navigation_of_the_site() -> None:
    navigation = set(re.findall(r"^ +- .+: (\S+\.md)$", text("mkdocs.yml"), flags=re.MULTILINE))
    assert navigation == {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}


@pytest.mark.parametrize("variable", sorted(VARIABLES))
def test_every_setting_is_explained(variable: str) -> None:
    assert re.search(rf"^# {variable}=", text(".env.example"), flags=re.MULTILINE)
    assert f"| `{variable}` |" in text("docs/configuration.md")


@pytest.mark.parametrize("variable", sorted(VARIABLES - FIXED_IN_CONTAINERS))
def test_every_setting_reaches_the_workers_in_containers(variable: str) -> None:
    assert f"{variable}: ${{{variable}:-" in text("docker-compose.yml")


@pytest.mark.parametrize("name", sorted(Settings.known()))
def test_the_defaults_in_the_example_are_the_real_ones(name: str) -> None:
    declared = Settings.known()[name].setting
    default = declared.default
    written = re.search(rf"^# PGDEX_{name.upper()}=(.*)$", text(".env.example"), flags=re.MULTILINE)
    assert written is not None
    if name in ("database_url", "max_concurrent_jobs") or declared.default_factory is not None:
        return  # an example instead of a default; a default of the database (3); one that depends on the user
    if isinstance(default, bool):
        assert written[1] == ("on" if default else "off")
        return
    assert written[1] == ("" if default is None else f"{default:g}" if isinstance(default, float) else str(default))


def test_no_variable_is_written_about_that_does_not_exist() -> None:
    ours = VARIABLES | {"PGDEX_REPOSITORIES", "PGDEX_WORKER_USER", "PGDEX_TEST_DATABASE_URL"}
    for page in [*PAGES, ROOT / ".env.example", ROOT / "docker-compose.yml"]:
        mentioned = set(re.findall(r"\bPGDEX_[A-Z][A-Z_]*[A-Z]\b", page.read_text("utf-8")))
        assert mentioned <= ours, page.name


def test_the_table_of_exit_codes_is_the_code_s_own() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+?) \|$", text("README.md"), flags=re.MULTILINE)
    assert {int(code): meaning for code, meaning in rows} == {code.value: code.meaning for code in ExitCode}


def test_every_command_in_the_documents_exists() -> None:
    commands = {name for section in SECTIONS.values() for name in section}
    for page in PAGES:
        assert commands_in(page, "pgdex") <= commands, page.name


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), flags=re.MULTILINE))
    for page in PAGES:
        assert commands_in(page, "make") <= targets, page.name


def named_tests_in(page: str) -> list[tuple[str, str]]:
    """File (below tests/) and name of each test that the page names."""
    return re.findall(r"`([\w/]+\.py)::(test_\w+)`", text(page))


def test_every_promise_names_tests_that_hold_it() -> None:
    table = text("docs/reliability.md").partition("## Which test holds which promise")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (?!promise|---)(.+?) \| (.+) \|$", table, flags=re.MULTILINE)
    assert len(rows) > 30
    assert [promise for promise, held_by in rows if not re.search(r"`[\w/]+\.py::test_\w+`", held_by)] == []


@pytest.mark.parametrize(("file", "name"), named_tests_in("docs/reliability.md"))
def test_a_test_that_a_promise_names_exists(file: str, name: str) -> None:
    path = ROOT / "tests" / file
    tree = ast.parse(path.read_text("utf-8"))
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assigned = {
        name.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for name in node.targets
        if isinstance(name, ast.Name)
    }
    assert name in defined | assigned, f"{path.name} has no {name}"


def test_the_table_of_sqlstates_is_complete() -> None:
    files = "".join(file.read_text("utf-8") for file in (ROOT / "sql").rglob("*.sql"))
    raised = set(re.findall(r"errcode = '(PX\d+)'", files))
    assert set(re.findall(r"^\| `(PX\d+)` \|", text("docs/sql.md"), flags=re.MULTILINE)) == raised


ROOMS = [
    "jobs",
    *sorted(f"jobs/{entry.name}" for entry in (ROOT / "jobs").iterdir() if (entry / "__init__.py").exists()),
]


@pytest.mark.parametrize("package", [*ROOMS, "indexer", "migrations"])
def test_the_map_of_modules_names_every_module_of_a_room_and_no_other(package: str) -> None:
    section = re.search(
        rf"^### `{package}/`\n(.*?)(?=^##)", text("docs/architecture.md"), flags=re.DOTALL | re.MULTILINE
    )
    assert section is not None, f"docs/architecture.md has no heading for {package}/"
    cells = re.findall(r"^\| (`.+?) \|", section[1], flags=re.MULTILINE)
    named = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    modules = {entry.name for entry in (ROOT / package).glob("*.py")} - {"__init__.py"}
    folders = {f"{entry.name}/" for entry in (ROOT / package).iterdir() if (entry / "__init__.py").exists()}
    assert sorted(named) == sorted(modules | folders)


def guesses() -> list[tuple[str, str, str]]:
    """Question, file and word of each row of the one-guess test."""
    table = text("docs/architecture.md").partition("### One guess\n")[2].partition("\n### ")[0]
    return re.findall(r"^\| (.+\?) \| `(.+?)` \| `(.+?)` \|$", table, flags=re.MULTILINE)


def test_the_one_guess_test_asks_twenty_questions_about_different_files() -> None:
    assert len(guesses()) == len({file for _, file, _ in guesses()}) == 20


@pytest.mark.parametrize(("question", "file", "word"), guesses())
def test_a_question_of_the_one_guess_test_is_answered_in_its_file(question: str, file: str, word: str) -> None:
    assert (ROOT / file).is_file(), f"where is {question} Not in {file}: there is no such file"
    assert word in text(file), f"where is {question} {file} does not say {word}"


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/reliability.md"])
def test_a_module_that_the_page_names_exists(page: str) -> None:
    files = [f"/{file.relative_to(ROOT)}" for folder in CODE for file in (ROOT / folder).rglob("*")]
    for name in re.findall(r"`([a-z_][\w/]*\.(?:py|sql))`", text(page)):
        assert any(file.endswith(f"/{name}") for file in files), f"{page} names {name}"


def code_as_text() -> str:
    """All of the code, with the pieces of a text that stands on several lines put together."""
    files = [path for folder in ("indexer", "jobs", "migrations", "sql") for path in sorted((ROOT / folder).rglob("*"))]
    content = "".join(path.read_text("utf-8") for path in files if path.suffix in (".py", ".sql"))
    return re.sub(r'"\s*\n\s*f?"', "", content)


def test_every_message_that_the_troubleshooting_page_explains_is_one_that_pgdex_prints() -> None:
    headings = re.findall(r"^### (`.+)$", text("docs/troubleshooting.md"), flags=re.MULTILINE)
    messages = [message for heading in headings for message in re.findall(r"`([^`]+)`", heading)]
    assert len(messages) > 20
    printed = code_as_text()
    assert [message for message in messages if message not in printed] == []
