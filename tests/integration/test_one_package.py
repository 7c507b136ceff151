"""The wheel holds one package, pgdex, and leaves every other name to others: real environments, real installations.

Installing pgdex's dependencies into each environment would take minutes. The environments see them through a folder of
links to those of the tests' own environment, in which pgdex is left out.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.workers import living_workers
from tests.support.trees import python_tree
from tests.support.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
GENERIC = ("indexer", "jobs", "migrations", "sql")
"""The folders of pgdex, which are also what other people call their packages."""
SOURCES = (*GENERIC, "docs", "hatch_build.py", "pgdex", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")
OTHERS = {"jupysql": ("sql",), "shop": GENERIC}
"""Other distributions by the top-level packages that they install. jupysql's is called like that in earnest."""
MOST_IMPORT_SECONDS = 0.02
HEAVY = (
    *("alembic", "asyncio", "click", "fastembed", "httpx2", "mcp", "model2vec", "numpy", "procrastinate", "psycopg"),
    *("pydantic", "rich", "sqlalchemy", "tree_sitter", "pgdex.jobs", "pgdex.indexer", "pgdex.migrations", "pgdex.sql"),
)


def ran(*command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A program's run to its end, without the variables by which this process finds its own modules."""
    return subprocess.run(
        command,
        cwd=folder,
        env=clean_environment() | variables,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PGDEX_", "PYTHON", "COV"))}


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment that sees pgdex's dependencies, and no pgdex until one is installed."""

    folder: Path

    @property
    def python(self) -> str:
        return self.program("python")

    def program(self, name: str) -> str:
        return str(self.folder / "bin" / name)

    def pip(self, command: str, *arguments: str) -> None:
        pip = (sys.executable, "-m", "pip", "--python", self.python, "--quiet", "--isolated", command)
        done = ran(*pip, *arguments, folder=self.folder)
        assert done.returncode == 0, done.stderr

    def install(self, wheel: Path) -> None:
        self.pip("install", "--no-index", "--no-deps", "--no-compile", str(wheel))

    def uninstall(self, name: str) -> None:
        self.pip("uninstall", "--yes", name)

    def run(self, code: str, folder: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        return ran(self.python, "-c", code, folder=folder or self.folder, **variables)


@pytest.fixture(scope="module")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with links to everything that is installed beside pgdex, and not pgdex."""
    folder = tmp_path_factory.mktemp("dependencies")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "pgdex" not in entry.name and entry.suffix != ".pth":
            (folder / entry.name).symlink_to(entry)
    return folder


def new_environment(folder: Path, dependencies: Path) -> Environment:
    venv.create(folder, with_pip=False, symlinks=True)
    made = Environment(folder)
    packages = Path(made.run("import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
    # What a .pth file names is not searched for further .pth files, so nothing there makes a checkout importable.
    (packages / "dependencies.pth").write_text(f"{dependencies}\n")
    script = Path(made.program("procrastinate"))
    script.write_text(f"#!{made.python}\nimport sys\nfrom procrastinate.cli import main\nsys.exit(main())\n")
    script.chmod(0o755)
    return made


@pytest.fixture
def environment(tmp_path: Path, dependencies: Path) -> Environment:
    return new_environment(tmp_path / "environment", dependencies)


@pytest.fixture(scope="module")
def only_pgdex(tmp_path_factory: pytest.TempPathFactory, dependencies: Path, wheel: Path) -> Environment:
    """An environment with the wheel; for tests that change nothing in it."""
    made = new_environment(tmp_path_factory.mktemp("only-pgdex") / "environment", dependencies)
    made.install(wheel)
    return made


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("sdist", checkout(tmp_path_factory.mktemp("for-sdist")))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", checkout(tmp_path_factory.mktemp("for-wheel")))


@pytest.fixture(scope="module")
def wheel_of_sdist(tmp_path_factory: pytest.TempPathFactory, sdist: Path) -> Path:
    folder = tmp_path_factory.mktemp("from-sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return built("wheel", next(folder.iterdir()))


def checkout(folder: Path) -> Path:
    """A copy of what is built; links stay links. Of the tests, which the sdist holds, one stands for all."""
    copied(folder, SOURCES)
    (folder / "tests").mkdir()
    shutil.copy(__file__, folder / "tests")
    return folder


def copied(folder: Path, names: Iterable[str]) -> Path:
    """Those files and folders of this checkout."""
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def built(target: str, folder: Path) -> Path:
    done = ran(sys.executable, "-m", "hatchling", "build", "--target", target, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return next((folder / "dist").iterdir())


def other_wheel(name: str, folder: Path) -> Path:
    """A wheel of another project. Each of its packages knows whose it is."""
    content = {f"{package}/__init__.py": f"OWNER = {name!r}\n" for package in OTHERS[name]}
    content[f"{name}-1.0.dist-info/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    content[f"{name}-1.0.dist-info/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    content[f"{name}-1.0.dist-info/RECORD"] = "".join(
        f"{path},,\n" for path in [*content, f"{name}-1.0.dist-info/RECORD"]
    )
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)
    return wheel


def require_other(environment: Environment, name: str) -> None:
    packages = OTHERS[name]
    done = environment.run(f"import {', '.join(packages)}; print({', '.join(f'{one}.OWNER' for one in packages)})")
    assert done.stdout.split() == [name] * len(packages), done.stdout + done.stderr


def require_pgdex(environment: Environment, folder: Path | None = None, **variables: str) -> None:
    """The command line starts, and what workers import can be imported, from where the wheel was installed."""
    where = folder or environment.folder
    shown = ran(environment.program("pgdex"), "--version", folder=where, **variables)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("pgdex")
    code = (
        "import pgdex.jobs.tasks, pgdex.sql, pgdex.migrations.tables; print(pgdex.__file__, type(pgdex.app).__name__)"
    )
    done = environment.run(code, where, **variables)
    assert done.returncode == 0, done.stderr
    file, app = done.stdout.split()
    assert Path(file).is_relative_to(environment.folder)
    assert app == "App"


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_what_an_image_is_built_from_makes_the_same_wheel(tmp_path: Path, wheel: Path) -> None:
    """.dockerignore lists what the build of an image sees."""
    rules = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert rules[1] == "*", "nothing but what is listed"
    seen = copied(tmp_path, [rule[1:] for rule in rules if rule.startswith("!")])
    with zipfile.ZipFile(built("wheel", seen)) as ours, zipfile.ZipFile(wheel) as whole:
        assert sorted(ours.namelist()) == sorted(whole.namelist())


def test_the_wheel_holds_pgdex_and_its_metadata_and_nothing_else(wheel: Path) -> None:
    assert {name.partition("/")[0].partition("-")[0] for name in names_in(wheel)} == {"pgdex"}
    for folder in GENERIC:
        inside = {name.removeprefix("pgdex/") for name in names_in(wheel) if name.startswith(f"pgdex/{folder}/")}
        tracked = {str(file.relative_to(ROOT)) for file in (ROOT / folder).rglob("*") if file.suffix in (".py", ".sql")}
        assert tracked <= inside


def test_the_wheel_of_the_sdist_is_the_wheel_of_the_checkout(wheel: Path, wheel_of_sdist: Path) -> None:
    assert names_in(wheel_of_sdist) == names_in(wheel)
    for name in names_in(wheel):
        with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(wheel_of_sdist) as other:
            assert one.read(name) == other.read(name), name


def test_the_wheel_of_the_sdist_works(environment: Environment, wheel_of_sdist: Path) -> None:
    environment.install(wheel_of_sdist)

    require_pgdex(environment)


@pytest.mark.parametrize("pgdex_comes", ["first", "last"])
@pytest.mark.parametrize("other", OTHERS)
def test_pgdex_and_a_package_with_a_generic_name_live_beside_each_other(
    environment: Environment, wheel: Path, tmp_path: Path, other: str, pgdex_comes: str
) -> None:
    others = other_wheel(other, tmp_path)
    for installed in (wheel, others) if pgdex_comes == "first" else (others, wheel):
        environment.install(installed)

    require_pgdex(environment)
    require_other(environment, other)

    environment.uninstall("pgdex")
    require_other(environment, other)
    assert environment.run("import pgdex").returncode != 0


@pytest.mark.parametrize("name", GENERIC)
def test_the_wheel_installs_no_generic_name(only_pgdex: Environment, name: str) -> None:
    done = only_pgdex.run(f"import {name}")
    assert done.returncode == 1
    assert f"No module named '{name}'" in done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Someone's project, whose packages have the names of pgdex's folders and can't be imported from elsewhere."""
    folder = tmp_path / "project"
    for package in GENERIC:
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text(f"raise ImportError('the project has a {package} of its own')\n")
    python_tree(folder / "src", count=3)
    return folder


HOSTILE = pytest.mark.parametrize("variables", [{}, {"PYTHONPATH": "."}], ids=["no PYTHONPATH", "PYTHONPATH=."])


@HOSTILE
def test_pgdex_starts_inside_a_project_that_has_packages_of_these_names(
    only_pgdex: Environment, project: Path, variables: dict[str, str]
) -> None:
    assert only_pgdex.run("import jobs", project).returncode != 0, "the project shall be in the way"

    require_pgdex(only_pgdex, project, **variables)


@HOSTILE
@pytest.mark.parametrize(
    "command",
    [("procrastinate", "--app=pgdex.app", "worker"), ("pgdex", "worker", "--processes", "1")],
    ids=["procrastinate", "pgdex worker"],
)
def test_a_worker_started_inside_such_a_project_indexes_it(
    only_pgdex: Environment,
    project: Path,
    client: Client,
    database_url: str,
    tmp_path: Path,
    command: tuple[str, ...],
    variables: dict[str, str],
) -> None:
    mine = {**variables, "PGDEX_DATABASE_URL": database_url, "PGDEX_HOME": str(tmp_path / "home")}
    with running(only_pgdex, *command, folder=project, variables=mine) as log:
        wait_for(lambda: living_workers(client.connection) or has_ended(log), what="a living worker")
        done = ran(only_pgdex.program("pgdex"), "index", "src", "--json", folder=project, **mine)

        assert done.returncode == 0, done.stderr + log.read_text("utf-8")
        assert json.loads(done.stdout)["files_indexed"] == 3
        assert len(living_workers(client.connection)) == 1, "no other worker than that one"


@contextmanager
def running(
    environment: Environment, program: str, *arguments: str, folder: Path, variables: dict[str, str]
) -> Iterator[Path]:
    """A program that runs until the block ends, and the file with its output."""
    log = folder.parent / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [environment.program(program), *arguments],
            cwd=folder,
            env=clean_environment() | variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield log
        assert process.poll() is None, log.read_text("utf-8")
    finally:
        process.terminate()
        process.wait(30)


def has_ended(log: Path) -> bool:
    assert "Error" not in log.read_text("utf-8"), log.read_text("utf-8")
    return False


def test_importing_pgdex_imports_nothing_heavy(only_pgdex: Environment) -> None:
    code = "import json, sys; before = {*sys.modules}; import pgdex; print(json.dumps([*{*sys.modules} - before]))"
    done = only_pgdex.run(code)
    assert done.returncode == 0, done.stderr
    assert {name for name in json.loads(done.stdout) if name.startswith(HEAVY)} == set()


def test_importing_pgdex_takes_under_20_ms(only_pgdex: Environment) -> None:
    """Of processor time, the best of several: what else the machine does only makes it longer."""
    code = "import time; start = time.process_time(); import pgdex; print(time.process_time() - start)"
    best = min(float(only_pgdex.run(code).stdout) for _ in range(5))
    assert best < MOST_IMPORT_SECONDS
