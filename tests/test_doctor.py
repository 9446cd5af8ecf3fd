"""``manage.py stream_doctor`` against what it speaks of: real servers, a real nginx, a real Redis.

The law: each fault gives its finding, and the deployment of docs/deployment.md gives neither error nor
warning.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from deployment import ROOT, Certificate, Unit, deployed_nginx, environment
from nginx import Nginx, free_port
from page import Browser

#: Held for as long as this, idle connections must live; a fault cuts them after one second.
TIMEOUT_S = "4"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "mysite.middleware.Policy",
]
APPS = ["django.contrib.staticfiles", "channels", "djust_stream"]
#: A site of event streams alone, which WSGI can serve.
EVENTS_ONLY: dict[str, Any] = {
    "INSTALLED_APPS": ["django.contrib.staticfiles", "djust_stream"],
    "ASGI_APPLICATION": None,
}


class Said:
    """What one run of the doctor has said."""

    def __init__(self, output: str, status: int) -> None:
        self.output, self.status = output, status
        self.findings: list[dict[str, str]] = json.loads(output)["findings"]

    @property
    def faults(self) -> set[tuple[str, str]]:
        return {(found["level"], found["name"]) for found in self.findings if found["level"] != "ok"}

    def one(self, name: str) -> dict[str, str]:
        """The finding of this name that is a fault."""
        [found] = [found for found in self.findings if found["name"] == name and found["level"] != "ok"]
        return found


Doctor = Callable[..., Said]
Proxy = Callable[..., Nginx]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "django", "stream_doctor", *arguments]


def site_url(nginx: Nginx, path: str) -> str:
    return f"https://localhost:{nginx.port}{path}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def certificate(folder: Path) -> Certificate:
    return Certificate(folder)


@pytest.fixture(scope="module")
def static(folder: Path) -> Path:
    """Collected static files."""
    root = folder / "static"
    subprocess.run(
        [sys.executable, "-m", "django", "collectstatic", "--noinput", "-v0"],
        env=environment(STATIC_ROOT=str(root)),
        check=True,
    )
    return root


@pytest.fixture(scope="module")
def proxy(certificate: Certificate, static: Path) -> Proxy:
    """nginx before a server, as the page tells, but for these words of its configuration."""
    return lambda server, **changes: deployed_nginx(server.port, certificate, static, **changes)


@pytest.fixture(scope="module")
def doctor(certificate: Certificate, static: Path) -> Doctor:
    """Run the command for a site with these settings changed."""

    def run(*urls: str, timeout: str = TIMEOUT_S, **site: Any) -> Said:
        arguments = ["--json", "--timeout", timeout, *(word for url in urls for word in ("--url", url))]
        env = environment(site, STATIC_ROOT=str(static), SSL_CERT_FILE=str(certificate.file))
        done = subprocess.run(
            command(*arguments), env=env, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.stdout.startswith("{"), done.stderr
        said = Said(done.stdout, done.returncode)
        assert said.status == any(found["level"] == "error" for found in said.findings)
        return said

    return run


# -- the settings ----------------------------------------------------------------------------------


def test_a_healthy_project(doctor: Doctor) -> None:
    assert doctor().faults == set()


@pytest.mark.parametrize(
    ("site", "faults"),
    [
        ({"ASGI_APPLICATION": None}, {("error", "asgi")}),
        ({"ASGI_APPLICATION": "mysite.asgi.nothing"}, {("error", "asgi")}),
        ({"ASGI_APPLICATION": "mysite.asgi.only_http"}, {("error", "asgi")}),
        ({"ASGI_APPLICATION": "mysite.asgi.django_application"}, {("error", "asgi")}),
        (EVENTS_ONLY, set()),
        ({"CHECKS_ORIGIN": False}, set()),  # a StreamConsumer does
        ({"CHECKS_ORIGIN": False, "CONSUMER": "open"}, {("warning", "origin")}),
        ({"CHECKS_ORIGIN": False, "CONSUMER": "plain"}, {("warning", "origin")}),
        ({"CONSUMER": "plain"}, set()),
        ({"ALLOWED_HOSTS": []}, {("error", "hosts")}),
        ({"ALLOWED_HOSTS": ["*"]}, {("warning", "hosts")}),
        ({"ALLOWED_HOSTS": [".example.org"]}, set()),
        ({"DEBUG": True}, {("warning", "hosts"), ("warning", "daphne")}),
        ({"DEBUG": True, "INSTALLED_APPS": ["daphne", *APPS]}, {("warning", "hosts")}),
        ({"INSTALLED_APPS": ["django.contrib.staticfiles", "daphne", "channels", "djust_stream"]},
         {("error", "daphne")}),
        ({"DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:",
                                    "ATOMIC_REQUESTS": True}}}, {("warning", "atomic-requests")}),
        ({"DJUST_STREAM": {"INTERVAL_S": "soon"}}, {("error", "checks")}),
        ({"SECURE_CSP": {"default-src": ["'none'"], "script-src": ["'self'"]}}, {("error", "csp")}),
        ({"SECURE_CSP": {"default-src": ["'self'"]}}, set()),
        ({"CONTENT_SECURITY_POLICY": {"DIRECTIVES": {"script-src": ["https://cdn.example"]}}},
         {("error", "csp")}),
        ({"CONTENT_SECURITY_POLICY": {"DIRECTIVES": {"script-src": ["'nonce-NONCE'"]}}}, {("error", "csp")}),
        ({"CONTENT_SECURITY_POLICY": {"DIRECTIVES": {"script-src": ["csp.constants.NONCE"]}}}, set()),
        ({"CSP_SCRIPT_SRC": ["'none'"], "CSP_INCLUDE_NONCE_IN": ["script-src"]}, set()),
        ({"CSP_SCRIPT_SRC": ["'none'"]}, {("error", "csp")}),
        ({"CSP_SCRIPT_SRC": ["'none'"], "CSP_REPORT_ONLY": True}, set()),
        ({"SECURE_CSP": {"require-trusted-types-for": "'script'"}}, {("error", "csp")}),
        ({"CHANNEL_LAYERS": {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}},
         {("warning", "channel-layer")}),
        ({"DEBUG": True, "INSTALLED_APPS": ["daphne", *APPS],
          "CHANNEL_LAYERS": {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer",
                                         "CONFIG": {"capacity": 10}}}},
         {("warning", "hosts"), ("warning", "channel-layer")}),
        ({"CHANNEL_LAYERS": {"default": {"BACKEND": "no.such.Layer"}}}, {("error", "channel-layer")}),
        ({"STATIC_ROOT": "/nonexistent"}, {("error", "static")}),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_fault_of_the_settings(doctor: Doctor, site: dict[str, Any], faults: set[tuple[str, str]]) -> None:
    assert doctor(**site).faults == faults


def test_a_script_that_is_of_another_version(doctor: Doctor, static: Path, tmp_path: Path) -> None:
    old = tmp_path / "djust_stream/djust-stream.js"
    old.parent.mkdir()
    old.write_text("export {};", encoding="utf-8")
    said = doctor(STATIC_ROOT=str(tmp_path))
    assert said.faults == {("error", "static")}
    assert "collectstatic" in said.one("static")["remedy"]


@pytest.mark.parametrize(
    ("server", "name", "finding"),
    [
        ("asgi", "mysite.middleware.Collects", ("error", "middleware")),
        ("wsgi", "mysite.middleware.Collects", ("error", "middleware")),
        ("asgi", "mysite.middleware.Measures", ("error", "middleware")),
        ("asgi", "django.middleware.gzip.GZipMiddleware", ("warning", "gzip")),
        ("wsgi", "django.middleware.gzip.GZipMiddleware", ("warning", "middleware")),
        ("asgi", "mysite.middleware.CompressesAll", ("error", "gzip")),
        ("wsgi", "mysite.middleware.CompressesAll", ("error", "middleware")),
    ],
)
@pytest.mark.parametrize("place", [0, 3])
def test_middleware_that_breaks_streams(
    doctor: Doctor, server: str, name: str, finding: tuple[str, str], place: int
) -> None:
    chain = [*MIDDLEWARE[:place], name, *MIDDLEWARE[place:]]
    said = doctor(**(EVENTS_ONLY if server == "wsgi" else {}), MIDDLEWARE=chain)
    assert said.faults == {finding}
    assert said.one(finding[1])["says"].startswith(name.rpartition(".")[2])


def test_middleware_that_wants_a_user_is_no_fault(doctor: Doctor) -> None:
    said = doctor(MIDDLEWARE=["mysite.middleware.AsksForUser"])
    assert said.faults == set()
    assert "answers 302" in said.output


# -- Redis -----------------------------------------------------------------------------------------


class Redis:
    """A redis-server on a free port."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self._options = options

    def __enter__(self) -> Redis:
        import redis

        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            ["redis-server", *arguments, *self._options], stdout=subprocess.DEVNULL, cwd="/"
        )
        client = redis.Redis(port=self.port)
        while self._process.poll() is None:
            try:
                client.ping()
                break
            except redis.AuthenticationError:
                break
            except redis.RedisError:
                continue
        assert self._process.poll() is None, "redis-server did not start"
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        self._process.wait()

    def url(self, password: str = "") -> str:
        return f"redis://{f':{password}@' if password else ''}127.0.0.1:{self.port}/0"


def layers(url: str) -> dict[str, Any]:
    return {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [url]}}}


def names(said: Said) -> set[tuple[str, str]]:
    """The faults, but for a setting that this version does not have."""
    return said.faults - {("error", "checks")}


def test_redis_that_answers(doctor: Doctor) -> None:
    with Redis("--requirepass", "hunter2-hunter2") as redis:
        url = redis.url("hunter2-hunter2")
        said = doctor(DJUST_STREAM={"STORE": url}, CHANNEL_LAYERS=layers(url))
        assert names(said) == set()
        assert "hunter2" not in said.output

        wrong = redis.url("swordfish-swordfish")
        said = doctor(DJUST_STREAM={"STORE": wrong}, CHANNEL_LAYERS=layers(wrong))
        assert names(said) == {("error", "redis"), ("error", "channel-layer")}
        assert "swordfish" not in said.output


def test_redis_that_throws_keys_away(doctor: Doctor) -> None:
    with Redis("--maxmemory-policy", "allkeys-lru", "--maxmemory", "10mb") as redis:
        assert names(doctor(DJUST_STREAM={"STORE": redis.url()})) == {("warning", "redis")}


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+cluster", "redis+sentinel"])
def test_redis_that_does_not_answer(doctor: Doctor, scheme: str) -> None:
    query = "?service=mymaster" if "sentinel" in scheme else ""
    url = f"{scheme}://user:open-sesame@127.0.0.1:{free_port()}/0{query}"
    said = doctor(
        DJUST_STREAM={"STORE": url},
        CHANNEL_LAYERS=layers(url.replace("+cluster", "").replace("+sentinel", "")),
    )
    assert ("error", "redis") in names(said)
    assert ("error", "channel-layer") in names(said)
    assert "sesame" not in said.output
    assert "user" not in said.one("redis")["says"]


# -- the deployed site -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["uvicorn", "daphne"])
def test_a_healthy_deployment(doctor: Doctor, proxy: Proxy, name: str) -> None:
    with Unit(name) as server, proxy(server) as nginx:
        said = doctor(site_url(nginx, "/"))
        assert said.faults == set(), said.output
        seen = {found["name"] for found in said.findings}
        assert {"buffering", "idle-timeout", "websocket", "http2", "csp", "static", "asgi"} <= seen
        assert f"by {name}" in said.output


def test_a_healthy_deployment_under_wsgi(doctor: Doctor, proxy: Proxy) -> None:
    with (
        Unit("gunicorn", EVENTS_ONLY) as server,
        proxy(server) as nginx,
    ):
        said = doctor(site_url(nginx, "/events/"), **EVENTS_ONLY)
        assert said.faults == set(), said.output
        assert "by gunicorn" in said.output


@pytest.fixture(scope="module")
def uvicorn() -> Iterator[Unit]:
    with Unit("uvicorn") as server:
        yield server


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"proxy_buffering off": "proxy_buffering on"}, {("warning", "buffering")}),
        (
            {"proxy_buffering off": "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering"},
            {("error", "buffering")},
        ),
        ({"gzip_types": "gzip_types text/event-stream"}, {("warning", "gzip")}),
        ({"proxy_read_timeout 75s": "proxy_read_timeout 1s"}, {("error", "idle-timeout")}),
        ({"proxy_set_header Upgrade $http_upgrade;": ""}, {("error", "websocket")}),
        ({"proxy_set_header X-Forwarded-Proto $scheme;": ""}, {("warning", "forwarded")}),
        (
            {"Host $host": "Host elsewhere.example"},
            {("error", "url"), ("error", "probe")},
        ),
        ({" http2;": ";"}, {("warning", "http2")}),
        ({"location /static/": "types {{ text/plain js; }} location /static/"}, {("error", "static")}),
        ({"location /static/": "location /elsewhere/"}, {("error", "static")}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_fault_of_the_proxy(
    doctor: Doctor,
    proxy: Proxy,
    uvicorn: Unit,
    changes: dict[str, str],
    faults: set[tuple[str, str]],
) -> None:
    with proxy(uvicorn, **changes) as nginx:
        said = doctor(site_url(nginx, "/"))
    assert said.faults == faults, said.output


@pytest.mark.parametrize(
    ("site", "faults"),
    [
        ({"POLICY": "default-src 'self'; script-src 'nonce-x'"}, {("error", "csp")}),
        ({"POLICY": "default-src 'self'; connect-src 'none'"}, {("error", "csp")}),
        ({"POLICY": "default-src 'self'; require-trusted-types-for 'script'"}, {("error", "csp")}),
        ({"POLICY": ""}, set()),
        ({"CHECKS_ORIGIN": False, "CONSUMER": "open"}, {("warning", "origin")}),
        ({"HAS_PROBE": False}, {("warning", "probe")}),
        ({"SECRET_KEY": "another key than the doctor's"}, {("error", "probe")}),
        (
            {"ALLOWED_HOSTS": ["other.example"]},
            {("error", "url"), ("error", "probe"), ("error", "websocket")},
        ),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_a_fault_of_the_site(
    doctor: Doctor, proxy: Proxy, site: dict[str, Any], faults: set[tuple[str, str]]
) -> None:
    """Deployed so; the doctor's own settings have all but the key and the hosts."""
    here = {name: value for name, value in site.items() if name not in ("SECRET_KEY", "ALLOWED_HOSTS")}
    with Unit("uvicorn", site) as server, proxy(server) as nginx:
        said = doctor(site_url(nginx, "/"), **here)
    assert said.faults == faults, said.output


def test_hosts_that_the_doctor_knows_and_the_site_does_not_allow(doctor: Doctor, uvicorn: Unit) -> None:
    said = doctor(f"ws://localhost:{uvicorn.port}/ws/chat/")
    assert said.faults == set(), said.output
    said = doctor(f"ws://127.0.0.1:{uvicorn.port}/ws/chat/")
    assert said.faults == {("error", "websocket")}
    assert "ALLOWED_HOSTS" in said.one("websocket")["remedy"]
    said = doctor(f"http://127.0.0.1:{uvicorn.port}/")
    assert ("error", "hosts") in said.faults


def test_a_host_of_the_proxys_own(doctor: Doctor, proxy: Proxy) -> None:
    site = {"ALLOWED_HOSTS": ["localhost", "mysite.internal"]}
    internal = {"Host $host": "Host mysite.internal"}
    with (
        Unit("uvicorn", site) as server,
        proxy(server, **internal) as nginx,
    ):
        said = doctor(site_url(nginx, "/"), **site)
    assert said.faults == {("warning", "forwarded")}
    assert "mysite.internal" in said.one("forwarded")["says"]


def test_what_gzip_middleware_does_to_a_browser(browser: Browser) -> None:
    """Why it is an error: of an event stream that it has compressed, Chromium shows the first event."""
    for chain, seen in ([*MIDDLEWARE], ["0", "1", "2", "3"]), (GZIP, ["0"]):
        with Unit("uvicorn", {"MIDDLEWARE": chain}) as server:
            shown = browser.run(_events_in, browser, server.url("/"))
        assert shown == seen


GZIP = ["django.middleware.gzip.GZipMiddleware", *MIDDLEWARE]
READ = """() => new Promise((resolve) => {
    const seen = [], source = new EventSource("/events/");
    source.onmessage = (event) => seen.push(event.data);
    source.onerror = () => { source.close(); resolve(seen); };
})"""


def _events_in(browser: Browser, url: str) -> Any:
    page = browser.chromium.new_page()
    try:
        page.goto(url)
        return page.evaluate(READ)
    finally:
        page.close()


def test_wsgi_where_websockets_are_wanted(doctor: Doctor) -> None:
    with Unit("gunicorn") as server:
        said = doctor(server.url("/"))
    assert {("error", "asgi"), ("error", "websocket")} <= said.faults
    assert "gunicorn" in said.one("asgi")["says"]


def test_wsgi_without_threads(doctor: Doctor) -> None:
    workers = {"--worker-class gthread --workers 2 --threads 100": "--worker-class sync --workers 8"}
    with Unit("gunicorn", EVENTS_ONLY, **workers) as server:
        said = doctor(server.url("/events/"), **EVENTS_ONLY)
    assert said.faults == {("warning", "asgi")}
    assert "gthread" in said.one("asgi")["remedy"]


def test_streams_of_ones_own(doctor: Doctor, uvicorn: Unit) -> None:
    site = {"HAS_PROBE": False}
    said = doctor(uvicorn.url("/events/"), **site)
    assert "4 events, the longest gap" in said.output
    said = doctor(uvicorn.url("/burst/"), **site)
    assert ("warning", "buffering") in said.faults


def test_nothing_there(doctor: Doctor, uvicorn: Unit) -> None:
    said = doctor(f"http://localhost:{free_port()}/")
    assert said.faults == {("error", "url")}
    assert "ConnectionRefusedError" in said.one("url")["says"]
    said = doctor(uvicorn.url("/nothing/?password=open-sesame"))
    assert "404" in said.one("url")["says"]
    assert "sesame" not in said.output
    said = doctor(f"http://user:open-sesame@localhost:{free_port()}/")
    assert "sesame" not in said.output


# -- the command and its page ----------------------------------------------------------------------


def run(*arguments: str, **site: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment(site), capture_output=True, text=True, timeout=60, check=False
    )


def test_what_a_person_reads(static: Path) -> None:
    done = run(STATIC_ROOT=str(static))
    assert (done.returncode, done.stderr) == (0, "")
    heads = {line[:10].strip() for line in done.stdout.splitlines()}
    assert heads == {"ok", "", "versions", "no errors,"}
    assert re.search(r"python \d+\.\d+", done.stdout) and "\x1b[" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 110

    done = run("--force-color", DEBUG=True, CHANNEL_LAYERS={"default": {"BACKEND": "no.such.Layer"}})
    assert done.returncode == 1
    assert "\x1b[" in done.stdout
    assert "docs/deployment.md#channel-layer" in done.stdout
    assert done.stdout.strip().endswith("1 error, 2 warnings")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--url", "ftp://example.org/"], "no URL of http, https, ws or wss"),
        (["--url", "example.org"], "no URL of http, https, ws or wss"),
        (["--timeout", "0"], "--timeout lies between"),
        (["--timeout", "nan"], "--timeout lies between"),
    ],
)
def test_arguments_that_are_none(arguments: list[str], says: str) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_every_finding_has_its_section() -> None:
    page = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^### (\S+)$", page, re.MULTILINE))
    sources = "".join(path.read_text() for path in (ROOT / "djust_stream/doctor").glob("*.py"))
    names = set(re.findall(r"""\b(?:error|warning|ok|make)\(\s*"([a-z0-9-]+)",""", sources))
    assert names == sections


def test_links_of_the_page_lead_somewhere() -> None:
    page = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
    heads = {
        re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-")
        for head in re.findall(r"^#+ (.*)$", page, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", page):
        assert target[1:] in heads if target.startswith("#") else (ROOT / "docs" / target).exists(), target
