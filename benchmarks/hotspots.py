"""Where does the time of a server full of streams go?

    python benchmarks/hotspots.py [--streams 600] [--seconds 12] [--rate 50] [--subjects djust_stream,plain]
                                  [--json]

The server and the client of load.py, with so many streams; py-spy looks at the server's stack a hundred times
a second, C functions included. A sample counts for the innermost part of the table whose code is on the
stack, so what the interpreter does for a part is that part's; waiting is left out. Needs
``pip install py-spy``, and the right to look into another process (root, or ptrace_scope 0).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import sys
import sysconfig
import tempfile
from collections import Counter
from typing import Any

import uvloop
from load import SCENARIOS, Scenario, step
from rig import serve

#: part -> what a stack frame of it looks like, as py-spy writes it: "function (file:line)".
PARTS = {
    "garbage collector": r"^gc_collect|\(gcmodule\.c|\(gc\.c",
    "socket write": r"^(__)?(libc_)?(writev?|send|sendmsg)\b|^uv_+(try_)?write",
    "djust_stream": r"\(djust_stream/",
    "the batcher": r"\(rig\.py|\(djust/",
    "JSON": r"\(json/|\(_json\.c",
    "WebSocket framing": r"\(websockets/",
    "uvicorn": r"\(uvicorn/protocols",
    "Channels": r"\(channels/|\(asgiref/",
    "the producers": r"^(produce|show_markdown) \(",
    "event loop": r"\((uvloop/)?loop\.c|\(uv|\(linux\.c|\(core\.c|\(asyncio/|_asynciomodule",
}
#: Innermost on the stack of a thread that has nothing to do.
IDLE = re.compile(r"^(uv__io_poll|epoll_p?wait|do_futex_wait|_queue_SimpleQueue_get)")


def share(stacks: str) -> Counter[str]:
    """Samples by part, of py-spy's raw output: frames from the outermost to the innermost, then a count."""
    found: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if not any(IDLE.search(frame) for frame in frames[-4:]):
            found[part_of(frames)] += int(count)
    return found


def part_of(stack: list[str]) -> str:
    for frame in reversed(stack):
        for part, pattern in PARTS.items():
            if re.search(pattern, frame):
                return part
    return "the rest"


async def watch(port: int, pid: int, scenario: Scenario, options: argparse.Namespace) -> str:
    """py-spy's raw output for a server under way."""
    load = asyncio.create_task(step(port, pid, options.streams, scenario, options.seconds))
    await asyncio.sleep(3)
    with tempfile.NamedTemporaryFile() as out:
        spy = shutil.which("py-spy", path=f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}")
        if spy is None:
            sys.exit("py-spy is not installed; try: pip install py-spy")
        flags = f"--pid {pid} --format raw --native --rate 100 --duration {int(options.seconds - 4)}".split()
        process = await asyncio.create_subprocess_exec(
            spy, "record", *flags, "--output", out.name, stdout=asyncio.subprocess.DEVNULL
        )
        if await process.wait():
            sys.exit("py-spy could not look into the server; try it as root")
        await load
        return out.read().decode()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=600)
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--rate", choices=("50", "200"), default="50", help="tokens a second")
    parser.add_argument("--subjects", default="djust_stream,plain,djust")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    flags = ("--backlog", "4096", "--loop", "uvloop", "--ws-per-message-deflate", "false")
    core = min(os.sched_getaffinity(0))
    found: dict[str, Any] = {}
    for subject in options.subjects.split(","):
        with serve("load", "uvicorn", flags, core, SUBJECT=subject, TUNED="") as (server, port):
            loop = uvloop.new_event_loop()
            stacks = loop.run_until_complete(watch(port, server.pid, SCENARIOS[options.rate], options))
            loop.close()
        samples = share(stacks)
        total = sum(samples.values())
        found[subject] = {part: round(100 * count / total, 1) for part, count in samples.most_common()}
        print(f"\n{subject}: {options.streams} streams of {options.rate} tokens/s, {total} samples")
        for part, percent in found[subject].items():
            print(f"    {part:20}{percent:6.1f}%")
    if options.json:
        print(json.dumps({"streams": options.streams, "rate": int(options.rate), "percent": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
