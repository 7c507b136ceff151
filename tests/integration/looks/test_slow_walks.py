"""A walk that takes longer than a search may wait."""

import sys
import threading
import time
from typing import Any

import pytest

from pgdex.indexer.sources import WalkAborted, walk
from pgdex.jobs.client.client import Client
from pgdex.jobs.watching import Looks, looks
from tests.integration.looks.scene import Scene, held_up

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads inotify's queue, which only Linux has")


def test_a_walk_that_takes_longer_than_a_search_may_wait_is_not_begun_anew(
    scene: Scene, remembered: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks, goes_on = held_up(monkeypatch)
    for _ in range(3):
        with pytest.raises(WalkAborted):
            remembered.look(scene.client, scene.view, scene.root, lambda: True)
    scene.write("a/later.py")
    goes_on.set()
    assert scene.look(remembered) == ["a/later.py"]
    assert len(walks) == 1


@pytest.mark.parametrize("why", ["long ago", "rules"])
def test_a_walk_of_an_earlier_look_after_which_anything_may_have_happened_does_not_count(
    scene: Scene, remembered: Looks, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    walks, goes_on = held_up(monkeypatch)
    with pytest.raises(WalkAborted):
        remembered.look(scene.client, scene.view, scene.root, lambda: True)
    goes_on.set()
    time.sleep(0.5)
    scene.write("a/later.py")
    if why == "rules":
        scene.write(".gitignore", "*.log\n")
        scene.write("left/now.py")
    else:
        monkeypatch.setattr(looks, "TRUSTED_SECONDS", 0.4)
    assert scene.look(remembered) == scene.whole()
    assert "a/later.py" in scene.look(remembered)
    assert len(walks) >= 2


def test_a_look_that_waits_for_another_one_gives_up_in_its_time(
    scene: Scene, remembered: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, goes_on = threading.Event(), threading.Event()

    def slow(*arguments: Any, **named: Any) -> Any:
        began.set()
        goes_on.wait(30)
        return walk(*arguments, **named)

    monkeypatch.setattr(looks, "walk", slow)
    first = threading.Thread(target=lambda: scene.look(remembered))
    first.start()
    assert began.wait(30)
    with pytest.raises(WalkAborted), Client.open(scene.client.settings) as other:
        remembered.look(other, scene.view, scene.root, lambda: True)
    goes_on.set()
    first.join(30)
