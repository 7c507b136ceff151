"""What an agent is told to start: which program, with which settings, and the hook that neither waits nor prints."""

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pgdex.jobs.agents.clients import CLIENTS, Launch
from pgdex.jobs.agents.machine import Machine
from pgdex.jobs.agents.program import NoProgram, lasting_program, settings_to_hand_on
from pgdex.jobs.agents.proof import prove
from pgdex.jobs.agents.registered import Registration, reason_not_to_start
from pgdex.jobs.errors import InvalidSetting
from tests.support.waiting import wait_for


def test_secret_settings_are_named_and_not_handed_on() -> None:
    variables = {"PGDEX_DATABASE_URL": "postgresql://u:p@h/d", "PGDEX_PROJECT": "web", "PGDEX_HOME": "x", "PATH": "y"}
    known = ["PGDEX_DATABASE_URL", "PGDEX_PROJECT", "PGDEX_HOME", "PGDEX_SLOTS"]

    given, left_out = settings_to_hand_on(variables, known=known, secret=known[:1], home=Path("/abs/x"))

    assert given == {"PGDEX_PROJECT": "web", "PGDEX_HOME": "/abs/x"}
    assert left_out == ["PGDEX_DATABASE_URL"]


@pytest.mark.parametrize("address", ["http://me:key@host/v1", "https://key@host", "https://host/v1?key=k"])
def test_an_address_of_a_service_that_holds_a_login_is_not_handed_on(address: str) -> None:
    variables = {
        "PGDEX_EMBEDDER_URL": address,
        "PGDEX_EMBEDDER": "openai:x@1",
        "PGDEX_DATABASE_URL": "postgresql://me@host/d?sslmode=require",
    }

    given, left_out = settings_to_hand_on(variables, known=list(variables), secret=[], home=Path("/abs/x"))

    assert left_out == ["PGDEX_EMBEDDER_URL"]
    assert given.keys() == {"PGDEX_EMBEDDER", "PGDEX_DATABASE_URL"}


def test_what_would_make_an_agent_s_file_unreadable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / os.fsdecode(b"m\xfcller")
    folder.mkdir()
    (folder / "pgdex").write_text("#!/bin/sh\n")
    (folder / "pgdex").chmod(0o755)
    monkeypatch.setattr("sys.executable", str(folder / "python"))

    with pytest.raises(NoProgram, match=r"not UTF-8.*m\\xfcller/pgdex"):
        lasting_program()
    with pytest.raises(InvalidSetting, match="PGDEX_PROJECT is not UTF-8"):
        settings_to_hand_on({"PGDEX_PROJECT": "\udcfc"}, known=["PGDEX_PROJECT"], secret=[], home=Path("/x"))


def test_the_program_is_the_name_on_the_path_only_if_it_leads_to_this_pgdex(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, other = tmp_path / "tool/bin", tmp_path / "other"
    for folder in (tool, other):
        folder.mkdir(parents=True)
        (folder / "pgdex").write_text("#!/bin/sh\n")
        (folder / "pgdex").chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/pgdex").symlink_to(tool / "pgdex")
    monkeypatch.setattr("sys.executable", str(tool / "python"))

    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert lasting_program() == str(tmp_path / "bin/pgdex")
    monkeypatch.setenv("PATH", str(other))
    assert lasting_program() == str(tool / "pgdex")
    monkeypatch.setattr("sys.executable", str(tmp_path / "uv/archive-v0/x/bin/python"))
    with pytest.raises(NoProgram, match="uvx"):
        lasting_program()
    monkeypatch.setattr("sys.executable", str(tool / "python"))
    monkeypatch.setattr("sys.prefix", str(tmp_path / ".cache/pipx/0a1b2c3d4e5f678"))
    with pytest.raises(NoProgram, match="pipx run"):
        lasting_program()
    monkeypatch.setattr("sys.prefix", str(tmp_path / "pipx/.venv"))
    assert lasting_program() == str(tool / "pgdex")


@pytest.mark.parametrize(
    ("launch", "reason"),
    [
        (Launch("OURS"), None),
        (Launch("pgdex"), None),
        (Launch("/nowhere/pgdex"), None),
        (Launch("OURS", ("mcp", "--folder", "${workspaceFolder}")), None),
        (Launch("OURS", ("mcp", "--folder", "/etc")), "other arguments"),
        (Launch("/bin/sh", ("-c", "echo")), "another program, /bin/sh"),
        (Launch("other-pgdex"), "another program, other-pgdex"),
        (Launch("./pgdex"), "another program, ./pgdex"),
        (Launch("OURS", ("mcp", "--http", "0.0.0.0:80")), "other arguments"),
        (Launch("OURS", variables={"PYTHONPATH": "."}), "sets PYTHONPATH"),
    ],
)
def test_of_a_project_s_entries_only_those_of_this_pgdex_may_be_started_unasked(
    launch: Launch, reason: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("bin/pgdex", "path/other-pgdex"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin/python"))
    launch = replace(launch, program=launch.program.replace("OURS", str(tmp_path / "bin/pgdex")))
    path = f"{tmp_path}/path:{tmp_path}/bin"

    of_a_project, of_the_user = (
        reason_not_to_start(Registration(CLIENTS["cursor"], tmp_path / "mcp.json", launch, project), path)
        for project in (tmp_path, None)
    )

    assert of_the_user is None
    assert (of_a_project is None) if reason is None else (reason in (of_a_project or ""))


@pytest.mark.parametrize("name", ["claude-code", "cursor", "gemini"])
def test_a_hook_starts_pgdex_in_the_session_s_folder_and_neither_waits_nor_prints(name: str, tmp_path: Path) -> None:
    program = tmp_path / "it's here" / "pgdex"
    program.parent.mkdir()
    script = 'sleep 0.5\necho "$@, $PGDEX_PROJECT" > "$0.part"\nmv "$0.part" "$0.called"\n'
    program.write_text(f"#!/bin/sh\n{script}")
    called = program.with_name("pgdex.called")
    program.chmod(0o755)
    client = CLIENTS[name]
    launch = Launch(str(program), variables={"PGDEX_PROJECT": "my shop"})
    edits = [edit for _, edit in client.hooks(Machine(tmp_path, {}), None, launch)]
    command = re.search(r'"command": "(.*nohup .*)"', edits[-1].make("{}"))
    assert command is not None
    variables = {"PATH": os.environ["PATH"], f"{name.partition('-')[0].upper()}_PROJECT_DIR": "/my project"}

    line = ["/bin/sh", "-c", json.loads(f'"{command[1]}"')]
    done = subprocess.run(line, env=variables, cwd=tmp_path, capture_output=True, check=True, timeout=30)

    assert (done.stdout, done.stderr) == (b"", b"")
    assert not called.exists()
    wait_for(called.exists, what="the hook's program")
    assert called.read_text() == "hooks run /my project, my shop\n"


def test_a_program_that_is_not_on_the_agent_s_path_is_what_a_proof_says(tmp_path: Path) -> None:
    proof = prove(Launch("pgdex"), {"PATH": str(tmp_path)}, tmp_path)
    assert (proof.works, proof.said) == (False, "there is no pgdex on the PATH that the agent has")
