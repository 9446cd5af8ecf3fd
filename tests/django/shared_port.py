"""uvicorn on a port that several processes share: each has its own socket, the kernel spreads connections.

python shared_port.py PORT module:application
"""

from __future__ import annotations

import socket
import sys

import uvicorn

if __name__ == "__main__":
    port, application = int(sys.argv[1]), sys.argv[2]
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(4096)
    config = uvicorn.Config(
        application, log_level="warning", lifespan="off", timeout_graceful_shutdown=1, ws_max_size=1 << 26
    )
    uvicorn.Server(config).run(sockets=[listener])
