"""A server that speaks the streaming wire formats of the model providers, on 127.0.0.1.

    with ModelServer() as server:
        client = OpenAI(base_url=f"{server.url}/text/v1", api_key=KEY)   # the scenario comes first
        server.closed.wait(1)                                            # the client closed its connection

A format is a function from a scenario to the events of an answer, byte for byte as the provider sends them;
the path tells which one a request is for. Bytes go out in pieces of ``server.piece`` with a flush after each,
or of chance sizes, across events too (``server.seed``). Lines may end in CRLF (``server.crlf``), and comments
may come between events (``server.comments``; not Google's, whose SDK knows none, nor Ollama's lines).

Scenarios: text, thinking, tool; endless (one token each 10 ms); slow (the first token does not come); error
(in mid-stream); odd (an event in mid-stream that Mistral's SDK does not know); cut (the connection ends in
mid-stream); ceased (the body ends there, as if it were whole); filtered; 400, 401, 429 (retry-after: 7), 529,
and long (the prompt is too long), answered before the stream.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

KEY = "sk-test-0123456789abcdef0123456789"
WORDS = ["The", " sky", " is **bl", "ue**", " — «día»", " 天空."]
ANSWER = "".join(WORDS)
THOUGHTS = ["Why is", " it blue?"]
ARGUMENTS = ['{"city": ', '"Bern"}']
PROMPT_TOKENS, ANSWER_TOKENS = 11, 23
ENDLESS = "endless"

#: What OpenAI answers with ``stream: false``.
WHOLE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1760000000,
    "model": "test-model",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": ANSWER_TOKENS, "total_tokens": 34},
}


def dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def sse(data: Any, event: str = "", end: str = "\n") -> bytes:
    head = f"event: {event}{end}" if event else ""
    return f"{head}data: {data if isinstance(data, str) else dump(data)}{end}{end}".encode()


def words(scenario: str) -> Iterator[str]:
    if scenario == ENDLESS:
        while True:
            yield "word "
    yield from WORDS


# -- the formats -----------------------------------------------------------------------------------------


def chat(scenario: str, openrouter: bool = False) -> Iterator[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return sse(head | {"choices": [choice]} | more)

    head = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1760000000,
        "model": "test-model",
    }
    head |= {"system_fingerprint": "fp_1"}
    yield b": OPENROUTER PROCESSING\n\n" if openrouter else b": keep-alive\n\n"
    yield chunk({"role": "assistant", "content": "", "refusal": None})
    if scenario == "thinking":
        for text in THOUGHTS:
            yield chunk({"content": "", "reasoning": text} if openrouter else {"reasoning_content": text})
    for n, text in enumerate(words(scenario)):
        if scenario == "error" and n == 3:
            failed = {"message": "The server had an error", "type": "server_error", "code": None}
            if openrouter:
                failed = {"code": "server_error", "message": "Provider disconnected unexpectedly"}
                yield chunk({"content": ""}, "error", error=failed, provider="OpenAI")
            else:
                yield sse({"error": failed})
            return
        yield chunk({"content": text})
        yield b": OPENROUTER PROCESSING\n\n" if openrouter else b""
    if scenario == "tool":
        call: dict[str, Any] = {"index": 0, "id": "call_1", "type": "function"}
        yield chunk({"tool_calls": [call | {"function": {"name": "weather", "arguments": ""}}]})
        for part in ARGUMENTS:
            yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
    yield chunk({}, {"tool": "tool_calls", "filtered": "content_filter"}.get(scenario, "stop"))
    tokens = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": ANSWER_TOKENS, "total_tokens": 34}
    yield sse(head | {"choices": [], "usage": tokens})
    yield sse("[DONE]")


def mistral(scenario: str) -> Iterator[bytes]:
    def chunk(content: Any, finish: str | None = None, **more: Any) -> bytes:
        delta = {"content": content} | more.pop("delta", {})
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return sse(head | {"choices": [choice]} | more)

    head = {"id": "cmpl-1", "object": "chat.completion.chunk", "created": 1760000000, "model": "test-model"}
    yield sse(
        head
        | {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
    )
    if scenario == "thinking":
        for text in THOUGHTS:
            yield chunk([{"type": "thinking", "thinking": [{"type": "text", "text": text}]}])
    for n, text in enumerate(words(scenario)):
        if scenario == "error" and n == 3:  # the only error that the SDK's chat stream has a word for
            yield chunk("", "error")
            yield sse("[DONE]")
            return
        if scenario == "odd" and n == 3:
            failed = {"object": "error", "message": "Internal error", "code": 3000}
            yield sse(failed | {"type": "internal_server_error"})
            return
        yield chunk([{"type": "text", "text": text}] if scenario == "thinking" else text)
    call = {"id": "call_0001", "index": 0, "function": {"name": "weather", "arguments": "".join(ARGUMENTS)}}
    delta = {"tool_calls": [call]} if scenario == "tool" else {}
    tokens = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": ANSWER_TOKENS, "total_tokens": 34}
    finish = {"tool": "tool_calls", "filtered": "content_filter"}.get(scenario, "stop")
    yield chunk("", finish, delta=delta, usage=tokens)
    yield sse("[DONE]")


def responses(scenario: str) -> Iterator[bytes]:
    number = 0

    def event(kind: str, **fields: Any) -> bytes:
        nonlocal number
        number += 1
        return sse({"type": kind, "sequence_number": number - 1} | fields, kind)

    tokens = {"input_tokens": PROMPT_TOKENS, "output_tokens": ANSWER_TOKENS, "total_tokens": 34}
    tokens |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    answer = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1760000000,
        "model": "test-model",
        "output": [],
    }
    answer |= {"status": "in_progress", "error": None, "incomplete_details": None, "usage": None, "tools": []}
    answer |= {"instructions": None, "metadata": {}, "parallel_tool_calls": True, "tool_choice": "auto"}
    answer |= {"temperature": 1.0, "top_p": 1.0}
    yield event("response.created", response=answer)
    yield event("response.in_progress", response=answer)
    if scenario == "thinking":
        item = {"id": "rs_1", "type": "reasoning", "summary": []}
        yield event("response.output_item.added", output_index=0, item=item)
        for text in THOUGHTS:
            place = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
            yield event("response.reasoning_summary_text.delta", delta=text, **place)
    item = {"id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    yield event("response.output_item.added", output_index=0, item=item)
    part = {"type": "output_text", "annotations": [], "text": ""}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    yield event("response.content_part.added", part=part, **place)
    for n, text in enumerate(words(scenario)):
        if scenario == "error" and n == 3:
            yield event("error", code="server_error", message="The server had an error", param=None)
            return
        yield event("response.output_text.delta", delta=text, logprobs=[], **place)
    yield event("response.output_text.done", text=ANSWER, logprobs=[], **place)
    if scenario == "tool":
        item = {
            "id": "fc_1",
            "type": "function_call",
            "call_id": "call_1",
            "name": "weather",
            "arguments": "",
        }
        yield event("response.output_item.added", output_index=1, item=item | {"status": "in_progress"})
        for text in ARGUMENTS:
            yield event("response.function_call_arguments.delta", delta=text, item_id="fc_1", output_index=1)
    if scenario == "filtered":
        cut = answer | {
            "status": "incomplete",
            "incomplete_details": {"reason": "content_filter"},
            "usage": tokens,
        }
        yield event("response.incomplete", response=cut)
    else:
        yield event("response.completed", response=answer | {"status": "completed", "usage": tokens})


def anthropic(scenario: str) -> Iterator[bytes]:
    def event(kind: str, **fields: Any) -> bytes:
        return sse({"type": kind} | fields, kind)

    def block(index: int, start: dict[str, Any], deltas: Iterator[dict[str, Any]]) -> Iterator[bytes]:
        yield event("content_block_start", index=index, content_block=start)
        for delta in deltas:
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)

    message: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "test-model"}
    message |= {"content": [], "stop_reason": None, "stop_sequence": None}
    yield event(
        "message_start", message=message | {"usage": {"input_tokens": PROMPT_TOKENS, "output_tokens": 1}}
    )
    index = 0
    if scenario == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": text} for text in THOUGHTS]
        deltas.append({"type": "signature_delta", "signature": "c2ln"})
        yield from block(0, {"type": "thinking", "thinking": "", "signature": ""}, iter(deltas))
        index = 1
    yield event("ping")
    if scenario == "error":
        texts = [{"type": "text_delta", "text": text} for text in WORDS[:3]]
        yield from list(block(0, {"type": "text", "text": ""}, iter(texts)))[:-1]
        yield event("error", error={"type": "overloaded_error", "message": "Overloaded"})
        return
    yield from block(
        index,
        {"type": "text", "text": ""},
        ({"type": "text_delta", "text": text} for text in words(scenario)),
    )
    if scenario == "tool":
        start = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
        parts = ({"type": "input_json_delta", "partial_json": text} for text in ["", *ARGUMENTS])
        yield from block(index + 1, start, parts)
    reason = {"tool": "tool_use", "filtered": "refusal"}.get(scenario, "end_turn")
    delta = {"stop_reason": reason, "stop_sequence": None}
    yield event("message_delta", delta=delta, usage={"output_tokens": ANSWER_TOKENS})
    yield event("message_stop")


def gemini(scenario: str) -> Iterator[bytes]:
    def chunk(part: dict[str, Any], finish: str | None = None, tokens: int = 1) -> bytes:
        candidate = {"content": {"parts": [part], "role": "model"}, "index": 0}
        candidate |= {"finishReason": finish} if finish else {}
        usage = {"promptTokenCount": PROMPT_TOKENS, "candidatesTokenCount": tokens, "totalTokenCount": 12}
        answer = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "test-model"}
        return sse(answer | {"responseId": "r1"}, end="\r\n")

    if scenario == "thinking":
        for text in THOUGHTS:
            yield chunk({"text": text, "thought": True})
    for n, text in enumerate(words(scenario)):
        if scenario == "error" and n == 3:
            error = {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}
            yield sse({"error": error}, end="\r\n")
            return
        yield chunk({"text": text})
    if scenario == "tool":
        yield chunk({"functionCall": {"name": "weather", "args": {"city": "Bern"}}})
    yield chunk({"text": ""}, "SAFETY" if scenario == "filtered" else "STOP", ANSWER_TOKENS)


def ollama(scenario: str) -> Iterator[bytes]:
    def line(message: dict[str, Any], **more: Any) -> bytes:
        head = {"model": "test-model", "created_at": "2026-01-01T00:00:00.000000Z"}
        return (
            dump(head | {"message": {"role": "assistant", "content": ""} | message} | more) + "\n"
        ).encode()

    if scenario == "thinking":
        for text in THOUGHTS:
            yield line({"thinking": text}, done=False)
    for n, text in enumerate(words(scenario)):
        if scenario == "error" and n == 3:
            yield b'{"error":"an error was encountered while running the model"}\n'
            return
        yield line({"content": text}, done=False)
    if scenario == "tool":
        call = {"function": {"name": "weather", "arguments": {"city": "Bern"}}}
        yield line({"tool_calls": [call]}, done=False)
    counts = {"prompt_eval_count": PROMPT_TOKENS, "eval_count": ANSWER_TOKENS, "total_duration": 5_000_000}
    yield line({}, done_reason="stop", done=True, **counts)


#: What a request's path ends with -> the format it is answered in.
FORMATS = {
    "/openrouter/chat/completions": lambda scenario: chat(scenario, openrouter=True),
    "/mistral/v1/chat/completions": mistral,
    "/chat/completions": chat,
    "/responses": responses,
    "/messages": anthropic,
    ":streamGenerateContent": gemini,
    "/api/chat": ollama,
}


def refusal(path: str, status: int, scenario: str) -> dict[str, Any]:
    """The body of an error that comes before any stream."""
    said = {400: "Bad request", 401: f"Incorrect API key provided: {KEY}", 429: "Too many requests"}.get(
        status, "Overloaded"
    )
    if scenario == "long":
        said = "This model's maximum context length is 8192 tokens. However, your messages have 9000 tokens"
    if path.endswith("/messages"):
        said = "prompt is too long: 9000 tokens > 8192 maximum" if scenario == "long" else said
        kinds = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
        kind = kinds.get(status, "overloaded_error")
        return {"type": "error", "error": {"type": kind, "message": said}, "request_id": "req_1"}
    if path.endswith(":streamGenerateContent"):
        said = (
            "The input token count (9000) exceeds the maximum number of tokens"
            if scenario == "long"
            else said
        )
        words = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED"}
        return {"error": {"code": status, "message": said, "status": words.get(status, "UNAVAILABLE")}}
    if path.endswith("/api/chat"):
        return {"error": said}
    kinds = {401: "invalid_request_error", 429: "requests"}
    code = {401: "invalid_api_key", 429: "rate_limit_exceeded"}.get(status)
    code = "context_length_exceeded" if scenario == "long" else code
    return {
        "error": {"message": said, "type": kinds.get(status, "server_error"), "param": None, "code": code}
    }


class ModelServer:
    """In a thread, with a loop of its own: what blocks the test does not block it."""

    def __init__(self, piece: int = 1 << 20) -> None:
        self.piece = piece
        self.seed: int | None = None
        self.crlf = self.comments = False
        self.whole = False  # WHOLE instead of a stream
        self.scenario = ""  # instead of those in paths
        self.closed = threading.Event()  # the last connection was closed by the client in mid-stream
        self.closed_at = 0.0
        self.requests: list[str] = []
        self.bodies: deque[Any] = deque(maxlen=20)  # of the last requests, as JSON
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[Any]] = set()

    def __enter__(self) -> ModelServer:
        self._thread.start()
        begin = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(begin, self._loop).result(10)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *exc: object) -> None:
        async def end() -> None:
            self._server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # between two requests
        finally:
            self._tasks.discard(task)
            writer.close()

    def _note_closed(self) -> None:
        self.closed_at = time.monotonic()
        self.closed.set()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; True: the connection stays."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        body = await reader.readexactly(length)
        if b"transfer-encoding: chunked" in head.lower():
            while size := int(await reader.readline(), 16):
                await reader.readexactly(size + 2)
            await reader.readline()
        path = head.split()[1].decode().partition("?")[0]
        self.requests.append(path)
        self.bodies.append(json.loads(body or b"{}"))
        self.closed.clear()
        scenario = self.scenario or path.split("/")[1]
        if scenario.isdigit() or scenario == "long":
            self._refuse(writer, path, scenario)
            await writer.drain()
            return True
        if self.whole:
            body = dump(WHOLE).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
                + body
            )
            await writer.drain()
            return True
        kind = "application/x-ndjson" if path.endswith("/api/chat") else "text/event-stream; charset=utf-8"
        writer.write(
            f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        )
        await writer.drain()
        gone = asyncio.create_task(reader.read(1))
        stream = asyncio.create_task(self._stream(writer, path, scenario))
        await asyncio.wait({gone, stream}, return_when=asyncio.FIRST_COMPLETED)
        if gone.done() or stream.exception() is not None:
            self._note_closed()
            stream.cancel()
            await asyncio.wait({stream})
            return False
        gone.cancel()
        await asyncio.wait({gone})
        return stream.result()

    async def _stream(self, writer: asyncio.StreamWriter, path: str, scenario: str) -> bool:
        answer = next(answer for end, answer in FORMATS.items() if path.endswith(end))(scenario)
        if scenario == "slow":
            await asyncio.sleep(60)
        if self.comments and not path.endswith(("/api/chat", ":streamGenerateContent")):
            answer = (b": keep-alive\n\n" + event for event in answer)
        if self.crlf:
            answer = (event.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for event in answer)
        if self.seed is not None and scenario in ("text", "thinking", "tool"):
            answer = iter([b"".join(answer)])
        for n, event in enumerate(answer):
            if scenario in ("cut", "ceased") and n == 5:
                if scenario == "ceased":
                    writer.write(b"0\r\n\r\n")
                return False
            for piece in self._pieces(event):
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
            if scenario == ENDLESS:
                await asyncio.sleep(0.01)
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    def _pieces(self, event: bytes) -> Iterator[bytes]:
        rng = random.Random(self.seed)
        at = 0
        while at < len(event):
            size = self.piece if self.seed is None else rng.choice((1, 2, 3, rng.randint(1, 300)))
            yield event[at : at + size]
            at += size

    def _refuse(self, writer: asyncio.StreamWriter, path: str, scenario: str) -> None:
        status = 400 if scenario == "long" else int(scenario)
        body = dump(refusal(path, status, scenario)).encode()
        head = f"HTTP/1.1 {status} No\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        wait = "retry-after: 7\r\n" if status == 429 else ""
        writer.write(f"{head}{wait}\r\n".encode() + body)
