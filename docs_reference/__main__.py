"""`python -m docs_reference` writes what is made from the code (`make reference`): docs/reference/, and the plugin's
skill."""

from pathlib import Path

from docs_reference.pages import FOLDER, pages
from pgdex.jobs.agents.texts import PLUGIN_SKILL

FOLDER.mkdir(exist_ok=True)
for name, text in pages().items():
    (FOLDER / name).write_text(text, "utf-8")
(Path(__file__).parent.parent / "plugin/skills/pgdex/SKILL.md").write_text(PLUGIN_SKILL, "utf-8")
