"""Numbers and lists that SQL and Python both need: each stands once in either, and the two agree."""

import re
from pathlib import Path
from typing import get_args

from pgdex.jobs.client.models import LIVE, STATUSES, Status
from pgdex.jobs.settings import PROJECT_ID, Settings
from pgdex.jobs.worker.heartbeat import HEAL_SECONDS
from pgdex.jobs.worker.peers import SILENCE_SECONDS
from pgdex.migrations.tables import jobs as tables

ROOT = Path(__file__).resolve().parents[2]
CODE = [
    path
    for folder in ("sql", "jobs", "indexer")
    for path in (ROOT / folder).rglob("*.*")
    if path.suffix in (".sql", ".py")
]
WORDS = {3: "three", 7: "seven"}


def text(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def only(pattern: str, path: str) -> str:
    """What the pattern's group matches in that file, which has it once."""
    found = re.findall(pattern, text(path), re.MULTILINE)
    assert len(found) == 1, f"{path}: {pattern} is there {len(found)} times"
    return str(found[0])


def places_of(pattern: str) -> set[str]:
    """The files of the code that have it."""
    return {str(path.relative_to(ROOT)) for path in CODE if re.search(pattern, path.read_text("utf-8"))}


def statuses(listed: str) -> set[str]:
    return set(re.findall(r"'(\w+)'", listed))


# Live jobs


def test_the_live_statuses_are_the_same_everywhere() -> None:
    assert statuses(only(r"^return status in \((.*)\);$", "sql/functions/is_live.sql")) == set(LIVE)
    assert statuses(tables.LIVE) == set(LIVE)
    assert statuses(tables.FINAL) == set(STATUSES) - set(LIVE)
    assert set(STATUSES) == set(get_args(Status))
    predicates = re.findall(r"^where status in \((.*)\);$", text("migrations/versions/0001_tables.sql"), re.MULTILINE)
    assert sorted(map(sorted, map(statuses, predicates))) == sorted(
        map(sorted, [statuses(tables.LIVE), statuses(tables.LIVE), statuses(tables.FINAL)])
    )


def test_the_live_statuses_are_listed_once_in_sql_and_once_in_python() -> None:
    quoted = r"""['"](?:pending|running|blocked)['"]"""
    assert places_of(rf"{quoted},\s*{quoted},\s*{quoted}") == {"sql/functions/is_live.sql", "jobs/client/models.py"}


# The limit of jobs at once


def test_the_limit_of_jobs_at_once_is_the_same_in_code_and_documents() -> None:
    limit = int(only(r"setting\('max_concurrent_jobs', '(\d+)'\)", "sql/functions/max_concurrent_jobs.sql"))
    assert places_of(r"(?<!_)setting\(\s*'max_concurrent_jobs'") == {"sql/functions/max_concurrent_jobs.sql"}
    assert f"({limit})" in str(Settings.known()["max_concurrent_jobs"].setting.description)
    assert f"| How many jobs at once? | {WORDS[limit]} in the whole cluster," in text("README.md")
    explained = text("docs/configuration.md")
    assert f"**How many jobs at once?** {WORDS[limit].capitalize()} in the whole cluster" in explained
    assert f"at most `max_concurrent_jobs` ({limit})" in text("docs/architecture.md")
    assert f"without a row it is {limit}." in text("docs/sql.md")


# Who is dead


def test_a_worker_is_shown_as_dead_when_its_peers_take_it_for_dead() -> None:
    shown = only(r"interval '(\d+) seconds'", "sql/views/worker_status.sql")
    assert float(shown) == SILENCE_SECONDS
    assert f"no heartbeat for {SILENCE_SECONDS:g} s" in text("docs/reliability.md")


# A job that no worker can do


def test_a_job_that_nobody_sees_is_given_up_after_the_time_that_is_promised() -> None:
    rounds = int(only(r"c_rounds constant integer := (\d+);", "sql/functions/fail_unseen_jobs.sql"))
    promised = only(r"found no worker for it: (\d+) seconds", "sql/functions/fail_unseen_jobs.sql")
    assert rounds * HEAL_SECONDS == float(promised)
    assert HEAL_SECONDS == 2, "so sql/functions/heal_batches.sql and fail_unseen_jobs.sql say"


# How long history is kept


def test_the_days_of_history_are_the_same_in_code_and_documents() -> None:
    days = Settings.known()["retention_days"].setting.default
    assert f"| How long is history kept? | {WORDS[days]} days; `PGDEX_RETENTION_DAYS` |" in text("README.md")


def test_when_a_live_job_is_overdue_is_said_once() -> None:
    assert places_of(r"interval '7 days'") == {"sql/views/job_status.sql"}
    assert places_of(r"OLD_DAYS|7 \* 86_?400") == set()


# What a project may be called


def test_a_projects_id_has_one_pattern_in_python_and_the_same_in_sql() -> None:
    assert only(r"!~ '\^(.*)\$' then", "sql/functions/enqueue_job.sql") == PROJECT_ID
    assert places_of(re.escape("[A-Za-z0-9][A-Za-z0-9._-]")) == {"sql/functions/enqueue_job.sql", "jobs/settings.py"}
