"""Git's own smart HTTP server (git http-backend) over TLS, with a certificate made for the test."""

import base64
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.git_repositories import ENVIRONMENT, git


@dataclass(slots=True)
class GitServer:
    """`url` is https://localhost:PORT, or another address's; `certificate` is what to trust. The rest says how requests
    are answered."""

    folder: Path
    certificate: Path
    url: str = ""
    login: str | None = None
    redirects: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    stalls: bool = False
    asked: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    environment: dict[str, str] = field(default_factory=dict)


@contextmanager
def git_server(folder: Path, work: Path, *, address: str = "127.0.0.1") -> Iterator[GitServer]:
    """Serve the bare repositories in `folder`, at `address`; the certificate is written to `work`."""
    key, certificate = work / "key.pem", work / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", f"subjectAltName=DNS:localhost,IP:{address}", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    server = GitServer(folder, certificate)
    httpd = ThreadingHTTPServer((address, 0), _handler(server))
    httpd.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    server.url = f"https://{'localhost' if address == '127.0.0.1' else address}:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def _handler(server: GitServer) -> type[BaseHTTPRequestHandler]:
    program = Path(git(server.folder, "--exec-path")) / "git-http-backend"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
            else:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer(body)

        def _answer(self, body: bytes) -> None:
            server.asked.append(self.path)
            if server.stalls:
                server.released.wait(60)
                return
            if server.status is not None:
                self.send_error(server.status)
                return
            path = urlsplit(self.path)
            for old, new in server.redirects.items():
                if self.path.startswith(old):
                    self.send_response(301)
                    self.send_header("Location", new + self.path.removeprefix(old))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
            if server.login is not None:
                wanted = "Basic " + base64.b64encode(server.login.encode()).decode()
                if self.headers.get("Authorization") != wanted:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="git"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
            self._run(path.path, path.query, body)

        def _run(self, path: str, query: str, body: bytes) -> None:
            done = subprocess.run(
                [str(program)],
                input=body,
                capture_output=True,
                check=False,
                env={
                    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
                    **ENVIRONMENT,
                    "GIT_PROJECT_ROOT": str(server.folder),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "REQUEST_METHOD": self.command,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "CONTENT_LENGTH": str(len(body)),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "REMOTE_ADDR": "127.0.0.1",
                    **server.environment,
                },
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
            self.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            """Tests read `asked`."""

    return Handler
