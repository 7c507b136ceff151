"""Records recording.cast and draws recording.svg: an index job whose workers are killed halfway, and a search.

make recording                      # or: python docs/images/recording.py FOLDER, to write it there

It is a real session: pgdex with its embedded PostgreSQL, in a folder of its own below /tmp, on Python's standard
library. The cast is asciinema's format (version 2), for `asciinema play`; the SVG plays by itself.
"""

import json
import re
import sys
from pathlib import Path

from animated import frames, svg
from emulated import Session, scene

COLUMNS = 92
ROWS = 24
KILLED_AT = re.compile(r"\b(?:3[5-9]|[4-8]\d)\.\d %")
QUERY = "where are the workers of a process pool started"
TITLE = "pgdex index, interrupted; its workers killed with kill -9; the job goes on where it was; pgdex search"


def main() -> int:
    """Record the session, and write both files."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    with scene() as (folder, environment):
        session = Session(folder, environment, columns=COLUMNS, rows=ROWS)
        try:
            play(session)
        finally:
            session.close()
    header = {"version": 2, "width": COLUMNS, "height": ROWS, "title": TITLE, "env": {"TERM": "xterm-256color"}}
    lines = [json.dumps(header), *(json.dumps([round(at, 3), "o", data]) for at, data in session.events)]
    (target / "recording.cast").write_text("\n".join(lines) + "\n", "utf-8")
    shown = frames(session.events, columns=COLUMNS, rows=ROWS)
    (target / "recording.svg").write_text(svg(shown, columns=COLUMNS, rows=ROWS, title=TITLE), "utf-8")
    return 0


def play(session: Session) -> None:
    """What is typed."""
    session.type("pgdex index stdlib")
    session.wait_until(lambda shown: any(KILLED_AT.search(line) for line in shown))
    session.press("\x03")
    session.wait_for_prompt()
    session.pause(1.5)
    listed = session.run("pgdex workers")
    session.pause(1.0)
    # WORKER  ALIVE  HOST  PID  BATCHES  STARTED
    workers = [line.split()[3] for line in listed if re.match(r"\s*\d+\s+yes\s", line)]
    if not workers:
        sys.exit("no worker was alive:\n" + "\n".join(listed))
    session.run(f"kill -9 {' '.join(workers)}")
    session.run("pgdex index stdlib")
    session.pause(3.0)
    session.run("pgdex events | grep -E 'reclaimed|completed'")
    session.pause(2.5)
    session.run("clear")
    session.type(f"pgdex search {QUERY} -n 2")
    # The answer does not fit: the pager shows its beginning, and leaves it on the screen.
    session.wait_until(lambda shown: shown[-1:] == [":"])
    session.pause(4.0)
    session.press("q")
    session.wait_for_prompt()


if __name__ == "__main__":
    sys.exit(main())
