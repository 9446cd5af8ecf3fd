"""What the settings alone tell. One function for each finding; a name in CHECKS runs it.

The law: looking changes nothing, and a project without a fault gives no warning.
"""

from __future__ import annotations

import importlib.util
import mimetypes
import sys
import sysconfig
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any, NamedTuple
from urllib.parse import urljoin

from django.apps import apps
from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.templatetags.static import static as static_url
from django.utils.module_loading import import_string

from . import csp as policies
from .finding import Finding, error, ok, warning

SCRIPT = "djust_stream/djust-stream.js"
_PACKAGES = (
    "django", "channels", "channels-redis", "djust", "uvicorn", "daphne", "gunicorn", "websockets", "redis",
)  # fmt: skip


def needs_websocket() -> bool:
    """Whether the project streams over WebSockets; else it is served events, for which WSGI will do."""
    return bool(apps.is_installed("channels") or apps.is_installed("djust"))


def asgi_application() -> Any:
    """What ASGI_APPLICATION names, or the exception of its import; None where it is not set."""
    name = getattr(settings, "ASGI_APPLICATION", None)
    if not name:
        return None
    try:
        return import_string(name)
    except Exception as fault:
        return fault


def asgi() -> Iterator[Finding]:
    """ASGI_APPLICATION missing, broken, or without WebSockets."""
    application = asgi_application()
    if isinstance(application, Exception):
        yield error(
            "asgi",
            f"ASGI_APPLICATION = {settings.ASGI_APPLICATION!r} cannot be imported: "
            f"{type(application).__name__}: {application}",
            "It is the dotted path of the application in asgi.py, as in 'mysite.asgi.application'.",
        )
    elif not needs_websocket():
        yield ok("asgi", "No Channels and no djust: streams are served as events, over ASGI or WSGI.")
    elif application is None:
        yield error(
            "asgi",
            "ASGI_APPLICATION is not set, and WSGI has no WebSockets.",
            "Set ASGI_APPLICATION = '<project>.asgi.application' and serve it with uvicorn or daphne.",
        )
    elif "websocket" not in getattr(application, "application_mapping", {"websocket": None}):
        yield error(
            "asgi",
            f"{settings.ASGI_APPLICATION} routes no WebSocket.",
            'Give its ProtocolTypeRouter a "websocket" beside "http".',
        )
    elif type(application).__module__ == "django.core.handlers.asgi":
        yield error(
            "asgi",
            f"{settings.ASGI_APPLICATION} is Django's own application, which refuses WebSockets.",
            "Wrap it: ProtocolTypeRouter({'http': get_asgi_application(), 'websocket': …}).",
        )
    else:
        paths = ", ".join(f"/{path}" for path, _, _ in websockets())
        yield ok("asgi", f"ASGI_APPLICATION routes WebSockets{f': {paths}' if paths else ''}.")


def websockets() -> Iterator[tuple[str, Any, bool]]:
    """The WebSockets that are routed: (path without its first slash, consumer, Origin is checked) each."""
    mapping = getattr(asgi_application(), "application_mapping", {})
    yield from _routes(mapping.get("websocket"), "", False, 0)


def _routes(application: Any, prefix: str, checked: bool, depth: int) -> Iterator[tuple[str, Any, bool]]:
    checked = checked or hasattr(application, "allowed_origins")
    if depth > 20 or application is None:
        return
    if isinstance(routes := getattr(application, "routes", None), list):
        for route in routes:
            pattern = str(getattr(route, "pattern", "")).strip("^$")
            yield from _routes(getattr(route, "callback", None), prefix + pattern, checked, depth + 1)
        return
    for name in ("application", "inner", "app"):
        if (inner := getattr(application, name, None)) is not None:
            yield from _routes(inner, prefix, checked, depth + 1)
            return
    yield prefix.replace("//", "/"), getattr(application, "consumer_class", application), checked


def origin() -> Iterator[Finding]:
    """WebSockets that any site's page may open."""
    routed = list(websockets())
    open_to_all = [f"/{path}" for path, consumer, checked in routed if not (checked or _looks(consumer))]
    if open_to_all:
        yield warning(
            "origin",
            f"Any site's page may open {', '.join(open_to_all)} in the name of your users.",
            "Wrap the URLRouter in channels.security.websocket.AllowedHostsOriginValidator; for a "
            "StreamConsumer, name the sites in its allowed_origins.",
        )
    elif routed:
        yield ok("origin", "WebSockets are opened for pages of allowed origins only.")


def _looks(consumer: Any) -> bool:
    """Whether it looks at the Origin itself, as djust's and every StreamConsumer do."""
    if getattr(consumer, "__module__", "").startswith("djust."):
        return True
    return hasattr(consumer, "allowed_origins") and "*" not in (consumer.allowed_origins or ())


def hosts() -> Iterator[Finding]:
    """DEBUG, and ALLOWED_HOSTS, which the Origin of a WebSocket must match."""
    if settings.DEBUG:
        yield warning(
            "hosts",
            "DEBUG is on: every query is kept in memory as long as a stream runs, and errors show settings.",
            "Set DEBUG = False where the site is deployed.",
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield warning(
            "hosts",
            "ALLOWED_HOSTS has '*': the check of a WebSocket's Origin lets every site in.",
            "Name the site's hosts.",
        )
    elif not settings.ALLOWED_HOSTS and not settings.DEBUG:
        yield error(
            "hosts",
            "ALLOWED_HOSTS is empty: every request is refused, and every WebSocket.",
            "Name the site's hosts.",
        )
    elif not settings.DEBUG:
        yield ok("hosts", f"ALLOWED_HOSTS: {', '.join(settings.ALLOWED_HOSTS)}.")


def server() -> Iterator[Finding]:
    """A server that is installed and cannot serve WebSockets."""
    if not needs_websocket():
        return
    has = {name for name in ("uvicorn", "daphne", "hypercorn", "granian") if importlib.util.find_spec(name)}
    if not has:
        yield error(
            "server",
            "No ASGI server is installed beside Django (uvicorn, daphne, hypercorn, granian).",
            "pip install 'uvicorn[standard]', or daphne.",
        )
    elif has == {"uvicorn"} and not any(map(importlib.util.find_spec, ("websockets", "wsproto"))):
        yield error(
            "server",
            "uvicorn is installed without a WebSocket library: it answers every upgrade with an error.",
            "pip install 'uvicorn[standard]'.",
        )
    else:
        yield ok("server", f"Installed: {', '.join(sorted(has))}.")


def daphne() -> Iterator[Finding]:
    """What ``runserver`` is."""
    installed = list(settings.INSTALLED_APPS)
    names = [name.removesuffix(".apps.DaphneConfig") for name in installed]
    if "daphne" in names:
        if "django.contrib.staticfiles" in names[: names.index("daphne")]:
            yield error(
                "daphne",
                "'daphne' comes after 'django.contrib.staticfiles' in INSTALLED_APPS: runserver stays WSGI.",
                "Put 'daphne' first in INSTALLED_APPS.",
            )
    elif settings.DEBUG and needs_websocket():
        yield warning(
            "daphne",
            "manage.py runserver is WSGI here: WebSockets answer 404 in development.",
            "Put 'daphne' first in INSTALLED_APPS, or develop with uvicorn --reload.",
        )


def atomic_requests() -> Iterator[Finding]:
    """A setting with which Django refuses async views."""
    aliases = [name for name, database in settings.DATABASES.items() if database.get("ATOMIC_REQUESTS")]
    if aliases and getattr(settings, "ASGI_APPLICATION", None):
        yield warning(
            "atomic-requests",
            f"ATOMIC_REQUESTS is on for {', '.join(aliases)}: Django raises RuntimeError for async views.",
            "Decorate async views with transaction.non_atomic_requests.",
        )


def static() -> Iterator[Finding]:
    """The client's script: not collected, collected long ago, or of a type browsers refuse."""
    if not apps.is_installed("djust_stream"):
        yield error(
            "static", "'djust_stream' is not in INSTALLED_APPS.", "INSTALLED_APPS += ['djust_stream']"
        )
        return
    if "javascript" not in (mimetypes.guess_type("a.js")[0] or ""):
        yield error(
            "static",
            f"This machine takes .js for {mimetypes.guess_type('a.js')[0]}: browsers refuse such a module.",
            "mimetypes.add_type('text/javascript', '.js') in settings.py.",
        )
    if not apps.is_installed("django.contrib.staticfiles") or settings.DEBUG:
        return
    from django.contrib.staticfiles.storage import staticfiles_storage as storage

    try:
        static_url(SCRIPT)
        with storage.open(SCRIPT) as file:
            collected = file.read()
    except Exception as fault:  # each storage has its own
        if getattr(settings, "STATIC_ROOT", None) or not _is_files(storage):
            yield error(
                "static",
                f"{SCRIPT} is not among the collected static files ({type(fault).__name__}).",
                "Run manage.py collectstatic with every deployment.",
            )
        return
    shipped = (Path(__file__).parent.parent / "static" / SCRIPT).read_bytes()
    if collected != shipped:
        yield error(
            "static",
            f"The collected {SCRIPT} is not that of the installed djust_stream.",
            "Run manage.py collectstatic with every deployment.",
        )
    else:
        yield ok("static", f"{SCRIPT} is collected, and this version's.")


def _is_files(storage: Any) -> bool:
    from django.core.files.storage import FileSystemStorage

    return isinstance(storage, FileSystemStorage)


def csp() -> Iterator[Finding]:
    """A policy in the settings that stops our script or its connections."""
    page = "https://this.site/"
    wanted = Wanted(page, static_url_of(page), "*", ["wss://this.site/ws/"])
    found = False
    for name, text in policies.from_settings(settings):
        for policy in policies.parse(text):
            found = True
            yield from csp_findings(policy, wanted, f"in {name}")
    if found:
        yield ok("csp", "The settings' Content-Security-Policy was looked at.")


def static_url_of(page: str) -> str:
    """The script's absolute URL for a page; "" where it cannot be told."""
    try:
        return str(urljoin(page, static_url(SCRIPT)))
    except ValueError:  # a manifest without it: static() says so
        return ""


class Wanted(NamedTuple):
    """What a page needs: its script ("" for none) with its nonce, and connections. All URLs are absolute."""

    page: str
    script: str
    nonce: str
    connections: list[str]


def csp_findings(policy: policies.Policy, wanted: Wanted, where: str) -> Iterator[Finding]:
    """What the policy forbids of that."""
    page, script, nonce, connections = wanted
    if script and not policies.allows(policy, policies.SCRIPT, script, page, nonce):
        yield error(
            "csp",
            f"{policies.directive_of(policy, policies.SCRIPT)} {where} forbids {script}.",
            "Add 'self' (or the static files' host) to script-src, or a nonce, "
            "which {% djust_stream_script %} takes over.",
        )
    for url in connections:
        if not policies.allows(policy, policies.CONNECT, url, page):
            yield error(
                "csp",
                f"{policies.directive_of(policy, policies.CONNECT)} {where} forbids connections to {url}.",
                "Add 'self' to connect-src; a WebSocket on another host needs its wss:// address there.",
            )
    if policies.trusted_types(policy):
        yield error(
            "csp",
            f"require-trusted-types-for 'script' {where} forbids HTML from a stream.",
            "Leave require-trusted-types-for out on pages that show streams.",
        )


def djust() -> Iterator[Finding]:
    """Views with StreamingMixin after LiveView: djust's own methods then win."""
    if not apps.is_installed("djust"):
        return
    from djust.live_view import LiveView

    from ..mixin import StreamingMixin

    waiting: list[type] = list(StreamingMixin.__subclasses__())
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        if issubclass(cls, LiveView) and cls.__mro__.index(StreamingMixin) > cls.__mro__.index(LiveView):
            yield error(
                "djust",
                f"{cls.__module__}.{cls.__qualname__} has LiveView before StreamingMixin: djust's own win.",
                f"class {cls.__name__}(StreamingMixin, LiveView)",
            )


def system_checks() -> Iterator[Finding]:
    """What ``manage.py check`` says of djust_stream."""
    for message in run_checks(tags=["djust_stream"]):
        if (
            message.id == "djust_stream.E001" or message.is_silenced()  # asgi() looks closer
        ):
            continue
        make = error if message.level >= ERROR else warning
        yield make("checks", f"{message.id}: {message.msg}", message.hint or "")


def versions() -> dict[str, str]:
    """What runs here, by package; what is not installed is left out."""
    from .. import __version__, _core

    found = {"djust_stream": __version__, "core": Path(_core.__file__ or "").name.partition(".")[2]}
    free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    found["python"] = python_version() + (", free-threaded" if free else "")
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def threads() -> Iterator[Finding]:
    """A free-threaded Python whose lock an extension has brought back."""
    is_enabled: Callable[[], bool] = getattr(sys, "_is_gil_enabled", lambda: True)
    if sysconfig.get_config_var("Py_GIL_DISABLED") and is_enabled():
        yield warning(
            "threads",
            "This Python is free-threaded, and an extension module has switched the GIL on again.",
            "Run with -X gil=0 if you trust that module, or find it with python -W default.",
        )


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    asgi, server, origin, hosts, daphne, atomic_requests, static, csp, djust, system_checks, threads,
)  # fmt: skip
