"""A real PgBouncer in front of a test's database."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.support.waiting import wait_for

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextmanager
def pgbouncer(database_url: str, pool_mode: str, **settings: object) -> Iterator[str]:
    """Yields the URL that leads through it; `settings` are lines of its configuration."""
    assert PROGRAM is not None
    parts = conninfo_to_dict(database_url)
    name, host = parts["dbname"], parts.get("host") or "127.0.0.1"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = {
        "host": host,
        "port": parts.get("port"),
        "dbname": name,
        "user": parts.get("user"),
        "password": parts.get("password"),
    }
    values = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": pool_mode,
        "default_pool_size": 30,
        "max_client_conn": 200,
        "server_check_delay": 5,
    } | settings
    folder = Path(tempfile.mkdtemp(prefix="pgdex-pgbouncer-", dir="/tmp"))
    try:
        lines = ["[databases]", f"{name} = " + " ".join(f"{key}={value}" for key, value in server.items() if value)]
        lines += ["[pgbouncer]", *(f"{key} = {value}" for key, value in values.items())]
        configuration = folder / "pgbouncer.ini"
        configuration.write_text("\n".join(lines) + "\n")
        folder.chmod(0o755)
        configuration.chmod(0o644)
        with (folder / "log").open("wb") as log:
            uid, gid = _as_somebody(str(host))
            process = subprocess.Popen([PROGRAM, str(configuration)], stdout=log, stderr=log, user=uid, group=gid)
        try:
            url = f"postgresql://{parts.get('user') or 'postgres'}@127.0.0.1:{port}/{name}"
            wait_for(lambda: _answers(url) or process.poll() is not None, what="PgBouncer", seconds=20)
            assert process.poll() is None, (folder / "log").read_text()
            yield url
        finally:
            process.kill()
            process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _as_somebody(host: str) -> tuple[int | None, int | None]:
    """It refuses to run as root; whoever owns the server's socket may connect there."""
    if os.geteuid() != 0:
        return None, None
    uid = Path(host).stat().st_uid if host.startswith("/") else 0
    owner = pwd.getpwuid(uid) if uid else pwd.getpwnam("nobody")
    return owner.pw_uid, owner.pw_gid
