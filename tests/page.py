"""A real Chromium page that runs the shipped client.

The law: what these tests see is what a reader sees. The page is served under a strict Content-Security-Policy
(scripts and styles from the own origin only), and the module is the file that the package ships.

    with Browser() as browser:
        page = browser.page('<div dj-stream="s"></div>')
        page.apply([{"s": "s", "n": 1, "o": [["ta", "hello"]]}])    # ["hello"]: the content after each frame

Playwright's event loop lives in a thread of its own, so that tests with an event loop can use a page as well;
in those, await ``asyncio.to_thread(page.apply, ...)``: a page call blocks until Chromium has answered.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from playwright import sync_api as playwright

from djust_stream._core import FORM_COMPACT, OPS, Batch, MarkdownStream

T = TypeVar("T")
Frame = str | dict[str, Any]

CLIENT = Path(__file__).parents[1] / "djust_stream/static/djust_stream/djust-stream.js"
ORIGIN = "http://127.0.0.1"  # nothing listens there: every request is answered below
CLIENT_URL = f"{ORIGIN}/djust-stream.js"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self' ws://127.0.0.1:*; base-uri 'none'; form-action 'none'"
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MISSING = "Chromium is missing. On Debian: apt-get install -y chromium"
FRAMES_PER_CALL = 400

APPLY = """async ([url, frames, selector]) => {
    const { applyFrame } = await import(url);
    return frames.map((frame) => {
        applyFrame(frame);
        return document.querySelector(selector)?.innerHTML ?? null;
    });
}"""


class Browser:
    """One Chromium, used from one thread. A context manager; ``page()`` opens a page in a fresh profile."""

    def __init__(self) -> None:
        executable = next(
            filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None
        )
        if executable is None:
            raise RuntimeError(MISSING)
        self.executable = executable
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chromium")

    def run(self, act: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call `act` in the browser's thread, the only one that may touch Playwright's objects."""
        return self._thread.submit(act, *args, **kwargs).result()

    def __enter__(self) -> Browser:
        def launch() -> None:
            self._playwright = playwright.sync_playwright().start()
            self.chromium = self._playwright.chromium.launch(executable_path=self.executable, args=FLAGS)

        self.run(launch)
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self.chromium.close)
        self.run(self._playwright.stop)
        self._thread.shutdown()

    def page(
        self,
        body: str = "",
        *,
        url: str | None = None,
        head: str = '<script type="module" src="/djust-stream.js"></script>',
        files: dict[str, str] | None = None,
        **context: Any,
    ) -> Page:
        """Open a page.

        url: where; without it, one of our own: `head`, `body`, the client, and `files` by path.
        context: keywords of Playwright's ``new_context``, such as ``reduced_motion="reduce"``.
        """
        served = {
            "/": f"<!doctype html><meta charset=utf-8><title>page</title>{head}<body>{body}",
            "/djust-stream.js": CLIENT.read_text(encoding="utf-8"),
            **(files or {}),
        }

        def answer(route: playwright.Route) -> None:
            path = "/" + route.request.url.removeprefix(ORIGIN).split("?")[0].lstrip("/")
            kind = {".js": "text/javascript", ".css": "text/css"}.get(Path(path).suffix, "text/html")
            route.fulfill(
                status=200 if path in served else 404,
                content_type=f"{kind}; charset=utf-8",
                headers={"Content-Security-Policy": CSP},
                body=served.get(path, ""),
            )

        def open_page() -> playwright.Page:
            page = self.chromium.new_context(**context).new_page()
            if url is None:
                page.route(f"{ORIGIN}/**", answer)
            return page

        return Page(self, self.run(open_page), url or ORIGIN + "/")


class Page:
    """A page in the browser. `console` and `errors` collect what it says and throws."""

    def __init__(self, browser: Browser, page: playwright.Page, url: str) -> None:
        self.browser = browser
        self.page = page
        self.console: list[str] = []
        self.errors: list[str] = []

        def listen() -> None:
            page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
            page.on("pageerror", lambda error: self.errors.append(str(error)))
            page.goto(url)

        browser.run(listen)

    def do(self, act: Callable[[playwright.Page], T]) -> T:
        """Call `act` with Playwright's own page: clicks, keys, screenshots."""
        return self.browser.run(act, self.page)

    def eval(self, script: str, arg: Any = None) -> Any:
        """The value of a JavaScript expression, or of a function applied to `arg`; promises are awaited."""
        return self.do(lambda page: page.evaluate(script, arg))

    def wait(self, script: str, arg: Any = None, timeout_s: float = 10) -> None:
        """Wait until the expression is true. Raises TimeoutError."""
        end = time.monotonic() + timeout_s
        while not self.eval(script, arg):
            if time.monotonic() > end:
                raise TimeoutError(f"after {timeout_s} s still not true: {script}")
            time.sleep(0.02)

    def apply(self, frames: Sequence[Frame], selector: str = "[dj-stream]") -> list[str]:
        """Apply frames, one after another, with the shipped client.

        frames: JSON text or objects, of either form.
        Returns the inner HTML of `selector`, after each frame.
        """
        seen: list[str] = []
        texts = [frame if isinstance(frame, str) else json.dumps(frame) for frame in frames]
        for start in range(0, len(texts), FRAMES_PER_CALL):
            seen += self.eval(APPLY, [CLIENT_URL, texts[start : start + FRAMES_PER_CALL], selector])
        return seen

    def html(self, selector: str = "[dj-stream]") -> str:
        """The inner HTML of the first such element."""
        return str(self.eval("(selector) => document.querySelector(selector).innerHTML", selector))

    def tab(self) -> Page:
        """A second tab with the same address."""
        return Page(self.browser, self.browser.run(self.page.context.new_page), self.eval("location.href"))

    def close(self) -> None:
        self.browser.run(self.page.context.close)


# ---- Frames and events, for tests ----

RECORD = """() => {
    window.seen = [];
    const names = "start text update prune remove error done block gap open close reconnect message";
    for (const name of [...names.split(" "), "refuse", "usage"])
        document.addEventListener(`stream:${name}`, ({ target, detail }) => {
            seen.push([name, target.id ?? "", detail]);
        });
}"""


def record_events(page: Page) -> None:
    """From now on `seen` holds ``[name, id of the target, detail]`` of every event of the client."""
    page.eval(RECORD)


def compact(*ops: Any, n: int = 1, stream: str = "s") -> dict[str, Any]:
    """A frame in compact form."""
    return {"s": stream, "n": n, "o": list(ops)}


def djust(*ops: dict[str, Any], stream: str = "s") -> dict[str, Any]:
    """A message in djust's form; `target` is the stream's element unless an op names its own."""
    own = {"target": f"[dj-stream='{stream}']"}
    return {"type": "stream", "stream": stream, "ops": [own | op for op in ops]}


def markdown_frames(pieces: Iterable[str], stream: str = "s", **options: Any) -> Iterator[str]:
    """What a server sends for Markdown that comes in pieces: a message each, "" for none, and the end's."""
    engine, batch = MarkdownStream(**options), Batch(stream, f"[dj-stream='{stream}']")
    batch.push(OPS["start"])
    seq = 0
    for piece in [*pieces, None]:
        if piece is not None:
            engine.feed(piece)
        engine.flush(batch, "", piece is None)
        if piece is None:
            batch.push(OPS["done"])
        seq += bool(batch)
        yield batch.encode(seq, FORM_COMPACT) if batch else ""
        batch.clear()
