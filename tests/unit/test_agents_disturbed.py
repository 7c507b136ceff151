"""Installing where a file is broken or locked, or the install is killed or not alone: nothing of the user's is lost."""

import json
import os
import threading
from pathlib import Path

import pytest

from pgdex.jobs.agents import files
from pgdex.jobs.agents.clients import CLIENTS
from pgdex.jobs.agents.files import FileChanged, FileRefused, alone_in
from pgdex.jobs.agents.receipts import FILE_NAME, load
from pgdex.jobs.agents.registered import registrations
from pgdex.jobs.errors import InvalidSetting
from tests.support.agent_homes import THEIRS, Home, fill, problems, tree


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path.resolve() / "home")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"mcpServers": {', "can't be understood: line 1, column 17"),
        (b'{"mcpServers": []}', "mcpServers is not an object"),
        (b"\xff\xfe{\0}\0", "is not a UTF-8 text file"),
        (b'{"a": 1, "a": 2, "mcpServers": {}, "mcpServers": {}}', "mcpServers is there more than once"),
    ],
)
def test_a_file_that_is_broken_is_left_alone_and_the_others_are_written(
    home: Home, content: bytes, reason: str
) -> None:
    fill(home.folder, {".claude.json": content})

    done = home.install("claude-code", "codex")

    (problem,) = problems(done)
    assert str(home.folder / ".claude.json") in problem
    assert reason in problem
    assert (home.folder / ".claude.json").read_bytes() == content
    assert [one.client.name for one in registrations(home.machine, None)] == ["codex"]


@pytest.mark.parametrize("place", [".codex/config.toml", ".codex"])
def test_what_is_read_only_is_refused_with_what_to_do(home: Home, place: str) -> None:
    fill(home.folder, {".codex/config.toml": b"a = 1\n", ".codex/AGENTS.md": b""})
    (home.folder / place).chmod(0o444 if place.endswith("toml") else 0o555)
    try:
        found = [problem for problem in problems(home.install("codex")) if "config.toml" in problem]
    finally:
        (home.folder / place).chmod(0o755)

    assert len(found) == 1
    assert "read-only" in found[0]
    assert (home.folder / ".codex/config.toml").read_bytes() == b"a = 1\n"


def test_a_folder_in_a_file_s_place_and_a_file_in_a_folder_s_place_are_refused(home: Home) -> None:
    (home.folder / ".claude.json").mkdir(parents=True)
    fill(home.folder, {".codex": b""})

    found = problems(home.install("claude-code", "codex"))

    assert any("is not a regular file" in one for one in found)
    assert any("is not a folder" in one for one in found)


def test_a_file_that_changes_between_reading_and_writing_is_not_written(home: Home) -> None:
    fill(home.folder, {"f": b"theirs"})

    with pytest.raises(FileChanged):
        files.write(home.folder / "f", "ours", expected="older")

    assert (home.folder / "f").read_bytes() == b"theirs"


@pytest.mark.parametrize("before", [b"first", None], ids=["a file", "no file"])
def test_what_another_program_writes_while_the_disk_is_waited_for_stays(
    home: Home, before: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(home.folder, {} if before is None else {"f": before})
    wait_for_disk = os.fsync

    def slow(descriptor: int) -> None:
        wait_for_disk(descriptor)
        (home.folder / "f").write_bytes(b"theirs")

    monkeypatch.setattr(os, "fsync", slow)
    with pytest.raises(FileChanged, match="run this again"):
        files.write(home.folder / "f", "ours", expected=None if before is None else before.decode())

    assert tree(home.folder).keys() == {"f"}
    assert (home.folder / "f").read_bytes() == b"theirs"


def test_a_record_that_is_damaged_is_not_overwritten(home: Home) -> None:
    home.install("codex")
    (home.state / FILE_NAME).write_text("{")

    with pytest.raises(InvalidSetting, match="is damaged"):
        home.install("codex")


@pytest.mark.parametrize("at", [0, 1, 4, 20])
def test_a_killed_install_is_completed_and_undone_to_the_byte(
    home: Home, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(home.folder, THEIRS)
    before = tree(home.folder)
    calls = iter(range(100))
    write = files.write

    def killed(*args: object, **options: object) -> None:
        if next(calls) == at:
            raise KeyboardInterrupt
        write(*args, **options)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(files, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        home.install()
    monkeypatch.undo()

    home.install()
    home.uninstall()

    assert tree(home.folder) == before


def test_two_installs_at_once_lose_no_entry(home: Home) -> None:
    names = list(CLIENTS)
    shared = home.folder / "shared.json"
    shared.write_text("{}")
    found: list[BaseException] = []

    def run(name: str) -> None:
        try:
            with alone_in(home.folder):
                home.install(name)
                document = json.loads(shared.read_text())
                shared.write_text(json.dumps(document | {name: 1}))
        except BaseException as error:
            found.append(error)

    threads = [threading.Thread(target=run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert found == []
    assert set(json.loads(shared.read_text())) == set(names)
    assert [one.client.name for one in registrations(home.machine, None)] == names
    assert set(load(home.state).of[str(home.folder / ".agents/skills/pgdex/SKILL.md")].agents) >= {"codex", "gemini"}


def test_who_can_t_have_the_lock_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOCK_SECONDS", 0.2)
    with (
        alone_in(home.folder),
        pytest.raises(FileRefused, match="another `pgdex install` is at work"),
        alone_in(home.folder),
    ):
        pass
