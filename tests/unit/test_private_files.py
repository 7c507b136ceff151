"""Files that only their owner may read, and the token in one of them."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pgdex.jobs.client.private_files import create_private, read_private
from pgdex.jobs.errors import InvalidSetting
from pgdex.jobs.mcp.access import Token, ensure_token, rotate_token, token_file
from pgdex.jobs.settings import Settings


def at(home: Path) -> Settings:
    return Settings(home=home)


def test_a_token_is_made_once_and_is_its_owner_s_alone(tmp_path: Path) -> None:
    settings = at(tmp_path / "new" / "home")

    token = ensure_token(settings)

    assert len(token) >= 43
    assert token_file(settings).stat().st_mode & 0o777 == 0o600
    assert ensure_token(settings) == token
    assert list(settings.home.iterdir()) == [token_file(settings)]


def test_processes_that_start_at_once_have_one_token(tmp_path: Path) -> None:
    with ThreadPoolExecutor(20) as pool:
        tokens = set(pool.map(lambda _: ensure_token(at(tmp_path)), range(100)))

    assert len(tokens) == 1


def test_a_new_token_counts_at_once_and_the_old_one_no_more(tmp_path: Path) -> None:
    settings = at(tmp_path)
    old = ensure_token(settings)
    served = Token(settings)
    assert served.current() == old.encode()

    new = rotate_token(settings)

    assert new != old
    assert served.current() == new.encode()
    token_file(settings).unlink()
    assert served.current() is None


def _open_to_others(file: Path) -> None:
    file.chmod(0o640)


def _a_link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def _a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


def _somebody_else_s(file: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(file, 65534, 65534)


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _short(file: Path) -> None:
    file.write_bytes(b"secret\n")


@pytest.mark.parametrize("change", [_open_to_others, _a_link, _a_folder, _a_pipe, _somebody_else_s, _empty, _short])
def test_a_token_that_others_may_know_or_chose_is_refused(change: Callable[[Path], None], tmp_path: Path) -> None:
    settings = at(tmp_path)
    ensure_token(settings)
    change(token_file(settings))

    with pytest.raises(InvalidSetting, match="mcp-token"):
        ensure_token(settings)
    assert Token(settings).current() is None


def test_a_home_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InvalidSetting, match="PGDEX_HOME must be a folder that you can write to"):
        ensure_token(at(tmp_path / "file"))


def test_a_private_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert read_private(tmp_path / "none") is None
    assert create_private(tmp_path / "one", b"first")
    assert not create_private(tmp_path / "one", b"second")
    assert read_private(tmp_path / "one") == b"first"
