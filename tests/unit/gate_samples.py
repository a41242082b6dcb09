"""A server in a thread, and clients that speak to it byte by byte."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from tacitly.serve.connection import server_config
from tacitly.serve.limits import Limits

PATIENCE = 60  # seconds after which a test gives up on what never comes


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    port: int
    server: uvicorn.Server
    loop: asyncio.AbstractEventLoop

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def ask(self, *parts: bytes) -> "Answer":
        """Send these bytes, and read until the server closes or a whole reply is there."""
        with self.connect() as client:
            for part in parts:
                client.sendall(part)
            return read_answer(client)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, object]:
        found = json.loads(self.body)
        assert set(found) == {"error"}
        assert set(found["error"]) == {"message", "type", "param", "code"}
        return dict(found["error"])


def read_answer(client: socket.socket) -> Answer:
    whole = b""
    while b"\r\n\r\n" not in whole:
        whole += _some(client)
    head, _, body = whole.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += _some(client)
    return Answer(int(first.split()[1]), headers, body)


def _some(client: socket.socket) -> bytes:
    data = client.recv(65536)
    assert data, "the server closed before it had answered"
    return data


def closes(client: socket.socket) -> bool:
    """Wait until the server has closed the connection."""
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return True


def request(
    path: str = "/", body: bytes | None = None, *, method: str | None = None, headers: Sequence[str] = ()
) -> bytes:
    """A request's bytes."""
    lines = [f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1", "Host: localhost", *headers]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


@contextmanager
def running(app: ASGIApp, limits: Limits | None = None) -> Iterator[Served]:
    """Serve an application on a free port of this machine, as the command does."""
    server = uvicorn.Server(server_config(app, host="127.0.0.1", port=0, limits=limits))
    started = threading.Event()
    begin, loops = server.startup, list[asyncio.AbstractEventLoop]()

    async def startup(sockets: list[socket.socket] | None = None) -> None:
        await begin(sockets)
        loops.append(asyncio.get_running_loop())
        started.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(PATIENCE)
        yield Served(server.servers[0].sockets[0].getsockname()[1], server, loops[0])
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()
