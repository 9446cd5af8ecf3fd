"""Whether a Content-Security-Policy lets the page's script run and connect.

The law: what the browser says. Every policy must allow; of one policy the most specific directive counts, and
no directive means no limit.

Limits: a script is let in by its URL or its nonce; hashes are of no use to an external script here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, urlsplit

Policy = dict[str, list[str]]
SCRIPT = ("script-src-elem", "script-src", "default-src")
CONNECT = ("connect-src", "default-src")
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
#: What a scheme in a policy stands for besides itself.
_SAFER = {"http": {"https"}, "ws": {"wss"}}


def parse(header: str) -> list[Policy]:
    """The policies of a header; several are parted by commas."""
    return [policy for text in header.split(",") if (policy := _policy(text))]


def _policy(text: str) -> Policy:
    found: Policy = {}
    for directive in text.split(";"):
        name, *sources = directive.split()[:1] + directive.split()[1:] or [""]
        if name:
            found.setdefault(name.lower(), sources)  # the first one counts
    return found


def directive_of(policy: Policy, names: tuple[str, ...]) -> str:
    """Which of the directives counts; "" for none."""
    return next((name for name in names if name in policy), "")


def allows(policy: Policy, names: tuple[str, ...], url: str, page: str, nonce: str = "") -> bool:
    """Whether the policy of ``page`` lets in ``url`` (absolute), or an element with this nonce."""
    directive = directive_of(policy, names)
    if not directive:
        return True
    sources = policy[directive]
    if nonce and f"'nonce-{nonce}'" in sources:
        return True
    if names is SCRIPT and "'strict-dynamic'" in map(str.lower, sources):
        return False
    return any(_matches(source, urlsplit(url), urlsplit(page)) for source in sources)


def trusted_types(policy: Policy) -> bool:
    """Whether the policy forbids HTML from strings, which is how a stream's HTML reaches the page."""
    return "'script'" in policy.get("require-trusted-types-for", [])


_HOST = re.compile(
    r"(?:([a-z][a-z0-9+.-]*)://)?(\*|\[[^]]+\]|[^:/\[]+)(?::(\d+|\*))?(/[^?#]*)?", re.IGNORECASE
)


def _matches(source: str, url: SplitResult, page: SplitResult) -> bool:
    if source == "*":
        return url.scheme in _PORTS
    if source.lower() == "'self'":
        return _is_self(url, page)
    if source.endswith(":"):
        return _scheme_matches(source[:-1].lower(), url.scheme)
    if source.startswith("'") or not (found := _HOST.fullmatch(source)):
        return False
    scheme, host, port, path = found.groups()
    scheme = (scheme or page.scheme).lower()
    return (
        _scheme_matches(scheme, url.scheme)
        and _host_matches(host.lower(), (url.hostname or "").lower())
        and _port_matches(port, url, safer=scheme != url.scheme)
        and _path_matches(path or "", url.path or "/")
    )


def _is_self(url: SplitResult, page: SplitResult) -> bool:
    """The page's own origin, or the same host by a safer scheme, or its WebSocket."""
    if url.hostname != page.hostname:
        return False
    if (url.scheme, _port(url)) == (page.scheme, _port(page)):
        return True
    usual = _port(url) == _PORTS[url.scheme] and _port(page) == _PORTS[page.scheme]
    if not (_port(url) == _port(page) or usual):
        return False
    return url.scheme in ("https", "wss") or page.scheme == "http"


def _scheme_matches(allowed: str, scheme: str) -> bool:
    return scheme == allowed or scheme in _SAFER.get(allowed, ())


def _host_matches(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return pattern in ("*", host, f"[{host}]")


def _port_matches(port: str | None, url: SplitResult, safer: bool) -> bool:
    """Of a safer scheme only the port that goes with it."""
    if port is None:
        return _port(url) == _PORTS[url.scheme]
    if safer:
        return port == "*" or (port == "80" and _port(url) == 443)
    return port == "*" or int(port) == _port(url)


def _path_matches(pattern: str, path: str) -> bool:
    return not pattern or (path.startswith(pattern) if pattern.endswith("/") else path == pattern)


def _port(url: SplitResult) -> int:
    return url.port or _PORTS.get(url.scheme, 0)


def from_settings(settings: object) -> Iterator[tuple[str, str]]:
    """The policies that Django 6 and django-csp are set to send: (name of the setting, policy) each.

    A nonce, which each of them writes its own way, becomes ``'nonce-*'``.
    """
    if isinstance(directives := getattr(settings, "SECURE_CSP", None), dict) and directives:
        yield "SECURE_CSP", _written(directives)
    policy = getattr(settings, "CONTENT_SECURITY_POLICY", None)
    if isinstance(policy, dict) and isinstance(directives := policy.get("DIRECTIVES"), dict):
        yield "CONTENT_SECURITY_POLICY", _written(directives)
    old = {
        name[4:].lower().replace("_", "-"): getattr(settings, name)
        for name in ("CSP_DEFAULT_SRC", "CSP_SCRIPT_SRC", "CSP_SCRIPT_SRC_ELEM", "CSP_CONNECT_SRC")
        if getattr(settings, name, None)
    }
    nonce_in = getattr(settings, "CSP_INCLUDE_NONCE_IN", None) or ()
    if old and not getattr(settings, "CSP_REPORT_ONLY", False):
        with_nonce = {
            name: [*_list(sources), *["'nonce-*'"] * (name in nonce_in)] for name, sources in old.items()
        }
        yield "CSP_…", _written(with_nonce)


def _written(directives: Mapping[str, object]) -> str:
    return "; ".join(
        " ".join([name, *(_source(source) for source in _list(sources))])
        for name, sources in directives.items()
        if sources is not None and sources is not False
    )


def _list(sources: object) -> list[object]:
    return list(sources) if isinstance(sources, list | tuple | set | frozenset) else [sources]


def _source(source: object) -> str:
    text = "" if source is True else str(source)
    return "'nonce-*'" if "nonce" in text.lower() and not text.lower().startswith("'nonce-") else text
