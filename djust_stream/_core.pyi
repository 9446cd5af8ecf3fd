"""The C core: the op batcher, the streaming Markdown engine, HTML fragments."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, Literal, TypeAlias, TypeVar

from django.utils.safestring import SafeString
from typing_extensions import Unpack

from .markdown import MarkdownOptions

FORM_DJUST: Final[int]
"""The form that djust's stock client applies (tests/spec/wire.md)."""
FORM_COMPACT: Final[int]
"""The form that djust-stream.js asks for."""
FORM_COMPACT_TYPED: Final[int]
"""The compact form with the ``"type":"stream"`` by which djust's client routes a message."""

OPS: Final[dict[str, int]]
"""What Batch.push takes: start, text, text_append, text_replace, text_prepend, append, prepend, replace,
delete, prune, error, done."""

MARKDOWN_OPTIONS: Final[tuple[str, ...]]
"""The names in djust_stream.MarkdownOptions."""

Edit: TypeAlias = (
    tuple[Literal["grow"], int, str]
    | tuple[Literal["cut"], int, int, int]
    | tuple[Literal["loose"], int, int]
    | tuple[Literal["head"], int, str]
    | tuple[Literal["patch"], tuple[int, ...], str]
    | tuple[Literal["fill"], str]
)
"""One change to a page that shows Markdown; tests/spec/wire.md says what each does. int: a depth, except the
last two of cut (nodes, UTF-16 units) and the last of loose (0 or 1)."""

class Batch:
    """What waits for the next frame of one stream, merged as csrc/core/batch.c says.

    target: CSS selector of the stream's root element. epoch: which of the streams of that name it is; every
        frame says so.
    """

    def __new__(cls, name: str, target: str, epoch: str = "", /) -> Batch: ...
    def push(self, op: int, text: str = "", target: str = "", number: int = 0, /) -> int:
        """Add an op; returns how many bytes wait. target "": the root. Lone surrogates become U+FFFD.
        number: the limit of prune; of error 1 + the seconds until a retry, 0: none is offered.

        Raises TypeError, ValueError (no such op or edge), OverflowError (1 GiB waits).
        """

    def encode(self, seq: int, form: int, /) -> str:
        """What waits, as the message of frame seq.

        Raises ValueError for an edit that the djust form cannot say.
        """

    def quick(self, until: Deadline | None, below: int, /) -> None:
        """Until then and while fewer bytes wait, TextMethod pushes by itself; None, 0: not."""

    def absorb(self, more: Batch, /) -> int:
        """Add what waits in another batch of the same stream, which stays as it is; returns how many bytes
        wait.

        Raises OverflowError (1 GiB waits): this batch is of no use then.
        """

    def clear(self, /) -> None: ...
    @property
    def pending_bytes(self) -> int: ...
    @property
    def pending_ops(self) -> int: ...
    @property
    def merged_ops(self) -> int: ...
    @property
    def pushes(self) -> int:
        """How many ops were pushed in all."""

    def __bool__(self) -> bool: ...

class FrameLog:
    """The newest frames of one stream: the last one, however large, and most_bytes at most of those before.

    Raises ValueError for most_bytes that are not from 0 to 1 GiB.
    """

    def __new__(cls, most_bytes: int, /) -> FrameLog: ...
    def append(self, seq: int, frame: str, /) -> None:
        """Frame seq. When it is not the last one's plus 1, those before are gone; without memory it, too.

        Raises ValueError for a seq that is not above the last one's.
        """

    def after(self, seq: int, /) -> list[str] | None:
        """The frames after seq; None when the first of them is gone. Raises MemoryError."""

    @property
    def first(self) -> int:
        """seq of the oldest frame that is here; of the next, when none is."""

    @property
    def last(self) -> int:
        """seq of the newest frame; one below the first, when none is here."""

def frame_counts() -> tuple[int, int, int]:
    """What all batches have encoded: how many frames, their bytes, the ops that were merged away."""

class Deadline:
    """A time that the batches of one clock look at."""

    at: float
    """By time.monotonic; 0.0 at first, which is past."""

class BatchOwner:
    """The base of Stream: has its batch where TextMethod finds it."""

    _batch: Batch

def websocket_message(text: str, /) -> bytes:
    """A str as one WebSocket text frame of a server (RFC 6455, 5.2)."""

FINISHED: Final[Coroutine[Any, Any, None]]
"""An awaitable that has already happened; shared, so that a push allocates nothing."""
TURN: Final[Coroutine[Any, Any, None]]
"""The same, after the event loop has had a turn. Nobody misses it who does not await it."""

_Method = TypeVar("_Method", bound=Callable[..., Any])

def TextMethod(function: _Method, /) -> _Method:
    """The method stream_text: what only queues is done in C, everything else by the function.

    Law: csrc/py/text_method.c.
    """

class MarkdownStream:
    """Streaming Markdown: text in, edits out.

    stream = MarkdownStream()
    stream.feed("Some **bo")
    stream.edits()         # [("grow", 0, '<p dir="auto">Some <strong>bo</strong></p>')]
    stream.feed("ld** text")
    stream.edits()         # [("grow", 2, "ld"), ("grow", 1, " text")]

    The law: applied one after the other, the edits end in the DOM of ``render_markdown`` of the whole text,
    wherever it was cut; nothing that has settled is touched again, but for a list that turns loose and a
    label that is defined late.

    options: see djust_stream.MarkdownOptions. An unknown name is a TypeError, an unknown value a ValueError.
    max_bytes: of source; more, and feed raises OverflowError.
    fill: only grow and fill edits, for clients that know no other; keeps the source.
    """

    def __new__(
        cls,
        *,
        max_bytes: int = 16777216,
        fill: bool = False,
        **options: Unpack[MarkdownOptions],
    ) -> MarkdownStream: ...
    def feed(self, text: str | bytes, /) -> None:
        """Append text: str, or bytes of UTF-8 that may be cut inside a character. Buffers only.

        Raises TypeError, OverflowError past max_bytes, ValueError after finish().
        """

    def edits(self, /) -> list[Edit]:
        """What changed on the page since the last call: one frame. Raises MemoryError."""

    def finish(self, /) -> list[Edit]:
        """The end of the text: the last edits. Called again, nothing."""

    def flush(self, batch: Batch, target: str, final: bool, /) -> int:
        """Push what edits() or, if final, finish() would return into a Batch; returns how many bytes wait."""

    @property
    def pending_bytes(self) -> int: ...

def render(
    text: str | bytes,
    /,
    *,
    partial: bool = False,
    max_bytes: int = 16777216,
    **options: Unpack[MarkdownOptions],
) -> str:
    """Markdown to safe HTML, all at once; see djust_stream.render_markdown."""

def escape(value: object, /) -> SafeString:
    """Text to HTML: & < > " ' become entities, spelled as Django spells them.

    escape("1 < 2")            # 1 &lt; 2
    escape(escape("1 < 2"))    # 1 &lt; 2

    value: a str; or anything with ``__html__``, which is HTML and stays as it is; or anything else, as
        ``str(value)``. A lazy string is evaluated.
    """

class Fragment:
    """A piece of HTML with holes that no value can leave; compiled once, called with values.

    row = Fragment('<li class="{kind}"><a href="{url}">{text}</a></li>')
    row(kind="new", url="/a?b&c", text="1 < 2")
    # <li class="new"><a href="/a?b&amp;c">1 &lt; 2</a></li>

    template: elements that are closed, holes ``{name}`` in text and in quoted attributes; ``{{`` and ``}}``
        are braces. The same name may come twice.
    Raises ValueError for a template with a hole where escaping is not enough, with line, column and reason.
    Law: csrc/core/fragment.c. More: docs/fragments.md.
    """

    def __new__(cls, template: str, /) -> Fragment: ...
    def __call__(self, *values: object, **named: object) -> SafeString:
        """The HTML, with values by name or in the order of the holes.

        A value with ``__html__`` stays HTML in text and is escaped in an attribute; anything else is escaped
        as ``str(value)``. An address that is not http, https, mailto or relative becomes ``#``, or empty
        where it is not a link's.
        Raises TypeError that names the hole that is missing or unknown and those there are; whatever the
        ``__html__`` or ``__str__`` of a value raises.
        """

    def join(self, rows: Iterable[dict[str, Any] | tuple[object, ...]], /) -> SafeString:
        """Many rows in one call: dicts by name, or tuples in the order of the holes.

        Raises TypeError that names the row and what is missing or too much in it.
        """

    @property
    def template(self) -> str: ...
    @property
    def names(self) -> tuple[str, ...]:
        """The names of the holes, in the order in which they first appear."""

def cut_fragment(strings: tuple[str, ...], names: tuple[str, ...], /) -> Fragment:
    """The Fragment of a template string; see djust_stream.html."""
