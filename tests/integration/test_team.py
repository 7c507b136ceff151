"""A team: two machines with workers, a third with the client, a git server that wants a login, one PostgreSQL.

No folder is shared: each machine sees its own home only, and none sees the repositories that the server serves.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.client.workers import living_workers
from tests.support.databases import settings_for
from tests.support.git_repositories import Repository
from tests.support.git_server import GitServer, git_server
from tests.support.logins import PGDEX
from tests.support.machines import Machine, network, served_at
from tests.support.waiting import wait_for
from tests.support.workers import COMMAND

FILES = 400
SECRET = "open-sesame-4711"
BATCHES = """
    select worker_id from pgdex.job_batches where job_id = %s and kind = 'index' and state = 'completed'
"""
EVERYTHING = """
    select to_jsonb(j)::text from pgdex.indexing_jobs j union all select to_jsonb(v)::text from pgdex.views v
    union all select to_jsonb(e)::text from pgdex.job_events e
    union all select to_jsonb(r)::text from pgdex.repositories r
"""


@dataclass(slots=True)
class Team:
    """The machines `left` and `right` work, `desk` asks; `database` is how the test looks at it."""

    left: Machine
    right: Machine
    desk: Machine
    server: GitServer
    source: Repository
    database: Client

    @property
    def address(self) -> str:
        """Of the repository, for all machines."""
        return f"{self.server.url}/app.git"

    def work(self, machine: Machine, alive: int) -> None:
        """Start a worker on the machine, and wait until that many are at work."""
        machine.start(*COMMAND, "--concurrency", "2")
        wait_for(
            lambda: len(living_workers(self.database.connection)) >= alive,
            what=f"{alive} workers{self.left.logs()}{self.right.logs()}",
        )

    def ask(self) -> JobStatus:
        """`pgdex index ADDRESS --detach` at the desk."""
        printed = self.desk.run(*PGDEX, "index", self.address, "--detach", "--json")
        return self.database.status(json.loads(printed[: printed.rindex("}") + 1])["job_id"])

    def ended(self, job: JobStatus) -> JobStatus:
        """The job once it has ended."""
        wait_for(lambda: self.database.status(job.job_id).is_final, what=f"{job}{self.left.logs()}{self.right.logs()}")
        return self.database.status(job.job_id)

    def hosts(self) -> dict[int, str]:
        """The machine of each worker that there is now."""
        rows = self.database.connection.execute("select id, hostname from pgdex.worker_status").fetchall()
        return dict(rows)

    def batches(self, job: JobStatus, hosts: dict[int, str]) -> Counter[str]:
        """How many batches of files each machine has done."""
        rows = self.database.connection.execute(BATCHES, [job.job_id]).fetchall()
        return Counter(hosts.get(worker, "?") for (worker,) in rows)


@pytest.fixture
def team(database_url: str, tmp_path: Path) -> Iterator[Team]:
    served, keys = tmp_path / "served", tmp_path / "keys"
    served.mkdir()
    keys.mkdir()
    source = Repository.make(tmp_path / "sources")
    source.commit(
        {f"src/part_{number}.py": f"def part_{number}(x):\n    return x + {number}\n" for number in range(FILES)}
    )
    source.bare(served / "app.git")
    source.git("remote", "add", "origin", str(served / "app.git"))
    hidden = [served, keys, source.path]
    with (
        network(tmp_path / "homes", "left", "right", "desk", hidden=hidden) as net,
        served_at(net.address, database_url) as url,
        git_server(served, keys, address=net.address) as server,
        Client.open(settings_for(database_url)) as database,
    ):
        server.login = f"team:{SECRET}"
        left, right, desk = net.machines
        for machine in net.machines:
            machine.variables = {"PGDEX_DATABASE_URL": url, "PGDEX_BATCH_FILES": "4"}
        for machine in (left, right):
            (machine.home / "trusted.pem").write_bytes(server.certificate.read_bytes())
            (machine.home / "logins").write_text(f"{server.url.replace('://', f'://team:{SECRET}@')}\n")
            (machine.home / ".gitconfig").write_text(
                f"[credential]\n\thelper = store --file {machine.home}/logins\n"
                f"[http]\n\tsslCAInfo = {machine.home}/trusted.pem\n"
            )
        yield Team(left, right, desk, server, source, database)
        for machine in net.machines:
            machine.stop()  # while the database can be reached


@pytest.mark.timeout(300)
def test_two_machines_that_share_no_folder_do_one_job_and_the_death_of_one_loses_nothing(team: Team) -> None:
    team.work(team.left, 1)
    team.work(team.right, 2)
    hosts = team.hosts()
    assert sorted(hosts.values()) == ["left", "right"]

    job = team.ask()
    wait_for(
        lambda: len(team.batches(job, hosts)) == 2 or team.database.status(job.job_id).is_final,
        what=f"batches of both machines{team.left.logs()}{team.right.logs()}",
    )
    assert team.batches(job, hosts).keys() == {"left", "right"}
    team.left.processes[-1].kill()
    at_its_death = team.database.status(job.job_id)
    done = team.ended(job)
    assert done.status == "completed", done.error_message
    assert (done.files_indexed, done.files_skipped) == (FILES, 0)
    assert not at_its_death.is_final, "the machine died when all was done: give it more to do"
    assert (team.right.home / "pgdex" / "mirrors").is_dir()

    # What is pushed is new, and nothing else.
    team.work(team.left, 2)
    team.source.commit({"src/part_0.py": "def changed(): pass\n", "src/new.py": "def new(): pass\n"})
    team.source.git("push", "--quiet", "origin", "main")
    again = team.ended(team.ask())
    assert again.status == "completed", again.error_message
    assert (again.files_indexed, again.files_unchanged) == (2, FILES - 1)
    assert "changed" in team.desk.run(*PGDEX, "search", "changed", "--limit", "1")

    # The login is where the workers are, and nowhere else.
    told = "".join(row[0] for row in team.database.connection.execute(EVERYTHING).fetchall())
    assert team.address in told
    assert SECRET not in told + team.left.logs() + team.right.logs()
    assert not any(SECRET.encode() in path.read_bytes() for path in team.desk.home.rglob("*") if path.is_file())
    assert "left" not in (team.desk.run("hostname"))


@pytest.mark.timeout(300)
def test_a_machine_without_the_login_leaves_the_job_to_one_that_has_it(team: Team) -> None:
    (team.left.home / "logins").unlink()
    team.work(team.left, 1)
    team.work(team.right, 2)
    hosts = team.hosts()
    job = team.ask()
    done = team.ended(job)
    assert done.status == "completed", done.error_message
    assert done.files_indexed == FILES
    assert team.batches(job, hosts).keys() == {"right"}


@pytest.mark.timeout(300)
def test_where_no_machine_has_the_login_the_job_fails_and_says_where_it_belongs(team: Team) -> None:
    for machine in (team.left, team.right):
        (machine.home / "logins").unlink()
    team.work(team.left, 1)
    team.work(team.right, 2)
    said = team.desk.run(*PGDEX, "index", team.address, expected=1)
    assert "Set up a credential helper or an ssh key for the user that runs the worker" in said
    assert "pgdex retry" in said
