"""Addresses: which images are shown, where links lead, and that neither can be talked round."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from typing import Any

import pytest
from streaming import one_shot, streamed

from djust_stream import MarkdownStream, render_markdown

HOSTS = ("good.com", "*.cdn.net", "p.org:8443")


def shown(address: str) -> bool:
    html = render_markdown(f"![a](<{address}>)", images=HOSTS)
    for size in (1, 5):
        assert streamed(f"![a](<{address}>)", lambda size=size: size, images=HOSTS) == one_shot(
            f"![a](<{address}>)", images=HOSTS
        )
    return "<img" in html


@pytest.mark.parametrize(
    "address",
    [
        "https://good.com/x.png",
        "http://good.com",
        "HTTPS://Good.COM/x",
        "https://good.com?x",
        "https://good.com#x",
        "https://good.com:443/x",
        "http://good.com:80",
        "https://good.com:/x",
        "https://a.cdn.net/x",
        "https://a.b.cdn.net/x",
        "https://p.org:8443/x",
    ],
)
def test_images_of_hosts(address: str) -> None:
    assert shown(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.com/good.com",
        "https://good.com.evil.com/",
        "https://evilgood.com/",
        "https://good.com./x",
        "https://good.com:8080/x",
        "http://good.com:443/x",
        "https://p.org/x",
        "https://cdn.net/x",
        "https://evil-cdn.net/x",
        "https://.cdn.net/x",
        "https://good.com@evil.com/",
        "https://good.com:x@evil.com/",
        "https://evil@good.com/",
        "https://good.com\\@evil.com/",
        "https://good.com\\\\@evil.com/",
        "https://good.com\\\\.evil.com/",
        "https://evil.com\\\\.cdn.net/",
        "https://evil.com%2f.cdn.net/",
        "https://evil.com#.cdn.net/",
        "https://evil.com?.cdn.net/",
        "https:\\\\good.com/x",
        "https:/good.com/x",
        "https:good.com/x",
        "https:///good.com/x",
        "https:\\\\evil",
        "https:\\\\\\\\good.com",
        "//good.com/x",
        "//evil/x",
        "\\\\evil/x",
        "/x.png",
        "x.png",
        "",
        "ftp://good.com/x",
        "data:image/png;base64,https://good.com/",
        "javascript://good.com/%0aalert(1)",
        "https://gооd.com/",  # Cyrillic
        "https://good。com/",
        "https://ｇood.com/",
        "https://go%6fd.com/",
        "https://go\u00adod.com/",
        "https://[::1]/",
        "&Tab;https://good.com/",
        "ht&Tab;tps://good.com/",
        "https://go&NewLine;od.com/",
        "&#1;https://good.com/",
        "https://good.com&#x5c;@evil.com/",
        "https://good.com&#64;evil.com/",
        "https://good.com:80:443/",
        "https://good.com:443x/",
    ],
)
def test_images_of_other_hosts_are_links(address: str) -> None:
    assert not shown(address)


# -- links -----------------------------------------------------------------------------------------


def links(text: str, functions: Any, **options: Any) -> str:
    for size in (1, 4, 7):
        ends = streamed(text, lambda size=size: size, links=functions, **options)
        assert ends == one_shot(text, links=functions, **options)
    html = render_markdown(text, links=functions, dir_auto=False, **options)
    return html.replace(' rel="nofollow noopener noreferrer"', "")


def test_where_links_lead() -> None:
    out = {
        "example.com": lambda url: url.replace("https://example.com", ""),
        "*.example.com": lambda url: None,
        "http": lambda url: "/out?to=" + url,
        "mailto": lambda url: "/write?<'\"&",
    }
    text = "[*a*](https://example.com/b?c=d&e) [b](http://x.y/) <me@x.y> [c](/d) [e](https://x.y)"
    assert links(text, out) == (
        '<p><a href="/b?c=d&amp;e"><em>a</em></a> <a href="/out?to=http://x.y/">b</a> '
        '<a href="/write?%3C&#x27;%22&amp;">me@x.y</a> <a href="/d">c</a> <a href="https://x.y">e</a></p>'
    )
    assert links("https://q.example.com/a, me@x.y", out) == (
        '<p>https://q.example.com/a, <a href="/write?%3C&#x27;%22&amp;">me@x.y</a></p>'
    )
    assert links('[x] ![i](https://example.com/i "t")\n\n[x]: http://r.s "u"\n', out) == (
        '<p><a href="/out?to=http://r.s" title="u">x</a> <a href="/i" title="t">i</a></p>'
    )
    assert links("![i](https://example.com/i)", out, images="show") == (
        '<p><img src="https://example.com/i" alt="i"></p>'
    )
    assert links("[![i](https://example.com/i)](http://x.y)", out) == (
        '<p><a href="/out?to=http://x.y">i</a></p>'
    )


def test_the_closest_key_is_asked() -> None:
    def named(name: str) -> Any:
        return lambda url: f"/{name}"

    keys = ["https", "*.b.com", "*.a.b.com", "x.a.b.com", "x.a.b.com:81"]
    out = {key: named(key) for key in keys}
    for host, key in [
        ("x.a.b.com", "x.a.b.com"),
        ("y.a.b.com", "*.a.b.com"),
        ("y.b.com", "*.b.com"),
        ("b.com", "https"),
        ("x.a.b.com:81", "x.a.b.com:81"),
        ("x.a.b.com:82", "https"),
        ("x.a.b.com@evil.com", "https"),
    ]:
        for functions in (out, dict(reversed(out.items()))):
            assert links(f"[a](https://{host}/)", functions) == f'<p><a href="/{key}">a</a></p>'


def test_what_they_are_given() -> None:
    seen: list[str] = []
    text = "[a](<https://é.x/a b?c=d&amp;e'f\"g\\\\h#&#65534;>)"
    render_markdown(text, links={"https": seen.append})
    assert seen == ["https://%C3%A9.x/a%20b?c=d&e'f%22g%5Ch#%EF%BF%BE"]


@pytest.mark.parametrize(
    "result",
    ["javascript:alert(1)", "java\tscript:x", " javascript:x", "data:text/html,x", "vbscript:x", "a:b"],
)
def test_what_they_return_is_checked(result: str) -> None:
    assert links("[a](https://x.y) https://x.y", {"https": lambda url: result}) == "<p>a https://x.y</p>"


def test_what_they_return_stays_in_its_attribute() -> None:
    hostile = '"><script>alert(1)</script>\ud800\0'
    html = links("[a](https://x.y)", {"https": lambda url: hostile})
    assert html.count("<") == 4
    assert "%22%3E%3Cscript%3E" in html


def test_another_scheme_can_be_turned_into_a_link() -> None:
    assert links("[a](tel:1)", {"tel": lambda url: "/call/" + url[4:]}) == '<p><a href="/call/1">a</a></p>'
    assert links("[a](tel:1)", {"tel": lambda url: url}) == "<p>a</p>"
    assert links("[a](javascript:x)", {"javascript": lambda url: url}) == "<p>a</p>"
    assert links("[a](b)", {}) == links("[a](b)", None) == '<p><a href="b">a</a></p>'
    assert links("[a]()", {"http": str}) == '<p><a href="">a</a></p>'


def test_an_error_is_logged_once_and_the_stream_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def broken(url: str) -> str:
        raise ValueError(f"cannot read {url}")

    text = "[a](https://x.y/1) **b**\n\n[c](https://x.y/2)\n"
    stream = MarkdownStream(links={"https": broken})
    with caplog.at_level(logging.ERROR, "djust_stream"):
        for character in text:
            stream.feed(character)
            stream.edits()
        stream.finish()
    [record] = caplog.records
    assert "links['https'] failed for 'https://x.y/1'" in record.getMessage()
    assert record.exc_info
    assert "cannot read https://x.y/1" in str(record.exc_info[1])
    assert record.exc_info[2], "the traceback is in the log"
    assert links(text, {"https": broken}) == "<p>a <strong>b</strong></p><p>c</p>"
    for wrong in (5, b"/x", ["/x"]):
        caplog.clear()
        assert links("[a](https://x.y)", {"https": lambda url, wrong=wrong: wrong}) == "<p>a</p>"
        assert "returns a str or None, not" in str(caplog.records[0].exc_info)


def test_an_interrupt_is_raised() -> None:
    class Interrupt(BaseException):
        pass

    def broken(url: str) -> str:
        raise Interrupt

    with pytest.raises(Interrupt):
        render_markdown("[a](https://x.y)", links={"https": broken})
    stream = MarkdownStream(links={"https": broken})
    stream.feed("[a](https://x.y) b")
    with pytest.raises(Interrupt):
        stream.edits()
    stream.feed(" c\n\nd")
    assert stream.edits(), "the stream goes on"


def test_a_callable_cannot_use_its_own_stream() -> None:
    errors = []

    def inside(url: str) -> str:
        for use in (lambda: stream.feed("x"), stream.edits, stream.finish, lambda: stream.pending_bytes):
            with pytest.raises(RuntimeError, match="calling one of its links") as error:
                use()
            errors.append(error)
        return "/ok"

    stream = MarkdownStream(links={"https": inside}, dir_auto=False)
    stream.feed("[a](https://x.y) b\n\n")
    assert 'href="/ok"' in stream.edits()[0][2]
    assert errors
    stream.feed("c")
    assert stream.finish() == [("grow", 0, "<p>c</p>")]


def test_a_callable_may_render() -> None:
    def title(url: str) -> str:
        other = MarkdownStream(links={"https": lambda url: "/inner"})
        other.feed("[x](https://in.side) *a")
        other.finish()
        assert render_markdown(f"**{url}**", links={"https": lambda url: None}).startswith("<p")
        return "/outer"

    text = "[a](https://x.y) **b** " * 20
    assert links(text, {"https": title}).count('"/outer"') == 20


def test_another_thread_is_told_that_the_stream_is_busy() -> None:
    said: list[str] = []

    def slow(url: str) -> str:
        def use() -> None:
            try:
                stream.feed("x")
            except RuntimeError as error:
                said.append(str(error))

        thread = threading.Thread(target=use)
        thread.start()
        thread.join(0.05)  # without a GIL it waits for its turn
        return "/ok"

    stream = MarkdownStream(links={"https": slow})
    stream.feed("[a](https://x.y) b\n\n")
    assert 'href="/ok"' in stream.edits()[0][2]
    assert all("calling one of its links" in text for text in said)


def test_a_stream_in_a_cycle_is_collected() -> None:
    class Owner:
        def __init__(self) -> None:
            self.stream = MarkdownStream(links={"https": self.link})

        def link(self, url: str) -> str:
            return "/"

    owner = Owner()
    gone = weakref.ref(owner)
    del owner
    gc.collect()
    assert gone() is None
    assert not gc.is_tracked(MarkdownStream()), "one without links costs the collector nothing"
