"""Content: what a StreamResponse streams, for a server that iterates it and for one that iterates it asynchronously.

Django collects the whole of an async iterator before WSGI gets the first byte, and of a sync one under ASGI. This one
is both: under WSGI it runs its event loop in the server's thread, piece by piece. Begun once; closed by ``close``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing

from .loop import ResponseLoop


class Content:
    """See above. begin: makes the pieces; discard: called when they were never begun; rest: what goes on after
    their end, if anything does."""

    def __init__(
        self,
        begin: Callable[[], AsyncGenerator[str, None]],
        discard: Callable[[], None],
        rest: Callable[[], asyncio.Task[None] | None],
    ) -> None:
        self._begin, self._discard, self._rest = begin, discard, rest
        self._begun = self._closed = False
        self._loop: ResponseLoop | None = None
        self._pieces: AsyncGenerator[bytes, None] | None = None

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        if self._begun:
            raise RuntimeError("a StreamResponse is read once")
        self._begun = True
        return _encoded(self._begin())

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._closed:
            raise StopIteration
        if self._loop is None:
            pieces = self._pieces = aiter(self)
            self._loop = ResponseLoop()
        else:
            assert self._pieces is not None
            pieces = self._pieces

        async def step() -> bytes | None:
            return await anext(pieces, None)

        piece = self._loop.run(step())
        if piece is None:
            self.close()
            raise StopIteration
        return piece

    def close(self) -> None:
        """The server is done with it, however far it came. Once more: nothing."""
        if self._closed:
            return
        self._closed = True
        if not self._begun:
            self._discard()
        elif self._loop is not None and self._pieces is not None:
            self._loop.run(self._pieces.aclose())
            rest = self._rest()
            if rest is None or rest.done():
                self._loop.close()
            else:
                self._loop.leave(rest)


async def _encoded(pieces: AsyncGenerator[str, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        async for piece in pieces:
            yield piece.encode()
