"""Sources: from any model's stream to text, events, a result; without importing an SDK.

    from djust_stream.sources import collect_stream, extract_content

    result = await collect_stream(client.chat.completions.create(..., stream=True))
    result.text, result.usage.output_tokens, result.finish_reason, result.first_token_s

A page takes a source with ``await self.stream_from(name, source)`` of StreamingMixin.
chunk.py reads chunks, upstream.py opens and closes sources, run.py goes from one end to the other, errors.py
says why it failed. sse.py makes server-sent events of a source, router.py asks models by name, with litellm.
"""

from __future__ import annotations

from .chunk import extract_content, read
from .errors import (
    AuthError,
    BadRequestError,
    ContentFilterError,
    ContextTooLongError,
    NetworkError,
    OverloadedError,
    ProviderError,
    RateLimitedError,
    SourceError,
    SourceTimeoutError,
    classify,
)
from .event import Event, StreamResult, ToolCall, Usage, estimate_tokens
from .run import Run, collect_stream, consume_stream_with_callbacks
from .sse import sse_format, sse_stream

__all__ = [
    "AuthError",
    "BadRequestError",
    "ContentFilterError",
    "ContextTooLongError",
    "Event",
    "NetworkError",
    "OverloadedError",
    "ProviderError",
    "RateLimitedError",
    "Run",
    "SourceError",
    "SourceTimeoutError",
    "StreamResult",
    "ToolCall",
    "Usage",
    "classify",
    "collect_stream",
    "consume_stream_with_callbacks",
    "estimate_tokens",
    "extract_content",
    "read",
    "sse_format",
    "sse_stream",
]
