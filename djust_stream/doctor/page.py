"""A page as far as streams are concerned: its policies, its scripts, the WebSockets it opens."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urljoin

from . import csp
from .wire import Response


class Page(NamedTuple):
    """url: its own; scripts: (absolute URL, nonce) each; sockets: absolute URLs."""

    url: str
    policies: list[csp.Policy]
    scripts: list[tuple[str, str]]
    sockets: list[str]

    @classmethod
    def read(cls, url: str, response: Response) -> Page:
        """Read the response. Raises CutError, SlowError."""
        tags = _Tags(url)
        tags.feed(response.body())
        written = [response.header("Content-Security-Policy"), *tags.policies]
        return cls(
            url, [policy for text in written for policy in csp.parse(text)], tags.scripts, tags.sockets
        )


class _Tags(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._base = url
        self.policies: list[str] = []
        self.scripts: list[tuple[str, str]] = []
        self.sockets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "script" and "src" in given:
            self.scripts.append((urljoin(self._base, given["src"]), given.get("nonce", "")))
            if given.get("data-url"):
                self.sockets.append(urljoin(self._base, given["data-url"]))
        elif tag == "meta" and given.get("http-equiv", "").lower() == "content-security-policy":
            self.policies.append(given.get("content", ""))
