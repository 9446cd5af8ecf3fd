"""A real nginx in front of a server of a test, on a free port, with a configuration of its own.

    with Nginx(server.port) as nginx:                                    # proxy_buffering on, as nginx has it
    with Nginx(server.port, "proxy_buffering off;") as nginx:            # in the location
    with Nginx(server.port, http="gzip on; gzip_types *;") as nginx:     # around the server
        get(nginx.port, "/")

Everything it writes is in a folder that goes with it. `nginx` is installed by tools/debian.sh.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

MISSING = "nginx is missing. On Debian: apt-get install -y nginx-light"
START_TIMEOUT_S = 10

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    default_type application/octet-stream;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {http}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_set_header Host $http_host;
            {location}
        }}
    }}
}}
"""


def executable() -> str:
    """Raises RuntimeError that says how to install it."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise RuntimeError(MISSING)
    return found


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class Nginx:
    """upstream: the port of the server behind it. configuration: a whole nginx.conf of your own, in which
    {folder}, {port} and {upstream} stand for theirs and braces are doubled."""

    def __init__(
        self, upstream: int, location: str = "", *, http: str = "", configuration: str = CONFIGURATION
    ) -> None:
        self.upstream = upstream
        self.port = free_port()
        self._configuration, self._location, self._http = configuration, location, http
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Nginx:
        self._folder = tempfile.TemporaryDirectory(prefix="nginx-")
        folder = Path(self._folder.name)
        os.chmod(folder, 0o755)  # its workers are another user when it is root
        text = self._configuration.format(
            folder=folder, port=self.port, upstream=self.upstream, http=self._http, location=self._location
        )
        (folder / "nginx.conf").write_text(text, encoding="utf-8")
        self._start()
        return self

    def restart(self) -> None:
        """Cut every connection, and be there again."""
        self._stop()
        self._start()

    def _start(self) -> None:
        folder = Path(self._folder.name)
        command = [executable(), "-p", str(folder), "-c", str(folder / "nginx.conf")]
        output = (folder / "output").open("wb")
        self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        output.close()
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    said = self.errors()
                    self.__exit__()
                    raise RuntimeError(f"nginx did not start:\n{said}") from None
                time.sleep(0.02)

    def __exit__(self, *exc: object) -> None:
        self._stop()
        self._folder.cleanup()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def errors(self) -> str:
        """What it has written to its log so far."""
        folder = Path(self._folder.name)
        files = [folder / "output", folder / "error.log"]
        return "\n".join(file.read_text() for file in files if file.exists())

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"
