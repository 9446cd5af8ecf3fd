"""``python -m djust_stream.demo [--host 127.0.0.1] [--port 8000]``: serve the demo and print its address."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def bind(host: str, port: int | None) -> socket.socket:
    """A listening socket: on `port`, or by default on 8000, or on any free port where 8000 is taken.

    Raises OSError when the port that was asked for is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in (8000, 0) if port is None else (port,):
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            listener.listen(128)
            return listener
        except OSError:
            listener.close()
            if candidate == 0 or port is not None:
                raise
    raise AssertionError("a free port is always tried last")


def main() -> int:
    parser = argparse.ArgumentParser(
        "python -m djust_stream.demo", description="A chat that streams Markdown."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port (default: 8000, or a free one where that is taken)")
    args = parser.parse_args()

    try:
        import channels  # noqa: F401
        import uvicorn
    except ImportError as error:
        print(f"The demo needs {error.name}: pip install 'djust-stream[demo]'", file=sys.stderr)
        return 1
    try:
        listener = bind(args.host, args.port)
    except OSError as error:
        print(f"Cannot listen on {args.host}:{args.port}: {error.strerror}", file=sys.stderr)
        return 1

    os.environ["DJANGO_SETTINGS_MODULE"] = "djust_stream.demo.settings"
    if args.host not in LOOPBACK:  # an open address is visited by any name
        os.environ["DJUST_STREAM_DEMO_HOSTS"] = "*"
    host = f"[{args.host}]" if ":" in args.host else args.host
    port = listener.getsockname()[1]
    print(f"\n  The demo is at  http://{host}:{port}/     (Ctrl+C ends it)\n", flush=True)
    config = uvicorn.Config("djust_stream.demo.asgi:application", log_level="warning", lifespan="off")
    config.timeout_graceful_shutdown = 1
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
