"""HTML, Vue, Svelte, XML, CSS and SCSS."""

import re

from pgdex.indexer.chunking.grammar import Grammar, rule, types

_SCRIPTS = {
    "": "javascript",
    "javascript": "javascript",
    "module": "javascript",
    "babel": "javascript",
    "jsx": "javascript",
    "js": "javascript",
    "ts": "typescript",
    "typescript": "typescript",
    "tsx": "tsx",
}
_STYLES = {"": "css", "css": "css", "scss": "scss", "less": "scss", "postcss": "css"}

_HTML = Grammar(
    rules={
        "element": rule("element", ":start_tag/:tag_name", attributes=":start_tag"),
        "script_element": rule("element", ":none", default="script"),
        "style_element": rule("element", ":none", default="style"),
        "template_element": rule("element", ":none", default="template"),
    },
    groups=types("element"),
    injections={"script_element": _SCRIPTS, "style_element": _STYLES},
    qualify=False,
)

_XML = Grammar(
    rules={
        "element": rule(
            "element",
            ":STag,EmptyElemTag/:Name",
            attributes=":STag,EmptyElemTag",
        ),
    },
    groups=types("element"),
    bodies=types("content"),
    qualify=False,
)

_CSS = Grammar(
    rules={
        "rule_set": rule("rule", ":selectors"),
        "keyframes_statement": rule("rule", ":keyframes_name"),
        "mixin_statement": rule("macro"),
        "function_statement": rule("function"),
    },
    groups=types("media_statement supports_statement at_rule"),
    refuse=re.compile(r"[;{]|//"),
    qualify=False,
)

GRAMMARS = {
    "html": _HTML,
    "astro": _HTML,
    "vue": _HTML,
    "svelte": _HTML,
    "xml": _XML,
    "css": _CSS,
    "scss": _CSS,
}
