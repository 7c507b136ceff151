"""The scripts for bash, zsh and fish: click's, with one more type of value, `part`, after which the word goes on.

A folder's files come after it, and a line after FILE: -- a blank there would have to be taken back.
"""

import re
from typing import Any

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)

VARIABLE = "_PGDEX_COMPLETE"  # click's name for it, made of the program's
PART = "part"
MEANT_BY_BASH = re.compile(r"([^\w./:@%+,=~-])", re.ASCII)
# Where click's script adds a plain value, which bash would split and expand without quotes, the line that adds a part
# stands beside it.
BASH_PLAIN = """\
        elif [[ $type == 'plain' ]]; then
            COMPREPLY+=($value)
"""
BASH_PART = """\
        elif [[ $type == 'part' ]]; then
            compopt -o nospace
            COMPREPLY+=("$value")
"""
ZSH_DIR = """\
        elif [[ "$type" == "dir" ]]; then
"""
ZSH_PART = """\
        elif [[ "$type" == "part" ]]; then
            compadd -U -S '' -V unsorted -- "$key"
"""


class Bash(BashComplete):
    """bash: its script puts values in as they are, so what means something to bash is escaped here."""

    source_template = BashComplete.source_template.replace(
        BASH_PLAIN, BASH_PLAIN.replace("$value", '"$value"') + BASH_PART
    ).replace("read type value", "read -r type value")

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """One line: the type and the value. A branch may be called `x;$(id)`, and its name comes from others."""
        return f"{item.type},{MEANT_BY_BASH.sub(_escaped, item.value)}"


class Zsh(ZshComplete):
    """zsh, which escapes values by itself."""

    source_template = ZshComplete.source_template.replace(ZSH_DIR, ZSH_PART + ZSH_DIR)


class Fish(FishComplete):
    """fish, which puts no blank after a slash or a colon."""

    def format_completion(self, item: CompletionItem[str]) -> str:
        """One line: the type, the value, and what it is."""
        if item.type == PART:
            return super().format_completion(CompletionItem(item.value, help=item.help))
        return super().format_completion(item)


SHELLS: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": Zsh, "fish": Fish}


def register() -> None:
    """Have click use these when a shell asks."""
    for shell in SHELLS.values():
        add_completion_class(shell)


def _escaped(found: re.Match[str]) -> str:
    # The names of files are of any language: only what is ASCII means something to the shell.
    return f"\\{found[1]}" if found[1].isascii() else found[1]
