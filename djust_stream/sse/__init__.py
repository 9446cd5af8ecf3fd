"""Server-sent events for plain Django views; no Channels needed.

    from djust_stream.sse import StreamResponse

    async def ask(request):                     # or def, under ASGI or WSGI
        return StreamResponse(lambda: model(request.POST["prompt"]), request, name="reply")

response.py is what a view returns; writer.py takes a source into a log, body.py brings the log to a reader,
slots.py counts how many there are. The text of events: sources/sse.py. Views, pages and servers: docs/sse.md.
"""

from ..sources.sse import sse_comment, sse_format, sse_stream
from .response import StreamResponse

__all__ = ["StreamResponse", "sse_comment", "sse_format", "sse_stream"]
