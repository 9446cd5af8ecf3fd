"""The configurations of docs/deploy, run: what the page tells is what the tests use.

with Unit("uvicorn") as server, deployed_nginx(server.port, certificate) as nginx: ...
"""

from __future__ import annotations

import configparser
import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from nginx import Nginx, free_port

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "docs/deploy"
START_TIMEOUT_S = 20


def environment(site: dict[str, Any] | None = None, **more: str) -> dict[str, str]:
    """For a process of mysite, with these settings changed."""
    path = os.pathsep.join([str(ROOT / "tests/django"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    given = {"PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "mysite.settings", "SITE": json.dumps(site or {})}
    return os.environ | given | more


class Unit:
    """A server as its systemd unit starts it, but for its folder, its user and its port.

    changes: words of its command line, and what stands there instead.
    """

    def __init__(self, name: str, site: dict[str, Any] | None = None, **changes: str) -> None:
        unit = configparser.ConfigParser(interpolation=None, strict=False)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string((DEPLOY / f"{name}.service").read_text(encoding="utf-8"))
        line = unit["Service"]["ExecStart"]
        for old, new in changes.items():
            assert old in line, old
            line = line.replace(old, new)
        program, *arguments = shlex.split(line)
        assert program == f"/srv/mysite/.venv/bin/{name}"
        self.name = name
        self.port = free_port()
        arguments = [word.replace("8000", str(self.port)) for word in arguments]
        assert str(self.port) in " ".join(arguments)
        self._command = [sys.executable, "-m", name, *arguments]
        self._environment = environment(site)
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Unit:
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=self._output, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    output = self.output()
                    self.__exit__()
                    raise RuntimeError(f"{self.name} did not start:\n{output}") from None
                time.sleep(0.05)

    def __exit__(self, *exc: object) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(3)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._output.close()

    def output(self) -> str:
        """What the server has written so far."""
        self._output.seek(0)
        return self._output.read()

    def url(self, path: str) -> str:
        return f"http://localhost:{self.port}{path}"


class Certificate:
    """Of localhost, self-signed, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.file, self.key = folder / "cert.pem", folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-keyout", str(self.key), "-out", str(self.file)],
            check=True, capture_output=True,
        )  # fmt: skip


_MAIN = """
daemon off;
master_process off;
pid {{folder}}/pid;
error_log {{folder}}/error.log warn;
events {{{{ worker_connections 256; }}}}
http {{{{
    include /etc/nginx/mime.types;
    access_log off;
    client_body_temp_path {{folder}}/body;
    proxy_temp_path {{folder}}/proxy;
    fastcgi_temp_path {{folder}}/fastcgi;
    uwsgi_temp_path {{folder}}/uwsgi;
    scgi_temp_path {{folder}}/scgi;
    {site}
}}}}
"""


def deployed_nginx(server_port: int, certificate: Certificate, static: Path, **changes: str) -> Nginx:
    """docs/deploy/nginx.conf, but for its addresses and files; changes: text of it, and what stands there."""
    site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8").replace("{", "{{").replace("}", "}}")
    for old, new in {
        "listen 443 ssl": "listen 127.0.0.1:{port} ssl",
        "127.0.0.1:8000": "127.0.0.1:{upstream}",
        "example.org;": "localhost;",
        "/etc/ssl/certs/example.org.pem": str(certificate.file),
        "/etc/ssl/private/example.org.key": str(certificate.key),
        "/srv/mysite/static/": f"{static}/",
        **changes,
    }.items():
        assert old in site, old
        site = site.replace(old, new)
    return Nginx(server_port, configuration=_MAIN.format(site=site))
