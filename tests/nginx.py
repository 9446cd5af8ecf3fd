"""A real nginx on a free port, with a configuration of the test's.

with Nginx("server { listen 127.0.0.1:PORT; location / { proxy_pass http://127.0.0.1:8000; } }") as nginx:
    nginx.url("/")
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

START_TIMEOUT_S = 20
_MAIN = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    include /etc/nginx/mime.types;
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {http}
}}
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class Nginx:
    """nginx in a process of its own; PORT in what is given for its http block becomes its port."""

    def __init__(self, http: str, scheme: str = "http") -> None:
        self.port = free_port()
        self.scheme = scheme
        self._http = http.replace("PORT", str(self.port))
        self._folder = tempfile.TemporaryDirectory(prefix="nginx-")
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Nginx:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if program is None:
            raise RuntimeError("nginx is not installed: run tools/debian.sh nginx")
        conf = Path(self._folder.name, "nginx.conf")
        conf.write_text(_MAIN.format(folder=self._folder.name, http=self._http), encoding="utf-8")
        command = [program, "-p", self._folder.name, "-c", str(conf), "-e", "stderr"]
        self._process = subprocess.Popen(command, stdout=self._output, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    output = self.output()
                    self.__exit__()
                    raise RuntimeError(f"nginx did not start:\n{output}") from None
                time.sleep(0.05)

    def __exit__(self, *exc: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        self._output.close()
        self._folder.cleanup()

    def output(self) -> str:
        """What nginx has written so far."""
        self._output.seek(0)
        return self._output.read()

    def url(self, path: str) -> str:
        return f"{self.scheme}://localhost:{self.port}{path}"
