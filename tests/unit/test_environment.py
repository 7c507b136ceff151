"""Settings as environment variables: what is taken, what is refused, and what never shows."""

from pathlib import Path
from typing import ClassVar

import pytest

from pgdex.jobs.environment import Environment, Secret, UnusableValue, setting


class Sample(Environment):
    """One setting of each kind."""

    prefix: ClassVar[str] = "SAMPLE_"

    count: int = setting(3, ge=1, le=9, description="")
    pause: float = setting(0.5, gt=0, description="")
    watch: bool = setting(True, description="")
    folder: Path = setting(default_factory=lambda: Path("/default"), description="")
    project: str = setting("main", pattern="[a-z]+", description="")
    key: Secret | None = setting(None, description="")


def test_variables_become_values_of_the_declared_kinds() -> None:
    read = Sample.read(
        {
            "SAMPLE_COUNT": " 7 ",
            "SAMPLE_PAUSE": "1e-3",
            "SAMPLE_WATCH": "Off",
            "SAMPLE_FOLDER": "/x",
            "SAMPLE_KEY": "k",
            "SAMPLE_PROJECT": "",
            "OTHER": "1",
        }
    )
    assert (read.count, read.pause, read.watch, read.folder) == (7, 0.001, False, Path("/x"))
    assert read.key is not None
    assert read.key.get_secret_value() == "k"
    assert read.project == "main", "an empty variable is none"
    assert read.given == {"count", "pause", "watch", "folder", "key"}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("count", "0", "it must be at least 1"),
        ("count", "10", "it must be at most 9"),
        ("count", "2.5", "it must be an integer"),
        ("count", "many", "it must be an integer"),
        ("pause", "0", "it must be above 0"),
        ("pause", "nan", "it must be a number"),
        ("pause", "inf", "it must be a number"),
        ("watch", "perhaps", "it must be on or off"),
        ("project", "Main street", r"it must match \[a-z\]\+"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_the_reason_alone(name: str, value: str, reason: str) -> None:
    with pytest.raises(UnusableValue, match=f"^{name}: {reason}$"):
        Sample.read({f"SAMPLE_{name.upper()}": value})


def test_a_secret_shows_in_no_text() -> None:
    settings = Sample(key="tell nobody")
    assert "tell nobody" not in f"{settings!r} {settings} {settings.key!r} {settings.key}"


def test_settings_do_not_change_and_are_compared_by_their_values() -> None:
    settings = Sample(count=4)
    with pytest.raises(AttributeError):
        settings.count = 5
    assert settings.with_values(pause=2) == Sample(count=4, pause=2.0) != settings
    assert hash(settings) == hash(Sample(count=4, watch=True))
    with pytest.raises(TypeError, match="has no setting colour"):
        Sample(colour="red")
