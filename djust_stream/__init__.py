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
    from .budget import Budget as Budget
    from .budget import BudgetError as BudgetError
    from .collector import tune_gc as tune_gc
    from .consumer import StreamConsumer as StreamConsumer
    from .conversation import Conversation as Conversation
    from .counts import stats as stats
    from .fragment import Fragment as Fragment
    from .fragment import escape as escape
    from .fragment import html as html
    from .markdown import MarkdownOptions as MarkdownOptions
    from .markdown import MarkdownStream as MarkdownStream
    from .markdown import render_markdown as render_markdown
    from .mixin import StreamingMixin as StreamingMixin
    from .sources import SourceError as SourceError
    from .sources import StreamResult as StreamResult
    from .sources import collect_stream as collect_stream
    from .sources import consume_stream_with_callbacks as consume_stream_with_callbacks
    from .sources import estimate_tokens as estimate_tokens
    from .sources import extract_content as extract_content
    from .stream import Stream as Stream
    from .stream import StreamClosedError as StreamClosedError

_HOME = {
    "StreamingMixin": "mixin",
    "StreamConsumer": "consumer",
    "Stream": "stream",
    "StreamClosedError": "stream",
    "Budget": "budget",
    "BudgetError": "budget",
    "Conversation": "conversation",
    "SourceError": "sources",
    "StreamResult": "sources",
    "collect_stream": "sources",
    "consume_stream_with_callbacks": "sources",
    "estimate_tokens": "sources",
    "extract_content": "sources",
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
    "Budget",
    "BudgetError",
    "Conversation",
    "Fragment",
    "MarkdownOptions",
    "MarkdownStream",
    "SourceError",
    "Stream",
    "StreamClosedError",
    "StreamConsumer",
    "StreamResult",
    "StreamingMixin",
    "collect_stream",
    "consume_stream_with_callbacks",
    "escape",
    "estimate_tokens",
    "extract_content",
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
