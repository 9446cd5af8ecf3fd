"""Streaming from Django: a lossless batcher and exact streaming Markdown.

    from djust_stream import StreamConsumer        # plain Channels
    from djust_stream import StreamingMixin        # class Chat(StreamingMixin, LiveView)

Each name is imported when it is first used, so that a template tag does not bring in a WebSocket
server. ``StreamConsumer`` needs ``pip install djust-stream[channels]``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .collector import tune_gc as tune_gc
    from .consumer import StreamConsumer as StreamConsumer
    from .counts import stats as stats
    from .fragment import Fragment as Fragment
    from .fragment import escape as escape
    from .fragment import html as html
    from .markdown import MarkdownOptions as MarkdownOptions
    from .markdown import MarkdownStream as MarkdownStream
    from .markdown import render_markdown as render_markdown
    from .mixin import StreamingMixin as StreamingMixin
    from .stream import Stream as Stream
    from .stream import StreamClosedError as StreamClosedError

_HOME = {
    "StreamingMixin": "mixin",
    "StreamConsumer": "consumer",
    "Stream": "stream",
    "StreamClosedError": "stream",
    "MarkdownOptions": "markdown",
    "MarkdownStream": "markdown",
    "render_markdown": "markdown",
    "Fragment": "fragment",
    "escape": "fragment",
    "html": "fragment",
    "stats": "counts",
    "tune_gc": "collector",
}

__version__ = "0.1.0"
__all__ = [
    "Fragment",
    "MarkdownOptions",
    "MarkdownStream",
    "Stream",
    "StreamClosedError",
    "StreamConsumer",
    "StreamingMixin",
    "escape",
    "html",
    "render_markdown",
    "stats",
    "tune_gc",
]


#: Names that were asked for; checks.py looks whether StreamConsumer is among them.
_asked: set[str] = set()


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _asked.add(name)
    value = globals()[name] = getattr(import_module(f".{home}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
