"""`pgdex doctor` before anything else was ever run."""

import os
import subprocess
from pathlib import Path

from pgdex.jobs.cli.exit_codes import ExitCode
from tests.support.logins import PATIENCE_SECONDS, PGDEX


def test_the_doctor_has_nothing_to_complain_about_where_nothing_was_run_yet(home: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PGDEX_")}
    done = subprocess.run(
        [*PGDEX, "doctor"],
        env=kept | {"PGDEX_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert "Everything is in order." in done.stdout
    assert "created by the next command" in done.stdout
