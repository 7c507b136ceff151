"""The headings of Markdown, reStructuredText, Org, AsciiDoc, Typst, LaTeX and the text of Word documents."""

import re

from pgdex.indexer.chunking.lines import Lines
from pgdex.indexer.chunking.outlines.heading import Heading, above, by_pattern, matches, title_of

_LATEX_LEVELS = ("part", "chapter", "section", "subsection", "subsubsection", "paragraph")

org_headings = by_pattern(r"^(\*+)[ \t]+(\S.*)$", level=lambda m: len(m[1]))
asciidoc_headings = by_pattern(r"^(={1,6})[ \t]+(\S.*)$", level=lambda m: len(m[1]))
# What documents/docx_text.py writes: no fences and no underlines, and a level for each of Word's nine below the title.
docx_headings = by_pattern(r"^(#{1,10}) (\S.*)$", level=lambda m: len(m[1]))
latex_headings = by_pattern(
    r"^[ \t]*\\((?:sub){0,2}section|part|chapter|paragraph)\*?\{([^}\n]*)",
    level=lambda m: _LATEX_LEVELS.index(m[1].lower()),
)

_MARKDOWN = re.compile(
    r"^ {0,3}(?:(?P<hashes>#{1,6})(?:[ \t](?P<title>.*)|\r?)$"
    r"|(?P<fence>```+|~~~+)(?P<info>.*)$"
    r"|(?P<line>=+|-+)[ \t\r]*$)",
    re.MULTILINE,
)


def markdown_headings(lines: Lines) -> list[Heading]:
    """`# Title` and underlined titles, outside of fenced code and of the front matter."""
    headings: list[Heading] = []
    fence = ""
    front_matter = lines.row(0).rstrip() == "---"
    for row, match in matches(_MARKDOWN, lines):
        if front_matter:
            front_matter = row == 0 or not match["line"]
        elif match["fence"]:
            mark = match["fence"]
            if not fence:
                # An info string with a backtick makes it inline code.
                fence = mark if "`" not in match["info"] or mark[0] == "~" else ""
            elif mark.startswith(fence) and not match["info"].strip():
                fence = ""
        elif fence:
            continue
        elif match["hashes"]:
            headings.append(Heading(row, len(match["hashes"]), title_of((match["title"] or "").rstrip(" \t\r#"))))
        elif row and _underlines(lines, row, headings):
            level = 1 if match["line"][0] == "=" else 2
            headings.append(Heading(row - 1, level, title_of(lines.row(row - 1))))
    return headings


def _underlines(lines: Lines, row: int, headings: list[Heading]) -> bool:
    above = lines.row(row - 1).strip()
    if not above or above[0] in "#>|-*+=<" or (headings and headings[-1].row >= row - 1):
        return False
    # The text of a paragraph of several lines would be a title too; in practice it is a table
    # or a rule that lacks its blank line.
    return row == 1 or lines.is_blank(row - 2)


_RST = re.compile(r"^([=\-`:.'\"~^_*+#<>!$%&,/;?@\\|])\1{2,}[ \t\r]*$", re.MULTILINE)


def rst_headings(lines: Lines) -> list[Heading]:
    """Titles with an underline and perhaps an overline; levels in the order of appearance."""
    headings: list[Heading] = []
    styles: dict[tuple[str, bool], int] = {}
    for row, match in matches(_RST, lines):
        if not row or (headings and headings[-1].row >= row - 1):
            continue
        title = lines.row(row - 1).rstrip()
        width = len(match[0].rstrip())
        if not title.strip() or _RST.match(title) or len(title.strip()) > width:
            continue
        overlined = row > 1 and lines.row(row - 2).rstrip() == match[0].rstrip()
        if not overlined and (title[0].isspace() or (row > 1 and not lines.is_blank(row - 2))):
            continue
        level = styles.setdefault((match[1], overlined), len(styles))
        start = above(lines, row - 2 if overlined else row - 1, (".. _",))
        headings.append(Heading(start, level, title_of(title)))
    return headings
