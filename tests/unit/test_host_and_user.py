import os
import socket

import pytest

from pgdex.jobs.batches.host_and_user import host_and_user


def test_a_user_without_a_name_is_shown_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_242_424)
    assert host_and_user() == f"on {socket.gethostname()} as user 4242424"
