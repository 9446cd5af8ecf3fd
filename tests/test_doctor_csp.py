"""The doctor's reading of a Content-Security-Policy.

The law: what Chromium says. Each policy is sent with a page, which then loads scripts and opens WebSockets.
"""

from __future__ import annotations

from typing import Any

import project  # noqa: F401  (sets Django up)
import pytest
from page import Browser

from djust_stream.doctor import csp

PAGES = ["https://site.test/", "http://site.test:8000/chat/"]
SCRIPTS = {
    "https://site.test/": ["https://site.test/a.js", "https://cdn.test/x/a.js", "https://cdn.test:444/a.js"],
    "http://site.test:8000/chat/": [
        "http://site.test:8000/a.js",
        "https://site.test:8000/a.js",
        "http://cdn.test/x/a.js",
        "http://www.site.test:8000/a.js",
    ],
}
SOCKETS = {
    "https://site.test/": ["wss://site.test/ws/", "wss://stream.site.test/ws/", "wss://site.test:8443/ws/"],
    "http://site.test:8000/chat/": [
        "ws://site.test:8000/ws/",
        "wss://site.test:8000/ws/",
        "ws://site.test/ws/",
        "ws://stream.site.test:9000/ws/",
    ],
}
SOURCES = [
    "'none'",
    "'self'",
    "*",
    "https:",
    "wss:",
    "ws: http:",
    "site.test",
    "site.test:*",
    "*.site.test",
    "*.site.test:*",
    "cdn.test/x/",
    "https://cdn.test/x",
    "http://cdn.test",
    "ws://site.test:8000",
    "wss://stream.site.test",
    "'self' 'nonce-abc'",
    "'nonce-abc' 'strict-dynamic' 'self'",
    "'nonce-other'",
    "SITE.test",
    "",
]
POLICIES = [
    "img-src 'none'",
    *(f"default-src {sources}" for sources in SOURCES),
    *(f"default-src *; script-src {sources}; connect-src {sources}" for sources in SOURCES),
    "script-src 'none'; script-src-elem 'self'; connect-src 'self'",
    "script-src 'self'; script-src 'none'; connect-src 'none'; connect-src *",
    "default-src 'self', script-src 'none'",
    "DEFAULT-SRC 'SELF'",
]

ASK = """async (sockets) => {
    const forbidden = new Set();
    document.addEventListener("securitypolicyviolation", (event) => forbidden.add(event.blockedURI));
    const open = (url) => new Promise((resolve) => {
        const socket = new WebSocket(url);
        socket.onerror = () => setTimeout(() => resolve(!forbidden.has(url)), 20);
    });
    return [window.ran || [], await Promise.all(sockets.map(open))];
}"""


@pytest.mark.parametrize("page", PAGES)
def test_the_browser_agrees(browser: Browser, page: str) -> None:
    differ = []
    for policy, said in browser.run(ask, browser, page):
        policies = csp.parse(policy)

        def may(names: tuple[str, ...], url: str, nonce: str = "", policies: Any = policies) -> bool:
            return all(csp.allows(one, names, url, page, nonce) for one in policies)

        scripts = [[may(csp.SCRIPT, url), may(csp.SCRIPT, f"{url}?n", "abc")] for url in SCRIPTS[page]]
        sockets = [may(csp.CONNECT, url) for url in SOCKETS[page]]
        if [scripts, sockets] != said:
            differ.append((policy, [scripts, sockets], said))
    assert not differ, "\n".join(map(str, differ))


def ask(browser: Browser, url: str) -> list[tuple[str, Any]]:
    """Each policy, and what the page may do with it in Chromium; in the browser's thread.

    Scripts, each without and with a nonce, and WebSockets.
    """
    tags = "".join(
        f"<script src={one}></script><script nonce=abc src={one}?n></script>" for one in SCRIPTS[url]
    )
    context = browser.chromium.new_context(ignore_https_errors=True)
    said = []
    try:
        page = context.new_page()
        sent = [""]

        def answer(route: Any) -> None:
            if route.request.url == url:
                headers = {"Content-Security-Policy": sent[0], "Content-Type": "text/html"}
                route.fulfill(body=f"<!DOCTYPE html><title>t</title>{tags}", headers=headers)
            else:
                body = "(window.ran ||= []).push(document.currentScript.src)"
                route.fulfill(body=body, content_type="text/javascript")

        page.route("**/*", answer)
        for policy in POLICIES:
            sent[0] = policy
            page.goto(url)
            ran, sockets = page.evaluate(ASK, SOCKETS[url])
            said.append((policy, [[[one in ran, f"{one}?n" in ran] for one in SCRIPTS[url]], sockets]))
    finally:
        context.close()
    return said
