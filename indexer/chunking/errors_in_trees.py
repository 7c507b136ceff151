"""How much of a syntax tree is not to be believed."""

from typing import Final

from tree_sitter import Node

# The share of a file's bytes below ERROR nodes from which on its tree is not believed. Of 8,430 files in 14 languages
# 624 have errors. In 275 these are less than a tenth: some lines that the parser skipped. In 177 they are more than
# half: a class or the whole file. Between the two no share divides the files better than another.
BROKEN_SHARE: Final = 0.2


def error_share(root: Node) -> float:
    """How much of a tree lies below ERROR nodes, from 0 to 1."""
    if root.type == "ERROR":
        return 1.0
    wrong = 0
    stack = [root]
    while stack:
        for child in stack.pop().children:
            if child.type == "ERROR":
                wrong += child.end_byte - child.start_byte
            elif child.has_error:
                stack.append(child)
    return wrong / max(root.end_byte - root.start_byte, 1)
