"""Which pager is used, and when none is."""

import pytest

from pgdex.jobs.cli.render.pager import pager_command


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("PAGER", raising=False)


def test_pgdex_pager_comes_before_pager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "sh -s")
    assert pager_command(None) == ["sh", "-s"]
    assert pager_command("env -u 'X Y'") == ["env", "-u", "X Y"]


@pytest.mark.parametrize("given", ["", "cat", "no-such-program-anywhere", "sh 'never closed"])
def test_without_a_usable_pager_there_is_none(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", given)
    assert pager_command(None) == []


def test_a_dumb_terminal_has_no_pager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert pager_command("sh") == []
