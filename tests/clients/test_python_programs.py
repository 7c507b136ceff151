"""pgdex inside other people's programs: a Django project with an app called `jobs`, FastAPI, a notebook; and the
OpenAPI description before a validator. Run with: make test-clients

Each has an environment of its own with the packages below, made once in the user's cache folder. pgdex comes as its
wheel's content on PYTHONPATH, so that nothing of this checkout can be imported.
"""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import platformdirs
import pytest
from filelock import FileLock

from docs_reference.openapi import openapi_page
from tests.support.documented import DOCS
from tests.support.logins import CHECKOUT
from tests.support.trees import write_tree
from tests.support.waiting import wait_for
from tests.support.workers import end_processes_in

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]

PACKAGES = {
    "django": ("django==5.2.19",),
    "fastapi": ("fastapi==0.165.0", "uvicorn==0.54.0"),
    "notebook": ("nbclient==0.11.0", "ipykernel==7.4.0", "nbformat==5.11.1"),
    "openapi": ("openapi-spec-validator==0.9.0",),
}
BUILT_FROM = (
    *("indexer", "jobs", "migrations", "sql", "pgdex"),
    *("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"),
)
PAGE = (DOCS / "how-to/python.md").read_text("utf-8")


def block_of(heading: str) -> str:
    """The program under a heading of docs/how-to/python.md."""
    section = re.split(rf"^## {heading}$", PAGE, flags=re.MULTILINE)[1]
    found = re.search(r"^```python\n(.*?)^```$", section, flags=re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what pip would install of pgdex's wheel."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in BUILT_FROM:
        if (CHECKOUT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(CHECKOUT / name, source / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(CHECKOUT / name, source / name)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    done = subprocess.run(build, cwd=source, check=False, capture_output=True, text=True, env=clean())
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next((source / "dist").iterdir())) as archive:
        archive.extractall(target)
    return target


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PGDEX_", "PYTHON", "COV"))}


def environment(name: str) -> Path:
    """The Python of an environment with the packages of that name, and the packages that pgdex needs where it has no
    version of its own of them."""
    lock = (CHECKOUT / "requirements-dev.lock").read_bytes()
    known = hashlib.sha256(repr((PACKAGES[name], sys.prefix, sys.version)).encode() + lock).hexdigest()[:12]
    folder = platformdirs.user_cache_path("pgdex-tests") / f"{name}-{known}"
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "environment" / "bin" / "python"
    with FileLock(folder / "lock"):
        if not (folder / "complete").exists():
            venv.create(folder / "environment", with_pip=False, symlinks=True, clear=True)
            pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *PACKAGES[name]]
            subprocess.run(pip, check=True, timeout=500, stdin=subprocess.DEVNULL)
            dependencies = folder / "dependencies"
            shutil.rmtree(dependencies, ignore_errors=True)
            dependencies.mkdir()
            for entry in Path(sysconfig.get_path("purelib")).iterdir():
                if "pgdex" not in entry.name and entry.suffix != ".pth":
                    (dependencies / entry.name).symlink_to(entry)
            where = "import sysconfig; print(sysconfig.get_path('purelib'))"
            packages = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip()
            (Path(packages) / "dependencies.pth").write_text(f"{dependencies}\n")
            (folder / "complete").touch()
    return python


@dataclass(frozen=True, slots=True)
class Program:
    """Someone's program in a folder, with the Python of its environment."""

    python: Path
    folder: Path
    variables: dict[str, str]

    def run(self, *arguments: str, check: bool = True) -> str:
        """What it prints."""
        done = subprocess.run(
            [self.python, *arguments],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout + ("" if check else done.stderr)

    @contextmanager
    def serving(self, *arguments: str) -> Iterator[str]:
        """It serves HTTP until the block ends; PORT in the arguments is the port. Yields its address."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        with (self.folder / "server.log").open("wb") as log:
            process = subprocess.Popen(
                [self.python, *(one.replace("PORT", port) for one in arguments)],
                cwd=self.folder,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

        def answers() -> bool:
            assert process.poll() is None, (self.folder / "server.log").read_text("utf-8")
            try:
                return httpx2.get(f"http://127.0.0.1:{port}/", timeout=5).status_code in (200, 404)
            except httpx2.HTTPError:
                return False

        try:
            wait_for(answers, what="the server", seconds=60)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def program(request: pytest.FixtureRequest, tmp_path: Path, database_url: str, wheel: Path) -> Iterator[Program]:
    """A program with the packages that the test names, an empty home, and a shop to index."""
    folder = tmp_path / "project"
    write_tree(folder / "shop", {"prices.py": "def discount(price: float) -> float:\n    return price * 0.9\n"})
    variables = clean() | {
        "HOME": str(tmp_path),
        "PGDEX_DATABASE_URL": database_url,
        "PGDEX_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(wheel),
    }
    yield Program(environment(request.param), folder, variables)
    assert end_processes_in(tmp_path / "home") == []


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("program", [name], indirect=True)


@needs("django")
def test_a_django_project_with_an_app_called_jobs_indexes_and_searches(program: Program) -> None:
    program.run("-m", "django", "startproject", "site_of_the_shop", ".")
    program.run("manage.py", "startapp", "jobs")
    write_tree(
        program.folder,
        {
            "jobs/models.py": "from django.db import models\n\n\nclass Job(models.Model):\n"
            "    title = models.CharField(max_length=100)\n",
            "jobs/views.py": block_of("Django"),
            "site_of_the_shop/urls.py": "from django.urls import path\nfrom jobs.views import search\n\n"
            "urlpatterns = [path('search', search)]\n",
        },
    )
    settings = program.folder / "site_of_the_shop/settings.py"
    settings.write_text(settings.read_text("utf-8") + "\nINSTALLED_APPS += ['jobs']\n")
    program.run("manage.py", "makemigrations", "jobs")
    program.run("manage.py", "migrate")

    # Workers are started from within the project, whose `jobs` is not pgdex's.
    said = program.run(
        "manage.py",
        "shell",
        "-c",
        "import jobs.models, pgdex\n"
        "jobs.models.Job.objects.create(title='clerk')\n"
        "px = pgdex.connect()\n"
        "print(px.index('shop', timeout=90).files_indexed, 'indexed')\n"
        "print(jobs.models.Job.objects.count(), 'job in', jobs.__file__)\n",
    )
    assert "1 indexed" in said
    assert f"1 job in {program.folder}/jobs/__init__.py" in said

    with program.serving("manage.py", "runserver", "--noreload", "127.0.0.1:PORT") as address:
        for _ in range(2):  # requests come in threads
            answer = httpx2.get(f"{address}/search", params={"q": "discount"}, timeout=60)
            assert answer.json() == {"hits": [{"path": "prices.py", "line": 1}]}


@needs("fastapi")
def test_a_fastapi_application_searches(program: Program) -> None:
    write_tree(program.folder, {"main.py": block_of("FastAPI")})
    said = program.run("-c", "import pgdex; print(pgdex.connect().index('shop', timeout=90).status)")
    assert said.strip() == "completed"

    with program.serving("-m", "uvicorn", "main:app", "--port", "PORT") as address:
        answer = httpx2.get(f"{address}/search", params={"q": "discount"}, timeout=60)
        assert [(hit["path"], hit["line"]) for hit in answer.json()] == [("prices.py", 1)]
        assert "price * 0.9" in answer.json()[0]["code"]


@needs("notebook")
def test_a_notebook_uses_both_ways_in_its_running_loop(program: Program) -> None:
    cells = [
        block_of("Index a folder and search it"),
        "import pgdex\npx = await pgdex.connect_async()\njob = await px.index('shop')\nprint('awaited', job.status)",
        "found = await px.search('discount')\nprint('found', found.hits[0].path)\nawait px.close()",
    ]
    run = (
        "import json, sys, nbformat\nfrom nbclient import NotebookClient\n"
        "made = nbformat.v4.new_notebook()\n"
        "made.cells = [nbformat.v4.new_code_cell(one) for one in json.loads(sys.argv[1])]\n"
        "NotebookClient(made, timeout=120, kernel_name='python3').execute()\n"
        "print(*(out.get('text', '') for cell in made.cells for out in cell.outputs))\n"
    )

    said = program.run("-c", run, json.dumps(cells))

    assert "1 files indexed, 0 unchanged" in said
    assert "prices.py:1 discount" in said
    assert "awaited completed" in said
    assert "found prices.py" in said


def test_the_openapi_description_is_valid_to_a_validator(tmp_path: Path) -> None:
    python = environment("openapi")
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(openapi_page(), "utf-8")
    document = json.loads(openapi_page())
    del document["paths"]["/mcp"]["post"]["responses"]["200"]["description"]
    bad.write_text(json.dumps(document), "utf-8")

    def judged(path: Path) -> int:
        command = [str(python), "-m", "openapi_spec_validator", str(path)]
        return subprocess.run(command, env=clean(), capture_output=True, check=False, timeout=100).returncode

    assert (judged(good), judged(bad)) == (0, 1)
