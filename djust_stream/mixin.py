"""StreamingMixin: what a view or a consumer calls.

    class Chat(StreamingMixin, LiveView):                     # djust: before LiveView
        @event_handler
        async def ask(self, text="", **kwargs):
            await self.start_stream("reply", self.answer, text)

        async def answer(self, text):
            async for token in model(text):
                await self.stream_markdown("reply", token)

    class Chat(StreamConsumer): ...                           # plain Channels: consumer.py

djust's methods, with its names and parameters, so that its examples run unchanged; without its loss.
An op counts as given when the call returns, awaited or not: a synchronous handler, which djust runs in
a thread, may call ``self.stream_text("reply", text)``.

In djust the page must leave a streamed element alone when the view renders again:
``<div dj-stream="reply" dj-update="ignore" id="reply"></div>``.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from asgiref.sync import SyncToAsync, markcoroutinefunction
from django.utils.functional import Promise

from . import conf, ops
from ._core import FINISHED, TURN, TextMethod
from .answer import Answer
from .budget import Budget, BudgetError
from .reader import Reader, Sink
from .resume import Visit
from .sinks.channels import ChannelsSink
from .smooth import Smoother
from .sources import Event, Run, SourceError, StreamResult
from .stream import Stream, StreamClosedError
from .streams import Streams

if TYPE_CHECKING:
    _Base = Any
else:
    _Base = object

log = logging.getLogger("djust_stream")

#: What start_stream runs, until it has ended; an event loop holds its tasks by weak references only.
_running: set[asyncio.Task[Any]] = set()

#: Of a coroutine of start_stream: what it has shown, which its next stream_from goes on after.
_answers: WeakKeyDictionary[asyncio.Task[Any], Answer] = WeakKeyDictionary()

#: So many names' results and ways to run again a view remembers.
_REMEMBERED = 100

#: A loop that does not answer for so long may itself be waiting for the thread that asks.
_STUCK_S = 1.0

#: No page is told to wait for longer.
_LAST_RETRY_S = 31 * 86400


class StreamingMixin(_Base):  # type: ignore[misc]
    """Streams text, Markdown and HTML into the page, token by token."""

    # Also what djust's LiveView must find before its __init__ ends: it saves what comes later.
    _djust_streams: Streams | None = None
    _djust_visit: Visit | None = None
    _djust_consumer: Any = None
    _djust_tasks: dict[str, asyncio.Task[None]] | None = None
    _djust_runs: dict[str, Run] | None = None
    _djust_results: dict[str, StreamResult] | None = None
    _djust_again: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._djust_streams = None
        self._djust_visit = None
        self._djust_consumer = None
        self._djust_tasks = None
        self._djust_runs = None
        self._djust_results = None
        self._djust_again = None
        super().__init__(*args, **kwargs)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.stream_text.__module__ == "djust.streaming":
            raise TypeError(
                f"class {cls.__name__}: StreamingMixin comes after djust's LiveView, whose own streaming "
                f"wins and loses tokens. Write class {cls.__name__}(StreamingMixin, LiveView)."
            )
        if cls._is_live_view() and not hasattr(StreamingMixin.stream_visit, "_djust_decorators"):
            from djust.decorators import event_handler

            event_handler()(StreamingMixin.stream_visit)

    @classmethod
    def _is_live_view(cls) -> bool:
        return any(base.__module__.partition(".")[0] == "djust" for base in cls.__mro__)

    # -- the connection ---------------------------------------------------------------------------

    @property
    def _ws_consumer(self) -> Any:
        """The consumer whose connection this is; djust assigns it when the view is mounted."""
        return self._djust_consumer

    @_ws_consumer.setter
    def _ws_consumer(self, consumer: Any) -> None:
        if consumer is self._djust_consumer:
            return
        self.stream_detach()
        self._djust_consumer = consumer
        if consumer is not None:
            visit = self._attach(ChannelsSink(consumer), getattr(consumer, "scope", None) or {})
            if self._is_live_view():
                visit.prompt()

    def _attach(self, sink: Sink, scope: Any) -> Visit:
        limits = conf.limits()
        reader = Reader(sink, limits.slow_reader_timeout_s)
        reader.on_close = self._lose_streams
        store = conf.store()
        streams = self._djust_streams = Streams(reader, limits, store)
        visit = self._djust_visit = Visit(self, streams, store, scope, conf.get("TOKEN_AGE_S"))
        streams.keep, streams.on_open = visit.window_s, visit.opened
        return visit

    def stream_detach(self) -> None:
        """The connection is gone: streams that its page can come back to go on for a while; end the others,
        cancel what start_stream runs for them.

        Called by StreamConsumer and by djust's consumer (through the mixin); by you when you set
        ``_ws_consumer`` yourself. What is streamed afterwards goes nowhere, without an exception.
        """
        streams = self._djust_streams
        if streams is not None and not streams.away:
            streams.reader.close()

    def _lose_streams(self) -> None:
        """The reader's call when its connection is gone."""
        if self._djust_visit is not None:
            self._djust_visit.close()
        streams = self._djust_streams
        kept: set[str] = set()
        if streams is not None:
            streams.leave(self._give_up)
            kept = {name for name, stream in streams.items() if stream.ended is None}
        for name in [*(self._djust_tasks or {}), *(self._djust_runs or {})]:
            if name not in kept:
                self._cancel_run(name)

    def _give_up(self, stream: Stream) -> None:
        """Nobody reads the stream, and nobody comes back to it."""
        streams = self._djust_streams
        stream.drop()
        if streams is not None and streams.get(stream.name) is stream:
            del streams[stream.name]
            self._cancel_run(stream.name)
            if streams.away and all(other.ended is not None for other in streams.values()):
                streams.reader.close()

    def _cancel_run(self, name: str) -> None:
        task = (self._djust_tasks or {}).get(name)
        if task is not None:
            _cancel(task)
        run = (self._djust_runs or {}).get(name)
        if run is not None:
            _stop(run, "cancelled")

    # -- who may read ------------------------------------------------------------------------------

    def stream_window_s(self, stream_name: str) -> float:
        """For how many seconds a stream goes on, and is kept after its end, for a page that comes back; 0: it
        ends with its connection. RESUME_WINDOW_S; override it for a window of a stream's own."""
        window_s: float = conf.get("RESUME_WINDOW_S")
        return window_s

    def stream_id(self, stream_name: str) -> str | None:
        """The id by which others may follow the stream that is open under that name, if can_follow of their
        view lets them; None where there is none. To be stored where can_follow finds it."""
        stream = None if self._djust_streams is None else self._djust_streams.get(stream_name)
        if stream is None or stream.record is None:
            return None
        stream.record.handed = True
        return stream.record.id

    def can_follow(self, user: Any, stream: str) -> Any:
        """May this page's user read the stream of that id, without a token of its own? No; override it.

        user: of the connection's scope; None where it has none. A coroutine function, or a function, which is
        called in a thread and may ask the database.
        """
        return False

    def can_stop(self, user: Any, stream: str) -> Any:
        """May a user who can_follow a stream stop it as well? No; override it."""
        return False

    async def stream_visit(self, **message: Any) -> None:
        """An event of djust's, of our script: its page can come back to streams, does, or stops one."""
        self._skip_render = True
        if self._djust_visit is not None:
            await self._djust_visit.handle(message)

    # -- djust's methods ------------------------------------------------------------------------

    @TextMethod
    @markcoroutinefunction
    def stream_text(
        self, stream_name: str, text: str, mode: str | None = None, target: str | None = None
    ) -> Awaitable[None]:
        """Add text to an element, with the next frame.

        text: plain text, not HTML.
        mode: "append", "replace" or "prepend"; None: as the element's ``dj-stream-mode`` says.
        target: CSS selector; default: the element with ``dj-stream="<stream_name>"``.
        Raises TypeError, ValueError; StreamClosedError after done or error; OverflowError past
        MAX_PAYLOAD_BYTES. Waits, when awaited, while more than MAX_PENDING_BYTES wait for the reader.
        Law: stream.py. Wire: tests/spec/wire.md, "text".
        """
        if text.__class__ is not str:
            text = _as_text(text, "text")
        if stream_name.__class__ is not str:
            ops.check_name(stream_name)
        streams = self._djust_streams
        stream = None if streams is None else streams.get(stream_name)
        if stream is not None and mode is None and target is None:
            return stream.push(ops.TEXT, text)
        try:
            op = ops.TEXT_MODES[mode]
        except (KeyError, TypeError):
            raise ValueError(f'mode is "append", "replace", "prepend" or None, not {mode!r}') from None
        return self._push(stream_name, op, text, target)

    @markcoroutinefunction
    def stream_markdown(
        self, stream_name: str, text: str | bytes, target: str | None = None
    ) -> Awaitable[None]:
        """Add to the Markdown document that fills an element; the page shows it formatted at once.

        text: the next piece, cut anywhere; bytes are UTF-8.
        The first piece replaces what the element shows; any other op on the element ends the document.
        Raises as stream_text; OverflowError past MAX_STREAM_BYTES too. Law: markdown.py.
        Wire: tests/spec/wire.md, "grow" to "fill".
        """
        if text.__class__ is not str and not isinstance(text, bytes):
            text = _as_text(text, "text", ", or bytes of UTF-8")
        stream = self._stream(stream_name)
        if stream is None:
            return TURN
        return stream.push_markdown(text, _as_target(target))

    @markcoroutinefunction
    def stream_to(
        self, stream_name: str, target: str | None = None, html: str | None = None
    ) -> Awaitable[None]:
        """Replace an element's content.

        html: trusted HTML; None: what the view's template renders there (djust only).
        Raises as stream_text; TypeError without html where there is no template.
        """
        if html is None:
            return self._stream_template(stream_name, target)
        return self._push(stream_name, ops.REPLACE, _as_text(html, "html"), target)

    @markcoroutinefunction
    def stream_insert(
        self, stream_name: str, html: Any, at: str | int = "append", target: str | None = None
    ) -> Awaitable[None]:
        """Add HTML at the end of an element, or before its content.

        html: trusted HTML, balanced. at: "append" or "prepend".
        A name that djust's ``self.stream(name, items)`` has set up keeps djust's own stream_insert.
        Raises as stream_text.
        """
        if self._is_collection(stream_name):
            super().stream_insert(stream_name, html, {"append": -1, "prepend": 0}.get(str(at), at))
            return FINISHED
        op = ops.INSERT_PLACES.get(at) if isinstance(at, str) else None
        if op is None:
            raise ValueError(f'at is "append" or "prepend", not {at!r}')
        return self._push(stream_name, op, _as_text(html, "html"), target)

    @markcoroutinefunction
    def stream_error(self, stream_name: str, error: str, target: str | None = None) -> Awaitable[None]:
        """End the stream with a message; what it has shown stays.

        error: a text for the reader; an exception is shown by its text, so better pass your own words.
        After an error: nothing, the first one stands. Raises StreamClosedError after done.
        """
        message = str(error) if isinstance(error, BaseException) else _as_text(error, "error")
        return self._end(stream_name, ops.ERROR, message, target)

    @markcoroutinefunction
    def stream_start(self, stream_name: str, target: str | None = None) -> Awaitable[None]:
        """Begin the stream: the element is active. A name that has ended begins again."""
        ops.check_name(stream_name)
        streams = self._connected()
        if streams is None:
            return FINISHED
        return streams.open(stream_name).push(ops.START, "", _as_target(target))

    @markcoroutinefunction
    def stream_done(self, stream_name: str, target: str | None = None) -> Awaitable[None]:
        """End the stream: everything is sent, the element is no longer active. Ended already: nothing."""
        return self._end(stream_name, ops.DONE, "", target)

    @markcoroutinefunction
    def stream_delete(self, stream_name: str, selector: Any) -> Awaitable[None]:
        """Remove an element from the page.

        selector: CSS selector. A name set up by djust's ``self.stream`` keeps djust's stream_delete.
        """
        if self._is_collection(stream_name):
            super().stream_delete(stream_name, selector)
            return FINISHED
        return self._push(stream_name, ops.DELETE, "", _as_target(selector, "selector"))

    @markcoroutinefunction
    def stream_prune(
        self, stream_name: str, limit: int, edge: str = "top", target: str | None = None
    ) -> Awaitable[None]:
        """Keep at most ``limit`` child elements; the others go from the "top" or the "bottom" edge.

        A name set up by djust's ``self.stream`` keeps djust's stream_prune.
        """
        if self._is_collection(stream_name):
            super().stream_prune(stream_name, limit, edge)
            return FINISHED
        if isinstance(limit, bool) or not isinstance(limit, int):
            raise TypeError(f"limit is a number of elements, not {limit!r}")
        if not 0 <= limit < 2**31:
            raise ValueError(f"limit lies between 0 and {2**31 - 1:,}, not {limit!r}")
        if edge not in ops.PRUNE_EDGES:
            raise ValueError(f'edge is "top" or "bottom", not {edge!r}')
        return self._push(stream_name, ops.PRUNE, edge, target, limit)

    async def push_state(self) -> None:
        """Render the view again, now, after everything streamed so far (djust only)."""
        render = getattr(super(), "push_state", None)
        if render is None:
            raise RuntimeError(
                "push_state() renders a djust LiveView again, and this has no template: "
                "stream_to(name, html=…) replaces an element, send_json(…) sends a message of your own"
            )
        streams = self._connected()
        if streams is None or streams.away:
            return
        await streams.flush()
        lock = getattr(self._djust_consumer, "_render_lock", None)
        if lock is None or not self._in_own_task():
            await render()  # a handler of djust's runs with the lock held
            return
        async with lock:
            await render()

    # -- streams that run by themselves ---------------------------------------------------------

    @markcoroutinefunction
    def start_stream(
        self,
        stream_name: str,
        coroutine_function: Callable[..., Coroutine[Any, Any, Any]],
        *args: Any,
        **kwargs: Any,
    ) -> Awaitable[None]:
        """Run ``coroutine_function(*args, **kwargs)`` as this stream, beside the handler.

        The stream starts, runs and is done at the function's return. An exception ends it with
        ``stream_error_message``; what it has shown stays, and the log has the rest. ``stop_stream``
        and the end of the connection cancel it. A name that still runs is stopped first.
        Returns at once (awaited or not): a handler that streams by itself keeps its connection from
        reading anything else, the click on Stop included.
        Raises TypeError when there is nothing to run.
        """
        if not inspect.iscoroutinefunction(coroutine_function):
            if inspect.iscoroutine(coroutine_function):
                coroutine_function.close()
            raise TypeError(
                f"start_stream runs a coroutine function, not {coroutine_function!r}: pass the function "
                "and its arguments, start_stream(name, self.answer, prompt)"
            )
        ops.check_name(stream_name)
        streams = self._connected()
        if streams is None:
            return FINISHED
        body = coroutine_function(*args, **kwargs)
        self._djust_again = _remember(self._djust_again, stream_name, (coroutine_function, args, kwargs))
        self._in_home_loop(self._begin_task, stream_name, body)
        return FINISHED

    @markcoroutinefunction
    def stop_stream(self, stream_name: str) -> Awaitable[None]:
        """Stop what start_stream or stream_from runs: the page keeps the text and is told "stopped", the task
        is cancelled, the connection to the provider closed.

        Awaited, it returns when the page has been told. Nothing runs under the name: nothing happens.
        """
        ops.check_name(stream_name)
        streams = self._connected()
        if streams is None:
            return FINISHED
        self._in_home_loop(self._stop_task, stream_name)
        stream = streams.get(stream_name)
        return FINISHED if stream is None else stream.sent()

    def stream_error_message(self, stream_name: str, error: Exception) -> str:
        """What a reader sees when the coroutine of start_stream raises; override it for your own words.

        An exception's text may hold a key or a path: it is for the log. A SourceError has words for a reader.
        """
        message: str = error.message if isinstance(error, SourceError) else conf.get("ERROR_MESSAGE")
        return message

    # -- answers of models ------------------------------------------------------------------------

    async def stream_from(
        self,
        stream_name: str,
        source: Any,
        *,
        markdown: bool = True,
        smooth: str | None = None,
        on_chunk: Callable[[Any], Any] | None = None,
        on_event: Callable[[Event], Any] | None = None,
        on_complete: Callable[[StreamResult], Any] | None = None,
        on_error: Callable[[SourceError], Any] | None = None,
        on_end: Callable[[StreamResult], Any] | None = None,
        timeout_s: float | None = None,
        first_token_timeout_s: float | None = None,
        idle_timeout_s: float | None = None,
        prompt: Any = None,
        budget: Budget | None = None,
    ) -> StreamResult:
        """Show what a model answers, from its first token to its end; what is done about errors, too.

        source: what a provider's SDK returns for a stream, sync or async, also before it is awaited or
        entered; an iterator of str; a response of httpx; or a function that makes one of these, which
        ``stream_retry`` needs (in a coroutine of start_stream it does not). It is closed at the end.
        markdown: False shows plain text.
        smooth: "word" or "grapheme" shows text that comes in bursts evenly, at most SMOOTH_MAX_LAG_S after it
        came; "off" as it comes; None: as the setting SMOOTH says. Law: sources/pace.py.
        on_chunk(chunk), on_event(event): before it is shown; an on_event that returns False keeps its event
        off the page. on_complete(result): ended or stopped. on_error(error). on_end(result): always; a
        Conversation's ``answering()`` is one. All may be coroutine functions.
        timeout_s: for the whole answer; first_token_timeout_s; idle_timeout_s: between two chunks.
        prompt: what the model is sent, text or messages: estimated where the provider tells no usage.
        budget: the limits to keep to; None: ``stream_budget``'s.

        Returns the StreamResult. When the source fails, ``result.error`` is a SourceError, the page keeps the
        text and shows a message, the log has the rest; nothing is raised. In a coroutine of start_stream with
        the same name the stream goes on after a good end, also with the next stream_from, whose parts follow
        (the model's next turn, after a tool); elsewhere it is started and done here.
        Raises what a callback raises, and as stream_markdown. Law: sources/run.py. Parts: answer.py.
        """
        streams = self._djust_streams if isinstance(stream_name, str) else None
        ops.check_name(stream_name)
        within = (self._djust_tasks or {}).get(stream_name) is asyncio.current_task()
        answer = _answer(self, stream_name, markdown, within)
        smoother = _smoother(answer, smooth)
        options: dict[str, Any] = {
            **{"on_chunk": on_chunk, "on_complete": on_complete, "on_error": on_error, "on_end": on_end},
            **{"timeout_s": timeout_s, "first_token_timeout_s": first_token_timeout_s},
            **{"idle_timeout_s": idle_timeout_s, "prompt": prompt},
            "budget": self.stream_budget(stream_name) if budget is None else budget,
        }
        shown = {
            "on_event": _shown(smoother or answer, on_event, lambda: run.interrupted),
            "on_end": _at_end(smoother, on_end),
        }
        run = Run(source, **{**options, **shown})
        if streams is None or streams.reader.closed:
            run.stop("cancelled")  # nobody reads: nothing is asked for
            return await run.finish()
        if not within:
            if callable(source):
                options |= {"markdown": markdown, "smooth": smooth, "on_event": on_event}
                again = (self.stream_from, (stream_name, source), options)
                self._djust_again = _remember(self._djust_again, stream_name, again)
            self._stop_task(stream_name)
            streams.open(stream_name).push(ops.START)
        if self._djust_runs is None:
            self._djust_runs = {}
        self._djust_runs[stream_name] = run
        if smoother is not None:
            run.flush = smoother.flush_quietly
        self._djust_results = _remember(self._djust_results, stream_name, run.result)
        try:
            result = await run.finish(_running if self._in_own_task() else None)
        except Exception as error:
            run.flush()
            if not within and self._djust_runs.get(stream_name) is run:
                await self._show_failure(streams, stream_name, error)
            raise
        finally:
            current = self._djust_runs.get(stream_name) is run
            if current:
                del self._djust_runs[stream_name]
        if result.error is not None:
            _log_failure(stream_name, result.error)
            if current:
                await self._show_failure(streams, stream_name, result.error)
        elif current and not within:
            await self._end_open(streams, stream_name, ops.DONE, "stopped" if result.stopped else "")
        return result

    def stream_result(self, stream_name: str) -> StreamResult | None:
        """What the last stream_from under that name has brought, so far or in all; also of a stopped one."""
        return (self._djust_results or {}).get(stream_name)

    @markcoroutinefunction
    def stream_retry(self, stream_name: str) -> Awaitable[None]:
        """Run the stream again, as start_stream does: what it ran last, with the same arguments.

        Raises LookupError when there is nothing to run again: neither start_stream nor a stream_from whose
        source is a function has run under that name.
        """
        again = (self._djust_again or {}).get(stream_name)
        if again is None:
            raise LookupError(
                f"nothing to run again as {stream_name!r}: an iterator can be read once, so pass "
                "start_stream a coroutine function, or stream_from a function that makes the source"
            )
        function, args, kwargs = again
        return self.start_stream(stream_name, function, *args, **kwargs)

    def stream_may_retry(self, stream_name: str) -> bool:
        """May the page have the stream run again? Called before an error offers it, and when a page asks.

        By default, what has asked a model by stream_from: another coroutine may have done what must not be
        done twice. Override it to allow more, or less.
        """
        return stream_name in (self._djust_again or {}) and self.stream_result(stream_name) is not None

    def stream_user(self) -> str:
        """Whose budget an answer counts for: the user who is logged in, else the address they come from.

        Override it where you know better: an API key, an organisation.
        """
        scope = getattr(self._djust_consumer, "scope", None) or {}
        request = getattr(self, "request", None)
        user = scope.get("user") or getattr(request, "user", None)
        if getattr(user, "is_authenticated", False):
            return f"user:{user.pk}"  # type: ignore[union-attr]
        client = scope.get("client") or [getattr(request, "META", {}).get("REMOTE_ADDR")]
        return f"address:{client[0] or 'unknown'}"

    def stream_budget(self, stream_name: str) -> Budget | None:
        """What an answer may use: what the settings USER_… allow ``stream_user()``; None: anything.

        Override it for other limits: ``return Budget(self.stream_user(), tokens="2_000_000/day")``.
        """
        limited = conf.get("USER_STREAMS") or conf.get("USER_ANSWERS") or conf.get("USER_TOKENS")
        return Budget(self.stream_user()) if limited else None

    async def _end_open(self, streams: Streams, name: str, op: int, text: str, number: int = 0) -> None:
        stream = None if streams.reader.closed else streams.get(name)
        if stream is not None and stream.ended is None:
            await streams.end(stream, op, text, "", number)

    async def _show_failure(self, streams: Streams, name: str, error: Exception) -> None:
        message, again = self.stream_error_message(name, error), self._retry_number(name, error)
        await self._end_open(streams, name, ops.ERROR, message, again)

    def _retry_number(self, name: str, error: Exception) -> int:
        """What the error's op says of a retry: 0, or 1 + the seconds to wait."""
        if isinstance(error, SourceError) and error.retryable and self.stream_may_retry(name):
            return 1 + math.ceil(min(max(error.retry_after_s or 0, 0), _LAST_RETRY_S))
        return 0

    def _begin_task(self, name: str, body: Coroutine[Any, Any, Any]) -> None:
        streams = self._connected()
        if streams is None:
            body.close()
            return
        self._stop_task(name)
        streams.open(name).push(ops.START)  # here: what the caller pushes next comes after it
        if self._djust_tasks is None:
            self._djust_tasks = {}
        task = asyncio.get_running_loop().create_task(self._run(name, body), name=f"stream {name}")
        self._djust_tasks[name] = task
        _running.add(task)
        task.add_done_callback(lambda task: self._forget_task(name, task, body))

    def _forget_task(self, name: str, task: asyncio.Task[None], body: Coroutine[Any, Any, Any]) -> None:
        body.close()  # cancelled before its first step, it would never be awaited
        _running.discard(task)
        tasks = self._djust_tasks
        if tasks is not None and tasks.get(name) is task:
            del tasks[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("stream %r", name, exc_info=error)

    async def _run(self, name: str, body: Coroutine[Any, Any, Any]) -> None:
        """What start_stream's task does."""
        streams = self._djust_streams
        if streams is None:
            return
        try:
            await body
        except asyncio.CancelledError:
            if (self._djust_tasks or {}).get(name) is not asyncio.current_task():  # stopped
                await self._show_state(streams)
            raise
        except Exception as error:
            stream = self._unfinished(name, streams)
            if stream is not None:
                log.exception("stream %r failed: its reader sees a message, the text so far stays", name)
                message = self.stream_error_message(name, error)
                await streams.end(stream, ops.ERROR, message, "", self._retry_number(name, error))
            elif not isinstance(error, StreamClosedError):
                log.exception("stream %r failed after its end", name)
        else:
            stream = self._unfinished(name, streams)
            if stream is not None:
                await streams.end(stream, ops.DONE)
        await self._show_state(streams)

    def _unfinished(self, name: str, streams: Streams) -> Stream | None:
        """The stream the running task is to end: it is open, and nobody has stopped or replaced the task."""
        stream = None if streams.reader.closed else streams.get(name)
        if stream is None or stream.ended is not None:
            return None
        return stream if (self._djust_tasks or {}).get(name) is asyncio.current_task() else None

    async def _show_state(self, streams: Streams) -> None:
        """Render what the coroutine has set on a LiveView, as djust does after start_async."""
        if hasattr(super(), "push_state") and streams is self._djust_streams and not streams.reader.closed:
            await self.push_state()

    def _stop_task(self, name: str) -> None:
        task = None if self._djust_tasks is None else self._djust_tasks.pop(name, None)
        run = None if self._djust_runs is None else self._djust_runs.pop(name, None)
        if task is None and run is None:
            return
        streams = self._djust_streams
        stream = None if streams is None else streams.get(name)
        if streams is not None and stream is not None and stream.ended is None:
            if run is not None:
                run.flush()
            streams.end(stream, ops.DONE, "stopped")
        if run is not None:
            _stop(run, "stopped")
        if task is not None:
            _cancel(task)

    def _in_own_task(self) -> bool:
        """Is the caller a coroutine that start_stream runs?"""
        return asyncio.current_task() in _running

    def _in_home_loop(self, call: Callable[..., None], *args: Any) -> None:
        """Call it in the connection's loop: now from there, soon from another thread, which waits for it."""
        streams = self._djust_streams
        home = None if streams is None else streams.reader.loop
        running = asyncio._get_running_loop()
        if home is None or home is running or home.is_closed():
            if running is None:
                raise RuntimeError("start_stream and stop_stream need the connection's event loop")
            call(*args)
        else:
            called = threading.Event()

            def here() -> None:
                try:
                    call(*args)
                finally:
                    called.set()

            home.call_soon_threadsafe(here, context=_context_of_a_task())
            if running is None:  # a thread, and what it does next is to find the stream begun
                called.wait(_STUCK_S)

    # -- inside ---------------------------------------------------------------------------------

    def _connected(self) -> Streams | None:
        """The streams of the connection, or None without one."""
        streams = self._djust_streams
        if streams is None:
            log.debug("%s has no WebSocket (yet): what it streams goes nowhere", type(self).__name__)
            return None
        return None if streams.reader.closed else streams

    def _stream(self, name: str) -> Stream | None:
        """The stream of that name, opened without a start when it is new."""
        if name.__class__ is not str:
            ops.check_name(name)
        streams = self._djust_streams
        stream = None if streams is None else streams.get(name)
        if stream is None:
            ops.check_name(name)
            streams = self._connected()
            if streams is not None:
                stream = streams.open(name)
        return stream

    def _push(self, name: str, op: int, text: str, target: str | None, number: int = 0) -> Awaitable[None]:
        place = _as_target(target)
        stream = self._stream(name)
        if stream is None:
            # A loop that only streams must not keep the event loop for itself, connected or not.
            return TURN
        return stream.push(op, text, place, number)

    def _end(self, name: str, op: int, text: str, target: str | None) -> Awaitable[None]:
        place = _as_target(target)
        stream = self._stream(name)
        streams = self._djust_streams
        if stream is None or streams is None:
            return FINISHED
        if stream.ended is not None and (op == ops.DONE or stream.ended == "error"):
            return FINISHED
        return streams.end(stream, op, text, place)

    async def _stream_template(self, name: str, target: str | None) -> None:
        render = getattr(self, "_render_stream_fragment", None)
        if render is None:
            raise TypeError(f"stream_to({name!r}) needs html=…: there is no template to render it from")
        if self._connected() is None:
            return
        html = await render(name, target)
        normalize = getattr(self, "_normalize_stream_html", None)
        await self._push(name, ops.REPLACE, html if normalize is None else normalize(html), target)

    def _is_collection(self, name: str) -> bool:
        """Has djust's ``self.stream(name, items)`` set the name up? Three methods have one name."""
        return isinstance(name, str) and name in getattr(self, "_streams", ())

    # -- where djust tells a view that its page is gone ---------------------------------------------

    def _cancel_all_waiters(self, reason: str = "view_unmount") -> None:
        self.stream_detach()
        parent = getattr(super(), "_cancel_all_waiters", None)
        if parent is not None:
            parent(reason)

    def _cleanup_uploads(self) -> None:
        self.stream_detach()
        parent = getattr(super(), "_cleanup_uploads", None)
        if parent is not None:
            parent()

    def _cleanup_on_unregister(self) -> None:
        self.stream_detach()
        parent = getattr(super(), "_cleanup_on_unregister", None)
        if parent is not None:
            parent()


def _as_text(value: object, what: str, also: str = "") -> str:
    """A str from what stands for one: lazy translations and objects with ``__html__`` for html."""
    if isinstance(value, str):
        return value
    if isinstance(value, Promise):
        return str(value)
    if what == "html" and hasattr(value, "__html__"):
        return str(value.__html__())
    hint = ": decode it first" if isinstance(value, bytes | bytearray) else f": convert it, str({what})"
    raise TypeError(f"{what} is a str{also}, not {value!r:.80}{hint}")


def _as_target(value: object, what: str = "target") -> str:
    """A selector; "" for the root element where there is one to default to."""
    if value is None and what == "target":
        return ""
    if not isinstance(value, str):
        raise TypeError(f'{what} is a CSS selector as a str, not {value!r:.80}: for example "#reply"')
    if "\0" in value or (not value and what != "target"):
        raise ValueError(f"{what} is a CSS selector, not {value!r:.80}")
    return value


def _log_failure(name: str, error: SourceError) -> None:
    if isinstance(error, BudgetError):
        log.info("stream %r: %s", name, error)  # nothing has gone wrong
    else:
        log.error("stream %r: %s", name, error.log_text)


def _remember(kept: dict[str, Any] | None, name: str, value: Any) -> dict[str, Any]:
    """Keep it, as the newest of the last names."""
    kept = {} if kept is None else kept
    kept.pop(name, None)
    kept[name] = value
    if len(kept) > _REMEMBERED:
        del kept[next(iter(kept))]
    return kept


def _answer(page: Any, name: str, markdown: bool, within: bool) -> Answer:
    """What shows an answer; within a coroutine of start_stream the next source goes on with it."""
    task = asyncio.current_task() if within else None
    answer = None if task is None else _answers.get(task)
    if answer is None:
        answer = Answer(page, name, markdown)
        if task is not None:
            _answers[task] = answer
    else:
        answer.go_on(markdown)
    return answer


def _shown(
    answer: Answer | Smoother, on_event: Callable[[Event], Any] | None, over: Callable[[], bool]
) -> Callable[[Event], Awaitable[Any] | None]:
    """What shows an event, once on_event has agreed, and has not stopped the run."""
    if on_event is None:
        return answer.show

    async def show(event: Event) -> None:
        if isinstance(answer, Smoother) and (pushed := answer.make_way(event)) is not None:
            await pushed
        agreed = on_event(event)
        if (await agreed if inspect.isawaitable(agreed) else agreed) is False or over():
            return
        if (pushed := answer.show(event)) is not None:
            await pushed

    return show


def _smoother(answer: Answer, smooth: str | None) -> Smoother | None:
    """What paces the answer, if anything does."""
    unit = conf.get("SMOOTH") if smooth is None else smooth
    if unit is None or unit == "off":
        return None
    if unit not in ("word", "grapheme"):
        raise ValueError(f'smooth is "word", "grapheme", "off" or None, not {smooth!r}')
    return Smoother(answer.show, unit, conf.get("SMOOTH_MAX_LAG_S"), conf.limits().interval_s)


def _at_end(
    smoother: Smoother | None, on_end: Callable[[StreamResult], Any] | None
) -> Callable[[StreamResult], Any] | None:
    """What is done when the answer has ended: what is paced is shown first."""
    if smoother is None:
        return on_end

    async def end(result: StreamResult) -> None:
        await smoother.end(result)
        if on_end is not None and inspect.isawaitable(ended := on_end(result)):
            await ended

    return end


def _context_of_a_task() -> Context:
    """The caller's context, for a task in the loop that is to outlive the thread of a synchronous handler.

    asgiref marks such a thread's context: sync_to_async would refuse, lest it wait for its own thread.
    """
    context = copy_context()
    context.run(SyncToAsync.deadlock_context.set, False)
    return context


def _stop(run: Run, reason: str) -> None:
    """End a run, from any thread."""
    loop = run.loop
    if loop is None or loop is asyncio._get_running_loop():
        run.stop(reason)
    elif not loop.is_closed():
        loop.call_soon_threadsafe(run.stop, reason)


def _cancel(task: asyncio.Task[None]) -> None:
    """Cancel, from any thread."""
    loop = task.get_loop()
    if loop is asyncio._get_running_loop():
        task.cancel()
    elif not loop.is_closed():
        loop.call_soon_threadsafe(task.cancel)
