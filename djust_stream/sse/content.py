"""Content: what a StreamResponse streams, for servers of both kinds.

Django collects the whole of an async iterator before WSGI gets the first byte, and of a sync one under ASGI.
This one is both; begun once, by whoever asks for the first piece.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing

from .home import Bridge


class Content:
    """See above. begin: makes the pieces; discard: called when it is closed, begun or not."""

    def __init__(self, begin: Callable[[], AsyncGenerator[str, None]], discard: Callable[[], None]) -> None:
        self._begin, self._discard = begin, discard
        self._begun = False
        self._bridge: Bridge | None = None

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        if self._begun:
            raise RuntimeError("a StreamResponse is read once")
        self._begun = True
        return _encoded(self._begin())

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._bridge is None:
            self._bridge = Bridge(aiter(self))
        return next(self._bridge)

    def close(self) -> None:
        """The server is done with it, however far it came."""
        self._begun = True
        if self._bridge is not None:
            self._bridge.close()
        else:
            self._discard()


async def _encoded(pieces: AsyncGenerator[str, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        async for piece in pieces:
            yield piece.encode()
