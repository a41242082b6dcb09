"""Clients that are slow, idle, stuck or no clients at all."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
from starlette.types import Receive, Scope, Send

from tacitly.serve.connection import Connection
from tacitly.serve.gate import Gate, json_value
from tacitly.serve.limits import Limits
from tests.unit.gate_samples import PATIENCE, Served, closes, read_answer, request, running

pytestmark = pytest.mark.unit

SHORT = Limits(
    head_seconds=0.3, body_seconds=0.3, idle_seconds=0.3, stuck_seconds=0.3, body_bytes=1000, head_bytes=4096
)
LONG = Limits(body_bytes=1000, connections=4)


class Echo:
    """Tells the length of the JSON text that it is sent; `/long` writes until the client is gone."""

    def __init__(self) -> None:
        self.gone = threading.Event()
        self.waits = threading.Event()
        self.go_on: asyncio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/long":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            try:
                while not self.gone.is_set():
                    await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
                    message = await asyncio.wait_for(receive(), 0.001)
                    if message["type"] == "http.disconnect":
                        self.gone.set()
            except TimeoutError:
                await self._write_on(send, receive)
            return
        if scope["path"] == "/wait":
            self.go_on = asyncio.Event()
            self.waits.set()
            await self.go_on.wait()
        said = b"nothing"
        if scope["method"] == "POST" and scope["path"] != "/deaf":
            from starlette.requests import Request

            said = str(await json_value(Request(scope, receive))).encode()
        length = str(len(said)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": said})

    async def _write_on(self, send: Send, receive: Receive) -> None:
        watch = asyncio.ensure_future(receive())
        while not watch.done():
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
            await asyncio.sleep(0)
        self.gone.set()


@pytest.fixture(scope="module")
def short() -> Iterator[Served]:
    with running(Gate(Echo(), limits=SHORT), SHORT) as served:
        yield served


def test_a_request_is_answered_and_the_connection_stays(short: Served) -> None:
    with short.connect() as client:
        for body in (b"[1]", b'{"a": 2}'):
            client.sendall(request("/", body))
            answer = read_answer(client)
            assert answer.status == 200
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.body == b"{'a': 2}"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"hello there\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),  # a TLS handshake
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no host
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9000, 431),
        (b"GET /\xff\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ],
    ids=["words", "tls", "no_host", "length", "encoding", "head", "bytes"],
)
def test_what_is_no_http_is_answered_in_openai_s_form(short: Served, sent: bytes, status: int) -> None:
    answer = short.ask(sent)
    assert (answer.status, answer.error["type"]) == (status, "invalid_request_error")
    assert answer.headers["connection"] == "close"


def test_a_slow_head_is_answered_and_ended(short: Served) -> None:
    with short.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: lo")
        answer = read_answer(client)
        assert answer.status == 408
        assert "0.3 seconds" in str(answer.error["message"])


@pytest.mark.parametrize("sent", [b"", request("/"), request("/", b'{"a": 1}')[:-3]], ids=["head", "idle", "body"])
def test_a_client_that_says_nothing_is_ended(short: Served, sent: bytes) -> None:
    with short.connect() as client:
        client.sendall(sent)
        assert closes(client)


def test_a_head_that_drips_is_ended_all_the_same(short: Served) -> None:
    with short.connect() as client, pytest.raises(OSError, match=r"reset|pipe|Bad file"):  # noqa: PT012
        client.sendall(b"GET / HTTP/1.1\r\nX: ")
        while True:
            client.sendall(b"x")
            threading.Event().wait(0.01)


def test_a_body_too_large_is_refused_before_it_came_and_can_be_sent_to_its_end(short: Served) -> None:
    head = request("/", b"x" * 3_000_000)
    with short.connect() as client:
        client.sendall(head[:200])
        assert read_answer(client).status == 413  # nothing more was waited for
    with short.connect() as client:
        client.sendall(head)  # a client that reads the reply only afterwards
        answer = read_answer(client)
        assert (answer.status, answer.error["code"]) == (413, "body_too_large")
        client.shutdown(socket.SHUT_WR)
        assert closes(client)


def test_a_chunked_body_is_counted(short: Served) -> None:
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert short.ask(head, chunk, chunk).status == 413


def test_a_body_that_nobody_reads_is_passed_over(short: Served) -> None:
    with short.connect() as client:
        client.sendall(request("/deaf", b"x" * 900))
        assert read_answer(client).status == 200
        client.sendall(request("/", b"[3]"))
        assert read_answer(client).body == b"[3]"


def test_a_client_that_does_not_read_is_ended() -> None:
    echo = Echo()
    with running(Gate(echo, limits=SHORT), SHORT) as served, served.connect() as client:
        client.sendall(request("/long"))
        assert echo.gone.wait(PATIENCE)


def test_one_connection_more_costs_the_slowest_its_own() -> None:
    with running(Gate(Echo(), limits=LONG), LONG) as served:
        slow = [served.connect() for _ in range(LONG.connections)]
        for client in slow:
            client.sendall(b"GET / HTTP/1.1\r\n")
            threading.Event().wait(0.02)
        assert served.ask(request("/")).status == 200
        assert closes(slow[0])
        slow[-1].sendall(b"Host: localhost\r\n\r\n")
        assert read_answer(slow[-1]).status == 200
        for client in slow:
            client.close()


def test_where_all_are_being_answered_one_more_is_refused() -> None:
    limits = Limits(connections=1)
    echo = Echo()
    with running(Gate(echo, limits=limits), limits) as served, served.connect() as first:
        first.sendall(request("/wait"))
        assert echo.waits.wait(PATIENCE)
        answer = served.ask(request("/"))
        assert (answer.status, answer.error["type"], answer.headers["retry-after"]) == (429, "rate_limit_error", "1")
        [connection] = [one for one in served.server.server_state.connections if one.cycle is not None]
        assert isinstance(connection, Connection)
        assert echo.go_on is not None
        connection.loop.call_soon_threadsafe(echo.go_on.set)
        assert read_answer(first).status == 200


def test_pipelined_requests_are_answered_in_turn(short: Served) -> None:
    with short.connect() as client:
        client.sendall(request("/", b"[1]") + request("/", b"[2]") + b"nonsense\r\n\r\n")
        assert [read_one(client) for _ in range(3)] == [(200, b"[1]"), (200, b"[2]"), (400, None)]


def read_one(client: socket.socket) -> tuple[int, bytes | None]:
    """One reply, byte by byte, so that the next stays."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
    body = b""
    while len(body) < length:
        body += client.recv(length - len(body))
    status = int(head.split()[1])
    return status, body if status == 200 else None
