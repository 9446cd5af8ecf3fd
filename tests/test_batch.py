"""The op batcher and its frames, held to tests/oracle.py.

The law: the page after a batch's frame is the page after each op alone, in both wire forms and for
every ``dj-stream-mode``; wherever frames are cut.
"""

from __future__ import annotations

import gc
import inspect
import json
import re
import sys
import threading
from typing import Any

import pytest
from dom import Dom
from hypothesis import example, given
from hypothesis import strategies as st
from oracle import Element, Op, Page, expand, merge, spoken

from djust_stream._core import FORM_COMPACT, FORM_COMPACT_TYPED, FORM_DJUST, OPS, Batch, MarkdownStream

ROOT = "[dj-stream='s']"
TARGETS = ["", "#a", "#x", "#a:empty", "#nowhere", ROOT]
HTML = ["", "one", "<b></b>", "<b id=x></b>", "two<b></b><b id=a></b>"]
MODES = [None, "append", "replace", "prepend"]

texts = st.text(st.sampled_from('abé漢😀"\\\n\0\ud83d\udc00'), max_size=4)


def op_strategy() -> st.SearchStrategy[Op]:
    targets = st.sampled_from(TARGETS)
    text = st.sampled_from(["text", "text_append", "text_replace", "text_prepend"])
    return st.one_of(
        st.builds(Op, text, texts, targets),
        st.builds(Op, text, texts, st.just("")),
        st.builds(Op, st.sampled_from(["replace", "append", "prepend"]), st.sampled_from(HTML), targets),
        st.builds(Op, st.sampled_from(["start", "delete"]), st.just(""), targets),
        st.builds(Op, st.just("prune"), st.sampled_from(["", "top", "bottom"]), targets, st.integers(0, 3)),
        st.builds(Op, st.just("error"), texts, targets, st.integers(0, 3)),
        st.builds(Op, st.just("done"), st.sampled_from(["", "stopped"]), targets),
    )


programs = st.lists(op_strategy(), max_size=30)


def clean(op: Op) -> Op:
    """The op as a batch understands it: no lone surrogate, and the root by one name."""
    target = "" if op.target == ROOT else op.target
    return Op(op.name, re.sub("[\ud800-\udfff]", "\ufffd", op.text), target, op.number)


def push(batch: Batch, *ops: Op) -> None:
    for op in ops:
        batch.push(OPS[op.name], op.text, op.target, op.number)


def frame(batch: Batch, form: int, seq: int = 1) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(batch.encode(seq, form))
    return value


def page(mode: str | None) -> Page:
    return Page(ROOT, Element("root", mode), Element("a", mode, nodes=["old", Element("x", mode)]))


# ---- The law ------------------------------------------------------------------------------------


@given(programs, st.sampled_from(MODES), st.integers(1, 31))
@example([Op("text", "a"), Op("text", "b")], "prepend", 31)
@example([Op("text", "a"), Op("replace", "one")], None, 31)
@example([Op("replace", "", "#a"), *[Op("text_append", "a", "#a:empty")] * 2], None, 31)
@example([Op("replace", "<b id=x></b>", "#a"), Op("text", "a", "#x"), Op("replace", "", "#a")], None, 31)
@example([Op("error", "e"), Op("text", "a"), Op("error", "e"), Op("done")], None, 31)
def test_a_frame_leaves_the_page_that_each_op_alone_does(
    ops: list[Op], mode: str | None, per_frame: int
) -> None:
    alone, compact = page(mode), page(mode)
    alone_djust, djust = page(mode), page(mode)
    for op in map(clean, ops):
        said = spoken(op, ROOT)
        alone.apply(said)
        alone_djust.apply([{"mode": "append"} | one for one in said])  # the djust form names a mode always
    batch = Batch("s", ROOT)
    for start in range(0, len(ops), per_frame):
        push(batch, *ops[start : start + per_frame])
        djust.apply(frame(batch, FORM_DJUST)["ops"])
        compact.apply(expand(frame(batch, FORM_COMPACT)["o"], ROOT))
        batch.clear()
    assert compact.state() == alone.state()
    assert djust.state() == alone_djust.state()


@given(programs)
def test_a_batch_merges_as_the_oracle_does(ops: list[Op]) -> None:
    batch = Batch("s", ROOT)
    push(batch, *ops)
    merged = merge(map(clean, ops))
    said = [one for op in merged for one in spoken(op, ROOT)]
    assert expand(frame(batch, FORM_COMPACT)["o"], ROOT) == said
    assert batch.pending_ops == len(merged)
    assert batch.merged_ops == len(ops) - len(merged)
    assert bool(batch) == bool(ops)


@given(programs)
def test_the_oracle_keeps_the_law_itself(ops: list[Op]) -> None:
    for mode in MODES:
        merged = [one for op in merge(ops) for one in spoken(op, ROOT)]
        alone = [one for op in ops for one in spoken(op, ROOT)]
        assert page(mode).apply(merged).state() == page(mode).apply(alone).state()


@given(st.lists(texts), st.sampled_from(["text", "text_append", "text_prepend"]))
def test_no_text_is_lost(pieces: list[str], name: str) -> None:
    batch = Batch("s", ROOT)
    for piece in pieces:
        batch.push(OPS[name], piece)
    sent = [op["text"] for op in frame(batch, FORM_DJUST)["ops"]]
    pushed = pieces[::-1] if name == "text_prepend" else pieces
    assert "".join(sent) == "".join(clean(Op(name, piece)).text for piece in pushed)
    assert batch.pending_ops == min(1, len(pieces))


def test_a_lone_surrogate_stays_alone() -> None:
    """Two halves in two calls: each is U+FFFD, as UTF-8 cannot hold a half."""
    batch = Batch("s", ROOT)
    push(batch, Op("text_append", "\ud83d"), Op("text_append", "\ude00"), Op("text_append", "😀"))
    assert frame(batch, FORM_COMPACT)["o"] == [["ta", "\ufffd\ufffd😀"]]


# ---- Markdown edits, pushed in C ----------------------------------------------------------------

BLOCKS = [
    "# h",
    "\n",
    "\n\n",
    "- a",
    "* b\n",
    "1. x\n",
    "  ",
    "| a | b |\n|-|-|\n",
    "```py\n",
    "```\n",
    "> q\n",
    "- [ ] t\n",
]
INLINES = ["**bo", "ld**", "`c", "`", "[l]", "[l]: /u\n", "<", "&amp;", "a & b", "é漢😀", "word "]
markdown = st.lists(st.sampled_from(BLOCKS) | st.sampled_from(INLINES), max_size=20)
EDITS = {"x": "cut", "l": "loose", "h": "head", "@": "patch", "r": "fill"}


def edits_of(compact: list[list[Any]]) -> list[tuple[Any, ...]]:
    """The ops of a frame as MarkdownStream.edits() has them."""
    named = [["grow", *op] if isinstance(op[0], int) else [EDITS[op[0]], *op[1:]] for op in compact]
    return [tuple(tuple(value) if isinstance(value, list) else value for value in op) for op in named]


@given(markdown, st.integers(1, 5))
def test_edits_in_a_frame_are_the_engine_s(chunks: list[str], per_frame: int) -> None:
    plain, flushed = MarkdownStream(), MarkdownStream()
    one_by_one, framed = Dom(), Dom()
    batch = Batch("s", ROOT)
    for i, chunk in enumerate([*chunks, ""], 1):
        final = i > len(chunks)
        plain.feed(chunk)
        flushed.feed(chunk)
        one_by_one.apply(plain.finish() if final else plain.edits())
        assert flushed.flush(batch, "", final) == batch.pending_bytes
        if final or i % per_frame == 0:
            framed.apply(edits_of(frame(batch, FORM_COMPACT)["o"]))
            batch.clear()
    assert framed.html() == one_by_one.html()


@given(markdown)
def test_a_filling_stream_can_be_said_to_djust(chunks: list[str]) -> None:
    stream, batch = MarkdownStream(fill=True), Batch("s", ROOT)
    for chunk in chunks:
        stream.feed(chunk)
        stream.flush(batch, "#a, #b", False)
    stream.flush(batch, "#a, #b", True)
    targets = {op["target"] for op in frame(batch, FORM_DJUST)["ops"]}
    assert all(re.fullmatch(r"#a, #b|:is\(#a, #b\)(>:last-child)+", target) for target in targets)


def test_an_edit_that_djust_has_no_op_for_is_refused() -> None:
    stream, batch = MarkdownStream(), Batch("s", ROOT)
    stream.feed("- a\n- b\n")
    stream.flush(batch, "", False)
    stream.feed("\n- c\n")
    stream.flush(batch, "", True)
    assert any(op[0] == "l" for op in frame(batch, FORM_COMPACT)["o"])
    with pytest.raises(ValueError, match=r"MarkdownStream\(fill=True\)"):
        batch.encode(1, FORM_DJUST)
    assert batch, "what waits is still there"


# ---- The message --------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), texts)
def test_every_name_and_text_makes_valid_json(name: str, text: str) -> None:
    batch = Batch(name, f"[dj-stream='{name}']")
    push(batch, Op("start"), Op("text", text, text), Op("error", text))
    push(batch, Op("delete", "", text), Op("replace", text, name))
    for form in (FORM_DJUST, FORM_COMPACT, FORM_COMPACT_TYPED):
        message = batch.encode(2**62, form)
        value = json.loads(message)
        assert (value.get("stream") or value["s"], value.get("seq") or value["n"]) == (name, 2**62)
        assert not re.search("[\0-\x1f\ud800-\udfff]", message)
        assert ("type" in value) == (form != FORM_COMPACT)


def test_the_two_compact_forms_differ_by_the_type_alone() -> None:
    batch = Batch("s", ROOT)
    push(batch, Op("text", "a"))
    assert batch.encode(1, FORM_COMPACT) == '{"s":"s","n":1,"o":["a"]}'
    assert batch.encode(1, FORM_COMPACT_TYPED) == '{"type":"stream","s":"s","n":1,"o":["a"]}'
    assert batch.encode(1, FORM_DJUST) == (
        '{"type":"stream","stream":"s","seq":1,"ops":'
        '[{"op":"text","target":"[dj-stream=\'s\']","text":"a","mode":"append"}]}'
    )


def test_ten_megabytes_in_one_call() -> None:
    batch = Batch("s", ROOT)
    text = 'x"\0' * (10_000_000 // 3)
    assert batch.push(OPS["text"], text) >= len(text)
    assert frame(batch, FORM_COMPACT)["o"] == [text]
    batch.clear()
    assert batch.pending_bytes == 0


# ---- Bad input: the value and the remedy ---------------------------------------------------------

TEXT = OPS["text"]


@pytest.mark.parametrize(
    ("args", "error", "told"),
    [
        ((99,), ValueError, r"op must be one of the numbers in _core\.OPS.*not 99"),
        ((-1,), ValueError, "not -1"),
        ((len(OPS),), ValueError, "op must be"),  # the engine's, from C only
        ((2**70,), ValueError, "not 1180591620717411303424"),
        (("text",), TypeError, "op must be.*not 'text'"),
        ((TEXT, 5), TypeError, r"text must be a str, not 5: convert it with str\(\) first"),
        ((TEXT, b"raw"), TypeError, "text must be a str, not b'raw': decode it first"),
        ((TEXT, None), TypeError, "text must be a str, not None"),
        ((TEXT, "a", 7), TypeError, "target must be a str, not 7"),
        ((OPS["prune"], "left"), ValueError, 'edge must be "top" or "bottom", not \'left\''),
        ((OPS["prune"], "top", "", -1), ValueError, "number must be an int from 0 to 2147483647, not -1"),
        ((OPS["prune"], "top", "", 2**31), ValueError, "not 2147483648"),
        ((OPS["prune"], "top", "", 1.5), TypeError, r"number must be an int.*not 1\.5"),
        ((), TypeError, "1 to 4 arguments"),
        ((TEXT, "a", "", 0, 0), TypeError, "1 to 4 arguments"),
    ],
)
def test_a_refused_push_says_why_and_changes_nothing(args: Any, error: type[Exception], told: str) -> None:
    batch = Batch("s", ROOT)
    push(batch, Op("text", "kept"))
    before = batch.encode(1, FORM_COMPACT)
    with pytest.raises(error, match=told):
        batch.push(*args)
    assert batch.encode(1, FORM_COMPACT) == before


@pytest.mark.parametrize(
    ("args", "error", "told"),
    [
        ((-1, FORM_DJUST), ValueError, "seq must be an int from 0 on, not -1"),
        (("1", FORM_DJUST), TypeError, "seq must be an int from 0 on, not '1'"),
        ((1, 9), ValueError, "form must be FORM_DJUST, FORM_COMPACT or FORM_COMPACT_TYPED, not 9"),
        ((1,), TypeError, "2 to 2 arguments"),
    ],
)
def test_a_refused_encode_says_why(args: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        Batch("s", ROOT).encode(*args)


@pytest.mark.parametrize("args", [(), ("s",), ("s", 1), (b"s", ROOT), ("s", ROOT, 1)])
def test_a_batch_takes_a_name_and_a_selector(args: Any) -> None:
    with pytest.raises(TypeError):
        Batch(*args)
    with pytest.raises(TypeError):
        Batch(name="s", target=ROOT)  # type: ignore[call-arg]


# ---- What it costs ------------------------------------------------------------------------------


def test_a_batch_is_nothing_to_the_garbage_collector() -> None:
    batch = Batch("s", ROOT)
    assert not gc.is_tracked(batch)
    assert sys.getsizeof(batch) <= 256


def test_threads_may_share_a_batch() -> None:
    batch = Batch("s", ROOT)

    def produce() -> None:
        for _ in range(2000):
            batch.push(OPS["text_append"], "ab")

    threads = [threading.Thread(target=produce) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert frame(batch, FORM_COMPACT)["o"] == [["ta", "ab" * 8000]]


def test_help_shows_signatures() -> None:
    assert str(inspect.signature(Batch.push)) == "(self, op, text='', target='', number=0, /)"
    assert str(inspect.signature(Batch.encode)) == "(self, seq, form, /)"
    assert str(inspect.signature(Batch)) == "(name, target, epoch='', /)"
