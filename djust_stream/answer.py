"""Answer: the events of a source as ops of a stream.

An answer that is only text fills the stream's element itself. One with more is a row of parts in the order in
which the model wrote them, each an element of its own:

    <div dj-stream="reply">
      <details class="dj-thinking" data-part="1"><summary>Thinking</summary><div>The user…</div></details>
      <p class="dj-tool" data-part="2">Tool: <b>weather</b> <code>{"city": "Bern"}</code></p>
      <div class="dj-text" data-part="3"><p>It rains.</p></div>
    </div>

The law: what the model writes is text, or Markdown made safe; never markup. The first part replaces what the
element showed. Another source in the same answer (the model's next turn, after a tool) begins a part of its
own.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

from . import ops
from .fragment import Fragment
from .sources import Event

_THINKING = Fragment(
    '<details class="dj-thinking" data-part="{part}"><summary>Thinking</summary>'
    '<div style="white-space: pre-wrap"></div></details>'
)
_TOOL = Fragment('<p class="dj-tool" data-part="{part}">Tool: <b>{name}</b> <code></code></p>')
_TEXT = Fragment('<div class="dj-text" data-part="{part}"></div>')


class Page(Protocol):
    """The streaming methods that an answer needs; StreamingMixin's."""

    def stream_text(
        self, stream_name: str, text: str, mode: str | None = None, target: str | None = None
    ) -> Awaitable[None]: ...

    def stream_markdown(
        self, stream_name: str, text: str | bytes, target: str | None = None
    ) -> Awaitable[None]: ...

    def stream_to(
        self, stream_name: str, target: str | None = None, html: str | None = None
    ) -> Awaitable[None]: ...

    def stream_insert(
        self, stream_name: str, html: Any, at: str | int = "append", target: str | None = None
    ) -> Awaitable[None]: ...


class Answer:
    """One answer on its way into one stream."""

    def __init__(self, page: Page, name: str, markdown: bool) -> None:
        self._page = page
        self._name = name
        self._markdown = markdown
        self._root = ops.root_selector(name)
        self._parts = 0
        self._part: tuple[str, int] | None = None  # what is being written: its kind, and which tool call
        self._target: str | None = None  # where

    def go_on(self, markdown: bool) -> None:
        """Another source goes on with the answer."""
        self._markdown = markdown
        if self._part is not None:
            self._part = ("", 0)

    def show(self, event: Event) -> Awaitable[None] | None:
        """Show an event, if it is one to show; to be awaited."""
        kind = event.kind
        if kind in ("text", "refusal"):
            return self._show_text(event.text)
        if kind == "thinking":
            self._begin(("thinking", 0), _THINKING(part=self._parts + 1), " > div")
            return self._page.stream_text(self._name, event.text, "append", self._target)
        if kind == "tool_call":
            call = ("tool_call", event.data["index"])
            if event.data["name"] or self._part == call:
                self._begin(call, _TOOL(part=self._parts + 1, name=event.data["name"]), " > code")
                return self._page.stream_text(self._name, event.text, "append", self._target)
        return None

    def _show_text(self, text: str) -> Awaitable[None]:
        page, name = self._page, self._name
        if self._part is None:
            self._part = ("text", 0)
            self._parts = 1
            if not self._markdown:
                return page.stream_text(name, text, "replace")
        elif self._part != ("text", 0):
            self._begin(("text", 0), _TEXT(part=self._parts + 1), "")
        if self._markdown:
            return page.stream_markdown(name, text, self._target)
        return page.stream_text(name, text, None if self._target is None else "append", self._target)

    def _begin(self, part: tuple[str, int], html: str, inside: str) -> None:
        if self._part == part:
            return
        if self._part is None:
            self._page.stream_to(self._name, html=html)
        else:
            self._page.stream_insert(self._name, html)
        self._part = part
        self._parts += 1
        self._target = f'{self._root} > [data-part="{self._parts}"]{inside}'
