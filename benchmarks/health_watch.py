"""Asks a server's `/health` until standard input ends; prints, as JSON, when each time and how long the reply took.

`python benchmarks/health_watch.py PORT [--every SECONDS]`. Every other request has a connection of its own.
"""

import argparse
import json
import select
import socket
import sys
import time

_REQUEST = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
_LOST = 60.0  # seconds that stand for no reply


def ask(client: socket.socket) -> bool:
    """Whether the server says that it is well."""
    client.sendall(_REQUEST)
    got = b""
    while not got.endswith(b"}"):
        part = client.recv(4096)
        if not part:
            return False
        got += part
    return got.startswith(b"HTTP/1.1 200") and b'"ok"' in got


def timed(port: int, kept: list[socket.socket]) -> float:
    """Seconds of one reply, on the connection that is kept or, where there is none, on one that is kept then."""
    began = time.perf_counter()
    try:
        if not kept:
            kept.append(socket.create_connection(("127.0.0.1", port), timeout=_LOST))
        well = ask(kept[0])
    except OSError:
        well = False
    if not well:
        kept.clear()
    return time.perf_counter() - began if well else _LOST


def main() -> None:
    """Watch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--every", type=float, default=0.02)
    given = parser.parse_args()
    kept: list[socket.socket] = []
    taken: list[tuple[float, float]] = []
    first = time.perf_counter()
    while not select.select([sys.stdin], [], [], given.every)[0]:
        taken += [(time.perf_counter() - first, timed(given.port, connection)) for connection in (kept, [])]
    print(json.dumps(taken))


if __name__ == "__main__":
    main()
