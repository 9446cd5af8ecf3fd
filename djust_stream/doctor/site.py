"""The deployed site, looked at from outside: what a browser would meet at a URL.

The law: a fault is told only when it is seen, not when it is likely. Buffering is what the events' own times
show, twice; an idle timeout is a connection that was cut. Everything ends within the timeout, and runs side
by side.

    page at URL ─> policy, script, WebSockets               event stream at URL ─> arrival times
    probe view  ─> buffering, compression, idle timeout     WebSockets ─> upgrade, Origin, idle timeout
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

from django.conf import settings
from django.http.request import validate_host
from django.urls import NoReverseMatch, reverse

from .finding import Finding, error, ok, warning
from .page import Page
from .project import SCRIPT, Wanted, csp_findings, needs_websocket, websockets
from .view import HEADER, probe, token
from .wire import CutError, Event, Response, SlowError, WebSocket, origin_of, speaks_http2

EVENTS = 6
GAP_S = 0.25
#: uvicorn and daphne ping an idle WebSocket after 20 s.
PING_S = 21.0
_STRANGER = "https://stranger.invalid"
_LET_GO_S = 1.0
_PROXIES = {
    "CF-Ray": "Cloudflare", "X-Amz-Cf-Id": "CloudFront", "X-Served-By": "Fastly", "X-Varnish": "Varnish",
    "X-Azure-Ref": "Azure Front Door", "Via": "a proxy (Via)",
}  # fmt: skip
_PATTERN = set("<(\\[?*+")
_NETWORK = (OSError, http.client.HTTPException)


class Looked(NamedTuple):
    """What one look at a stream has shown."""

    events: list[Event]
    header: Callable[[str], str]
    status: int
    cut_at_s: float | None = None
    ended: bool = False
    members: int = 0

    def data(self, number: int) -> dict[str, Any]:
        """The probe's own data of one event; empty for another's."""
        lines = self.events[number].text.split("\n") if number < len(self.events) else []
        try:
            found = json.loads("".join(line[5:] for line in lines if line.startswith("data:")))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def lateness_s(self) -> list[float]:
        """How much later each event came than it was sent, but for a constant."""
        sent = [self.data(number).get("t") for number in range(len(self.events))]
        return [
            event.at_s - at_s
            for event, at_s in zip(self.events, sent, strict=True)
            if isinstance(at_s, int | float)
        ]

    @property
    def held(self) -> bool:
        """Whether the first event waited for the last, more than halfway."""
        late = self.lateness_s()
        if len(late) < EVENTS:
            return True
        span_s = self.data(EVENTS - 1)["t"] - self.data(0)["t"]
        return bool(max(late) - min(late) > span_s / 2)


def check_url(url: str, timeout_s: float, heartbeat_s: float) -> list[Finding]:
    """All findings of one URL: of a page, an event stream or a WebSocket.

    Raises ValueError for what is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname:
        raise ValueError(f"{url!r} is no URL of http, https, ws or wss")
    if parts.scheme.startswith("ws"):
        return list(_websocket_findings([url], origin_of(url), timeout_s))
    return list(_site_findings(url, timeout_s, heartbeat_s))


def _site_findings(url: str, timeout_s: float, heartbeat_s: float) -> Iterator[Finding]:
    try:
        with Response(url, _headers("text/html, text/event-stream;q=0.9, */*;q=0.1"), timeout_s) as response:
            kind = response.header("Content-Type").partition(";")[0].strip().lower()
            if response.status != 200:
                yield _refused(url, response)
            elif kind == "text/event-stream":
                yield from _own_stream(url, response)
            page = Page.read(url, response) if kind == "text/html" and response.status == 200 else None
    except (*_NETWORK, SlowError, CutError) as fault:
        yield _unreachable(url, fault, timeout_s)
        return
    host = urlsplit(url).hostname or ""
    allowed = settings.ALLOWED_HOSTS or (["localhost", "127.0.0.1", "[::1]"] if settings.DEBUG else [])
    if not validate_host(host, allowed):
        yield error(
            "hosts",
            f"{host} is not in ALLOWED_HOSTS: its pages get 400, and their WebSockets are refused.",
            f"ALLOWED_HOSTS += ['{host}']",
        )
    routed = [
        urljoin(_as_ws(url), f"/{path}") for path, *_ in websockets() if not set("<(\\[?*+") & set(path)
    ]
    written = [_as_ws(socket) for socket in (page.sockets if page else ())]
    sockets = list(dict.fromkeys(routed + written))
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(lambda: list(_probe_findings(url, timeout_s, heartbeat_s))),
            pool.submit(lambda: list(_websocket_findings(sockets, origin_of(url), timeout_s))),
            pool.submit(lambda: list(_page_findings(page, timeout_s) if page else ())),
            pool.submit(lambda: list(_http2_findings(url))),
        ]
        for job in jobs:
            yield from job.result()


# -- a page ----------------------------------------------------------------------------------------


def _page_findings(page: Page, timeout_s: float) -> Iterator[Finding]:
    scripts = [(url, nonce) for url, nonce in page.scripts if url.partition("?")[0].endswith(".js")]
    ours = [(url, nonce) for url, nonce in scripts if "djust-stream" in url.rpartition("/")[2]]
    if not ours:
        yield ok("static", f"{page.url} does not load {SCRIPT}.")
    for policy in page.policies:
        for script, nonce in ours or [("", "")]:
            connections = [_as_ws(url) for url in page.sockets] if ours else []
            yield from csp_findings(policy, Wanted(page.url, script, nonce, connections), f"of {page.url}")
    if page.policies and ours:
        yield ok("csp", f"{page.url} has a Content-Security-Policy, which was looked at.")
    for script, _ in ours:
        yield _script_finding(script, timeout_s)


def _script_finding(url: str, timeout_s: float) -> Finding:
    try:
        with Response(url, {"Accept": "*/*"}, timeout_s) as response:
            kind = response.header("Content-Type").partition(";")[0].strip().lower()
            status = response.status
    except (*_NETWORK, SlowError) as fault:
        return _unreachable(url, fault, timeout_s)
    if status != 200:
        return error(
            "static",
            f"{url} answers {status}: pages show no stream.",
            "Run manage.py collectstatic, and let the proxy serve STATIC_ROOT at STATIC_URL.",
        )
    if kind not in ("text/javascript", "application/javascript", "application/ecmascript", "text/ecmascript"):
        return error(
            "static",
            f"{url} is sent as {kind or 'no type at all'}: browsers do not run such a module.",
            "Let the server send .js as text/javascript; nginx does with include mime.types.",
        )
    return ok("static", f"{url} is served as {kind}.")


# -- streams ---------------------------------------------------------------------------------------


def _own_stream(url: str, response: Response) -> Iterator[Finding]:
    """A stream of the user's own: only arrival times are known, so a burst after silence is all one sees."""
    arrivals: list[float] = []
    first_piece_s = 0.0
    try:
        for found in response.events():
            first_piece_s = first_piece_s or found.at_s
            arrivals.append(found.at_s)
            if len(arrivals) >= 100:
                break
    except (SlowError, CutError):
        pass
    gaps = [after - before for before, after in pairwise(arrivals)]
    if response.header("Content-Encoding") not in ("", "identity"):
        yield _compressed(response.header("Content-Encoding"), response.inflate.members)
    if response.header("Content-Length") or (len(arrivals) > 2 and arrivals[0] > 1 and max(gaps) < 0.05):
        yield warning(
            "buffering",
            f"{url}: {len(arrivals)} events came at once, {first_piece_s:.1f} s after the request.",
            "Unless the application makes them at once, something collects them: the probe view tells what.",
        )
    elif arrivals:
        yield ok("buffering", f"{url}: {len(arrivals)} events, the longest gap {max(gaps, default=0):.2f} s.")
    else:
        yield warning("buffering", f"{url}: no event came within the timeout.",
                      "Give a URL that streams, or a longer --timeout.")  # fmt: skip


def _probe_findings(url: str, timeout_s: float, heartbeat_s: float) -> Iterator[Finding]:
    try:
        at = urljoin(url, reverse(probe))
    except NoReverseMatch:
        yield warning(
            "probe",
            "Buffering and idle timeouts were not measured: the probe is in no urlpatterns.",
            "path('stream-probe/', djust_stream.doctor.probe) in urls.py; without SECRET_KEY it answers 404.",
        )
        return
    with ThreadPoolExecutor(3) as pool:
        ours = pool.submit(_look_again, at, "", timeout_s)
        bare = pool.submit(_look_again, at, "1", timeout_s)
        idle = pool.submit(_look, at, {"events": 2, "gap": heartbeat_s}, timeout_s)
        try:
            yield from _flow_findings(at, ours.result(), bare.result())
            yield from _idle_findings(idle.result(), timeout_s, heartbeat_s)
        except (*_NETWORK, SlowError) as fault:
            yield _unreachable(at, fault, timeout_s)


def _look(at: str, query: dict[str, Any], timeout_s: float) -> Looked:
    """Read the probe; status 0 where nothing has come in time. Raises OSError, HTTPException."""
    headers = {HEADER: token(), **_headers("text/event-stream")}
    events: list[Event] = []
    cut_at_s, ended = None, False
    try:
        with Response(f"{at}?{urlencode(query)}", headers, timeout_s) as response:
            try:
                if response.status == 200:
                    for found in response.events():
                        events.append(found)
                    ended = True
            except CutError as cut:
                cut_at_s = cut.at_s
            except SlowError:
                pass
            if (ended and len(events) < query["events"]) or response.status == 504:  # HTTP/1.0 knows no cut
                cut_at_s = response.elapsed_s()
            return Looked(events, response.header, response.status, cut_at_s, ended, response.inflate.members)
    except SlowError:
        return Looked([], lambda name: "", 0)


def _look_again(at: str, bare: str, timeout_s: float) -> Looked:
    """Read the probe's events; when they seem held, once more with longer gaps: a busy machine passes."""
    for gap_s in (GAP_S, 2 * GAP_S):
        looked = _look(at, {"events": EVENTS, "gap": gap_s, "bare": bare}, timeout_s)
        if looked.status != 200 or not looked.held:
            break
    return looked


def _flow_findings(at: str, ours: Looked, bare: Looked) -> Iterator[Finding]:
    if not ours.status:
        yield error("probe", f"{at}: nothing came in time.", "Is the server busy? Or a longer --timeout.")
        return
    if ours.status != 200 or not ours.header(HEADER):
        yield error(
            "probe",
            f"{at} answers {ours.status}, not with the probe's stream.",
            "Run the doctor with the site's own settings (SECRET_KEY), and let its proxy pass the path "
            f"and the header {HEADER}.",
        )
        return
    proxy = _between(ours)
    if ours.held:
        yield error(
            "buffering",
            f"Event streams arrive all at once: {proxy} collects them.",
            "nginx: proxy_buffering off where streams are served. Elsewhere: switch response buffering off "
            "for text/event-stream.",
        )
    elif bare.held:
        yield warning(
            "buffering",
            f"{proxy} collects responses that do not say X-Accel-Buffering: no. StreamResponse says it.",
            "nginx: proxy_buffering off where streams are served; or set the header on your own "
            "StreamingHttpResponse.",
        )
    else:
        yield ok("buffering", f"Events arrive one by one, through {proxy}.")
    for looked in (ours, bare):
        if (encoding := looked.header("Content-Encoding")) not in ("", "identity"):
            yield _compressed(encoding, looked.members)
            break
    yield from _facts_findings(at, ours.data(0))


def _between(looked: Looked) -> str:
    """What stands between, as far as headers tell: nginx keeps X-Accel-Buffering to itself."""
    for name, proxy in _PROXIES.items():
        if looked.header(name):
            return proxy
    server, behind = looked.header("Server").partition("/")[0], looked.data(0).get("server", "")
    if not looked.header("X-Accel-Buffering"):
        return (
            server if server and server != behind else "nginx, or another proxy that takes X-Accel-Buffering"
        )
    return (
        f"{server} in front of {behind}" if server and behind and server != behind else behind or "the server"
    )


def _facts_findings(at: str, facts: dict[str, Any]) -> Iterator[Finding]:
    """What the application has seen of the request."""
    server = facts.get("server") or "the server"
    if facts.get("asgi"):
        yield ok("asgi", f"Requests are served over ASGI, by {server}.")
    elif needs_websocket():
        yield error(
            "asgi",
            f"{at} is served over WSGI, by {server}: it has no WebSockets.",
            "Serve <project>.asgi:application with uvicorn or daphne, or send the WebSockets' paths to one.",
        )
    elif not facts.get("threads", True):
        yield warning(
            "asgi",
            f"{server} serves one request per worker: each stream takes a whole worker, until its --timeout.",
            "gunicorn: --worker-class gthread --threads 100, or gevent; or serve over ASGI.",
        )
    else:
        yield ok("asgi", f"Requests are served over WSGI with threads, by {server}.")
    parts = urlsplit(at)
    if parts.scheme == "https" and not facts.get("secure"):
        yield warning(
            "forwarded",
            "The application takes https requests for http: POSTs fail the CSRF check of their Origin.",
            "SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https'); let the proxy set that header.",
        )
    if (host := str(facts.get("host", ""))) and host.partition(":")[0] != parts.hostname:
        yield warning(
            "forwarded",
            f"The application is asked for the host {host!r}, not {parts.hostname!r}.",
            "Let the proxy pass the Host header (nginx: proxy_set_header Host $host).",
        )


def _idle_findings(idle: Looked, timeout_s: float, heartbeat_s: float) -> Iterator[Finding]:
    if idle.cut_at_s is not None:
        yield error(
            "idle-timeout",
            f"An idle stream is cut after {idle.cut_at_s:.0f} s; heartbeats come every {heartbeat_s:g} s.",
            "Raise the timeout (nginx: proxy_read_timeout; gunicorn: --timeout), or set "
            "DJUST_STREAM['HEARTBEAT_S'] below it.",
        )
    elif idle.ended and len(idle.events) == 2:
        yield ok("idle-timeout", f"A stream may be idle for {heartbeat_s:g} s, the time between heartbeats.")
    elif idle.status == 200:
        yield ok("idle-timeout", f"A stream was idle for {timeout_s:g} s; a longer --timeout tests longer.")


def _compressed(encoding: str, members: int) -> Finding:
    remedy = "Leave text/event-stream out of gzip_types, and GZipMiddleware out of MIDDLEWARE."
    if members > 1:
        says = f"Each event is compressed ({encoding}) as a file of its own: browsers show only the first."
        return error("gzip", says, remedy)
    return warning("gzip", f"Event streams are compressed ({encoding}): a compressor waits for more.", remedy)


# -- WebSockets ------------------------------------------------------------------------------------


def _websocket_findings(urls: Sequence[str], origin: str, timeout_s: float) -> Iterator[Finding]:
    if not urls:
        return
    with ThreadPoolExecutor(min(8, len(urls))) as pool:
        for found in pool.map(lambda url: list(_websocket(url, origin, timeout_s)), urls):
            yield from found


def _websocket(url: str, origin: str, timeout_s: float) -> Iterator[Finding]:
    try:
        with WebSocket(url, origin, timeout_s) as socket:
            if not socket.opened:
                yield _not_opened(url, origin, socket)
                return
            with WebSocket(url, _STRANGER, timeout_s) as strange:
                is_open_to_all = strange.opened and strange.hold(_LET_GO_S) != "closed"
            how = socket.hold(min(PING_S, timeout_s))
    except CutError as cut:
        yield error(
            "idle-timeout",
            f"{url} is cut after {cut.at_s:.0f} s without a message.",
            "Raise the timeout (nginx: proxy_read_timeout), or let the server ping more often "
            "(uvicorn --ws-ping-interval, daphne --ping-interval).",
        )
        return
    except (*_NETWORK, SlowError) as fault:
        yield _unreachable(url, fault, timeout_s)
        return
    if is_open_to_all:
        yield warning(
            "origin",
            f"{url} opens for a page of any other site.",
            "Wrap the URLRouter in channels.security.websocket.AllowedHostsOriginValidator.",
        )
    yield ok("websocket", f"{url} opens{', and the server pings' if how == 'ping' else ''}.")


def _not_opened(url: str, origin: str, socket: WebSocket) -> Finding:
    status = socket.status
    if status in (401, 403):
        return error(
            "websocket",
            f"{url} is refused ({status}) for a page of {origin}.",
            f"Name {urlsplit(origin).hostname} in ALLOWED_HOSTS; or it wants a user: then all is well.",
        )
    if 300 <= status < 400:
        return error(
            "websocket",
            f"{url} is redirected ({status}); browsers do not follow.",
            "Connect to the address it leads to: wss:// where the site has https.",
        )
    if status in (502, 503, 504):
        return error(
            "websocket",
            f"{url} answers {status}: the proxy does not reach the server.",
            "Start the ASGI server, at the address that the proxy has for it.",
        )
    return error(
        "websocket",
        f"{url} is not upgraded: the answer is {status}, as to a plain GET.",
        "nginx: proxy_http_version 1.1, proxy_set_header Upgrade $http_upgrade and Connection "
        "$connection_upgrade. Without a proxy: the server is WSGI, or the path is not routed.",
    )


# -- the rest --------------------------------------------------------------------------------------


def _http2_findings(url: str) -> Iterator[Finding]:
    if urlsplit(url).scheme != "https":
        return
    try:
        if speaks_http2(url):
            yield ok("http2", "HTTP/2 is spoken.")
            return
    except OSError:
        return  # the page has been had: _site_findings says what fails
    yield warning(
        "http2",
        "HTTP/1.1 only: a browser opens six connections to a site, and each event stream keeps one.",
        "nginx: listen 443 ssl http2.",
    )


def _refused(url: str, response: Response) -> Finding:
    if 300 <= response.status < 400:
        return error("url", f"{url} leads to {response.header('Location')}.", "Give that URL.")
    if response.status == 400:
        return error(
            "url",
            f"{url} answers 400, as Django does to a host that is not in ALLOWED_HOSTS.",
            "Name the host there; or let the proxy pass it (nginx: proxy_set_header Host $host).",
        )
    return error("url", f"{url} answers {response.status}.", "Give a URL that answers 200 to a visitor.")


def _unreachable(url: str, fault: Exception, timeout_s: float) -> Finding:
    if isinstance(fault, SlowError | TimeoutError):
        return error(
            "url",
            f"{url}: no answer within {timeout_s:g} s.",
            "Is the server up, and has it a worker that is not busy with another stream (gunicorn's default "
            "is one, for one request at a time)? Or a longer --timeout.",
        )
    if isinstance(fault, ssl.SSLError):
        return error(
            "url", f"{url}: {fault}", "Browsers will refuse it, too: check the certificate and its host."
        )
    return error("url", f"{url}: {type(fault).__name__}: {fault}", "Is the server up, at this address?")


def _headers(accept: str) -> dict[str, str]:
    return {"Accept": accept, "Accept-Encoding": "gzip", "User-Agent": "djust_stream doctor"}


def _as_ws(url: str) -> str:
    return f"ws{url[4:]}" if url.startswith("http") else url
