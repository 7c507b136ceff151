"""The pages by their file names, and which of those in docs/reference/ differ from them."""

from pathlib import Path

from docs_reference.command_line import command_line_page
from docs_reference.mcp_tools import mcp_tools_page
from docs_reference.openapi import openapi_page
from docs_reference.settings import settings_page
from docs_reference.sql_objects import sql_objects_page

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
NOTICE = "<!-- Generated from the code by `make reference`: change it there. -->\n\n"


def pages() -> dict[str, str]:
    """File name and text of every reference page."""
    return {
        "command-line.md": NOTICE + command_line_page(),
        "settings.md": NOTICE + settings_page(),
        "sql-objects.md": NOTICE + sql_objects_page(),
        "mcp-tools.md": NOTICE + mcp_tools_page(),
        "openapi.json": openapi_page(),
    }


def stale_pages() -> list[str]:
    """Names of pages that are missing from docs/reference/, differ from what the code says, or describe nothing."""
    wanted = pages()
    found = {file.name: file.read_text("utf-8") for file in FOLDER.iterdir()}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
