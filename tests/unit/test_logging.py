"""What processes log is JSON, whoever logs it."""

import json
import subprocess
import sys

OUTAGE = """
import logging
from pgdex.jobs.logging import log_as_json
logging.basicConfig()  # as procrastinate's command line does
log_as_json()
for name in ("pgdex.worker", "procrastinate.worker", "psycopg.pool", "asyncio"):
    logging.getLogger(name).warning("away:\\n%s", name)
"""


def test_the_libraries_that_log_in_an_outage_log_json_too() -> None:
    done = subprocess.run([sys.executable, "-c", OUTAGE], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["message"] for line in lines] == [
        f"away:\n{name}" for name in ("pgdex.worker", "procrastinate.worker", "psycopg.pool", "asyncio")
    ]
