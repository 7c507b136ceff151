"""`python -m docs_reference` writes docs/reference/ from the code (`make reference`)."""

from docs_reference.pages import FOLDER, pages

FOLDER.mkdir(exist_ok=True)
for name, text in pages().items():
    (FOLDER / name).write_text(text, "utf-8")
