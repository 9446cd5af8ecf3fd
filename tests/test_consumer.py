"""StreamConsumer, and a mixin object beside a consumer: uvicorn, daphne, a real WebSocket client."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets

sys.path.insert(0, str(Path(__file__).parent / "django"))
from server import KINDS, Received, Server

TOKENS = 1000


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(request.param) as server:
        yield server
    assert server.faults() == 0, server.output()


async def ask(connection: Any, do: str, **arguments: Any) -> None:
    await connection.send(json.dumps({"do": do, **arguments}))


async def reply(connection: Any) -> Any:
    return json.loads(await asyncio.wait_for(connection.recv(), 10))


async def run(connection: Any, method: str, *args: Any) -> Any:
    """Call one of the mixin's methods on the server."""
    await ask(connection, "call", method=method, args=list(args))


async def test_no_token_is_lost_at_any_pace(server: Server) -> None:
    """1,000 tokens at 0, 1 and 5 ms apart, four streams on one connection; the paces side by side."""

    async def one(path: str, gap_s: float) -> None:
        async with server.connect(path) as connection:
            await ask(connection, "produce", streams=4, tokens=TOKENS, gap_s=gap_s)
            received = await Received().until_ended(connection, 4)
        for number in range(4):
            received.assert_whole(f"s{number}", TOKENS)
        assert received.other == []

    paths = ["/ws/plain/", "/ws/handmade/"]
    await asyncio.gather(*(one(path, gap_s) for path in paths for gap_s in (0, 0.001, 0.005)))


async def test_hello_asks_for_the_compact_form(server: Server) -> None:
    async with server.connect("/ws/plain/") as connection:
        await run(connection, "stream_text", "s", "before ", "append")
        assert (await reply(connection))["ops"][0]["text"] == "before "
        assert await reply(connection) == {"called": "stream_text"}
        await connection.send('{"type":"stream.hello","form":"compact"}')
        assert await reply(connection) == {"type": "stream.welcome", "form": "compact"}
        await connection.send('{"type":"stream.hello","form":"djust"}')  # no way back
        assert await reply(connection) == {"type": "stream.welcome", "form": "compact"}
        await run(connection, "stream_text", "s", "after", "append")
        await run(connection, "stream_done", "s")
        frames = []
        while not frames or frames[-1] != {"called": "stream_done"}:
            frames.append(await reply(connection))
        frames = [frame for frame in frames if "o" in frame]
        ops = [op for frame in frames for op in frame["o"]]
        assert ops[0] == ["ta", "after"]
        assert ops[-1][0] == "done"
        assert [frame["n"] for frame in frames] == [2, 3][: len(frames)]


@pytest.mark.parametrize("form", [None, "djust", "nonsense", 7, ["compact"], {}])
async def test_any_other_hello_gets_the_djust_form(server: Server, form: object) -> None:
    async with server.connect("/ws/plain/") as connection:
        await connection.send(json.dumps({"type": "stream.hello", "form": form}))
        assert await reply(connection) == {"type": "stream.welcome", "form": "djust"}


async def test_other_messages_are_the_applications(server: Server) -> None:
    async with server.connect("/ws/plain/") as connection:
        for message in ({"type": "chat", "text": "hi"}, [1, 2], "text", 5, None, {"type": ["stream.stop"]}):
            await connection.send(json.dumps(message))
            assert await reply(connection) == {"echo": message}


@pytest.mark.parametrize(
    ("message", "code"),
    [("not json", 4007), ("", 4003), (b"\x00\xff", 4003), ("[" * 100_000, 4007), ('{"a":1', 4007)],
)
async def test_what_is_no_message_closes_the_connection(
    server: Server, message: str | bytes, code: int
) -> None:
    async with server.connect("/ws/plain/") as connection:
        await connection.send(message)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await asyncio.wait_for(connection.recv(), 10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code


async def test_the_reader_stops_a_stream(server: Server) -> None:
    name = f"stop '{server.kind}' [x]"
    async with server.connect("/ws/plain/") as connection:
        await ask(connection, "answer", name=name)
        received = Received()
        while len(received.text(name).split()) < 10:
            received.add(await connection.recv())
        for stop in ({"stream": "unknown"}, {"stream": 5}, {}, {"stream": name}, {"stream": name}):
            await connection.send(json.dumps({"type": "stream.stop", **stop}))
        await received.until_ended(connection, 1)
        assert received.ops(name)[-1]["op"] == "done"
        assert received.ops(name)[-1]["reason"] == "stopped"
        assert received.kinds(name).count("done") == 1
        await ask(connection, "how", name=name)
        assert await reply(connection) == {"how": "cancelled"}
        # The name can be used again, on the same connection.
        await ask(connection, "answer", name=name, tokens=3)
        again = await Received().until_ended(connection, 1)
        assert again.text(name) == "".join(f"{name}.{number} " for number in range(3))
        assert again.seqs(name)[0] == 1, "a new stream counts anew"


async def test_the_page_has_a_model_asked_again(server: Server) -> None:
    async with server.connect("/ws/plain/") as connection:
        await ask(connection, "model", name="m", fails=2)
        for _ in range(2):
            received = await Received().until_ended(connection, 1)
            assert received.text("m") == "half "
            assert received.ops("m")[-1]["retry"] == 2  # 1.2 s, in whole seconds
            await connection.send('{"type":"stream.retry","stream":"m"}')
        received = await Received().until_ended(connection, 1)
        assert (received.text("m"), received.kinds("m")[-1]) == ("half an answer", "done")


async def test_a_retry_of_what_still_runs_changes_nothing(server: Server) -> None:
    async with server.connect("/ws/plain/") as connection:
        await ask(connection, "model", name="m", fails=1, gap_s=1)
        assert (await Received().until_ended(connection, 1)).kinds("m")[-1] == "error"
        for _ in range(3):  # as a double click does
            await connection.send('{"type":"stream.retry","stream":"m"}')
        received = await Received().until_ended(connection, 1)
        assert (received.text("m"), received.kinds("m")[-1]) == ("half an answer", "done")
        assert received.kinds("m").count("start") == 1
        assert (await Received().for_a_moment(connection, 0.2)).frames == []


async def test_what_is_no_answer_of_a_model_is_not_run_again_by_a_page(server: Server) -> None:
    async with server.connect("/ws/plain/") as connection:
        await ask(connection, "answer", name="f", tokens=100, gap_s=0, fail_at=2)
        received = await Received().until_ended(connection, 1)
        assert "retry" not in received.ops("f")[-1]
        for name in ("f", "unknown", 5, None, ["f"], {}):
            await connection.send(json.dumps({"type": "stream.retry", "stream": name}))
        assert (await Received().for_a_moment(connection, 0.2)).frames == []


async def test_a_failing_answer_keeps_its_text(server: Server) -> None:
    async with server.connect("/ws/plain/") as connection:
        await ask(connection, "answer", name="f", tokens=100, gap_s=0.001, fail_at=20)
        received = await Received().until_ended(connection, 1)
    assert received.text("f") == "".join(f"f.{number} " for number in range(20))
    assert received.kinds("f")[-1] == "error"
    assert "sk-secret" not in json.dumps(received.frames)


@pytest.mark.parametrize("abrupt", [False, True])
async def test_a_reader_that_leaves_stops_the_answer(server: Server, abrupt: bool) -> None:
    name = f"leave {abrupt}"
    connection = await server.connect("/ws/plain/")
    await ask(connection, "answer", name=name)
    await connection.recv()
    if abrupt:
        connection.transport.abort()
    else:
        await connection.close()
    async with server.connect("/ws/plain/") as other:
        for _ in range(100):
            await ask(other, "how", name=name)
            if (await reply(other)) == {"how": "cancelled"}:
                return
            await asyncio.sleep(0.02)
    pytest.fail("the answer went on without a reader")


async def test_streams_of_one_connection_do_not_disturb_another(server: Server) -> None:
    """One reader stops reading, one leaves; the third gets everything."""
    sleeper = await server.connect("/ws/plain/")
    leaver = await server.connect("/ws/plain/")
    await ask(sleeper, "produce", streams=4, tokens=TOKENS, gap_s=0)
    await ask(leaver, "produce", streams=4, tokens=TOKENS, gap_s=0.001)
    async with server.connect("/ws/plain/") as connection:
        await ask(connection, "produce", streams=2, tokens=200, gap_s=0.001)
        await leaver.recv()
        leaver.transport.abort()
        received = await Received().until_ended(connection, 2)
    for number in range(2):
        received.assert_whole(f"s{number}", 200)
    await sleeper.close()


async def test_a_reader_that_does_not_read_holds_the_producer(server: Server) -> None:
    """64 MB at full speed towards a reader that reads nothing: the producer waits, under daphne too."""
    async with (
        server.connect("/ws/plain/", max_queue=1, compression=None) as sleeper,
        server.connect("/ws/plain/") as other,
    ):
        await ask(sleeper, "flood", name="flood", megabytes=64)
        progress = [-2, -1]
        while progress[-1] != progress[-2] or progress[-1] == 0:  # until what is between them is full
            await asyncio.sleep(0.5)
            await ask(other, "how", name="flood")
            progress.append(int((await reply(other))["how"]))
        assert progress[-1] < 64 * 64 - 1
        received = 0
        while received < 64 << 20:
            frame = json.loads(await sleeper.recv())
            received += sum(len(op.get("text", "")) for op in frame["ops"])
        assert received == 64 << 20
