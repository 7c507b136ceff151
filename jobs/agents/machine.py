"""Whose files are meant, and which project."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pgdex.jobs.agents.files import FileRefused


@dataclass(frozen=True, slots=True)
class Machine:
    """The home folder, the variables of the user's shell, and which of the two systems it is."""

    home: Path
    variables: Mapping[str, str]
    is_mac: bool = False

    def folder(self, variable: str, default: Path) -> Path:
        """The folder that a variable names, or the default."""
        value = self.variables.get(variable)
        if not value:
            return default
        return self.home / value[2:] if value.startswith("~/") else Path(value).absolute()

    @property
    def config(self) -> Path:
        """XDG_CONFIG_HOME."""
        return self.folder("XDG_CONFIG_HOME", self.home / ".config")

    @property
    def applications(self) -> Path:
        """Where desktop programs keep their settings."""
        return self.home / "Library" / "Application Support" if self.is_mac else self.config

    def has_program(self, name: str) -> bool:
        """Whether the shell finds it."""
        return shutil.which(name, path=self.variables.get("PATH")) is not None

    def shown(self, path: Path) -> str:
        """A path as people write it, with ~ for the home folder."""
        return f"~/{path.relative_to(self.home)}" if path.is_relative_to(self.home) else str(path)


def this_machine() -> Machine:
    """That of this process. Raises FileRefused for a user without a home folder, and for root in someone else's (sudo
    keeps HOME on some systems), whose files would then belong to root."""
    try:
        home = Path.home().absolute()
    except RuntimeError:
        home = Path("/nonexistent")
    if not home.is_dir():
        raise FileRefused(
            f"the home folder {home} does not exist, and agents keep their settings there: set HOME to one that does"
        )
    if os.geteuid() == 0 and home.stat().st_uid != 0:
        raise FileRefused(
            f"the home folder {home} is not root's, and what root writes there its owner could not change: run this as "
            "that user, without sudo"
        )
    return Machine(home, os.environ, is_mac=sys.platform == "darwin")


def project_root(folder: Path) -> Path:
    """The working tree of git that `folder` is in, else the folder itself."""
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), folder)
