"""A client's connection: given up when it is slow, idle or stuck; what is no HTTP is answered in OpenAI's form."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from tacitly.serve.errors import ApiError, error_bytes
from tacitly.serve.limits import Limits

_LINGER_SECONDS, _LINGER_BYTES = 5.0, 64_000_000  # for a client that still sends what was refused
_GONE_WELL = (h11.IDLE, h11.DONE, h11.MUST_CLOSE, h11.CLOSED)


def server_config(app: ASGIApp, *, host: str, port: int, limits: Limits | None = None) -> uvicorn.Config:
    """How uvicorn serves an application here: within the limits, without a log of requests, trusting no proxy.

    Args:
        app: The application.
        host: The address to listen on.
        port: 0 for any that is free.
        limits: Of connections.
    """
    limits = limits or Limits()
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=connection_class(limits),
        ws="none",
        loop="asyncio",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=limits.head_bytes,
        timeout_graceful_shutdown=5,
    )


def connection_class(limits: Limits) -> type["Connection"]:
    """The protocol of connections with these limits."""
    return type("LimitedConnection", (Connection,), {"limits": limits})


class Connection(H11Protocol):
    """HTTP/1.1 for clients that may mean no good.

    Attributes:
        limits: Of all connections of this kind.
        waits_since: Since when the client is waited for; None while it waits for the server.
    """

    limits: ClassVar[Limits] = Limits()
    waits_since: float | None = None
    _phase = ""
    _lingers: int | None = None  # bytes that came since the connection was given up
    _real: asyncio.Transport
    _deadline: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there; where too many are, the one that has been waited for longest must go."""
        self._real = transport
        super().connection_made(_Closing(transport, self._close))
        if len(self.connections) > self.limits.connections and not self._make_room():
            self._refuse(ApiError(429, "too many connections at once; try again later", headers={"Retry-After": "1"}))
            return
        self._enter("head", self.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._enter("gone", None)
        self._cancel_stuck()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        if self._lingers is not None:
            self._lingers += len(data)
            if self._lingers > _LINGER_BYTES:
                self._real.abort()
            return
        try:
            super().data_received(data)
        except Exception as error:  # asyncio would log its words
            self.logger.error("a connection failed: %s", type(error).__name__)
            self._real.abort()
            return
        self._look()

    def on_response_complete(self) -> None:
        """A reply is written; the next request may come."""
        super().on_response_complete()
        self._look()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- in OpenAI's form instead
        """Answer what is no HTTP."""
        hint = int(getattr(sys.exc_info()[1], "error_status_hint", 400))
        large = hint == 431
        words = f"the request's line and headers are too large; allowed: {self.limits.head_bytes:,} bytes"
        self._refuse(ApiError(431 if large else 400, words if large else "this is no HTTP/1.1 request"))

    def shutdown(self) -> None:
        """The server stops: connections without a reply on its way go at once."""
        if self._lingers is not None or self.conn.our_state is h11.ERROR:
            self._real.abort()
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        """The client has not read what waits for it."""
        super().pause_writing()
        self._watch(self._real.get_write_buffer_size())

    def resume_writing(self) -> None:
        """It has."""
        self._cancel_stuck()
        super().resume_writing()

    def _look(self) -> None:
        """See what is waited for now."""
        if self._lingers is not None or self._real.is_closing():
            return
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._enter("body", self.limits.body_seconds)
        elif state is not h11.IDLE:
            self._enter("reply", None)
        elif self._phase == "head" or self.conn.trailing_data[0]:
            self._enter("head", self.limits.head_seconds)
        else:
            self._enter("idle", self.limits.idle_seconds)

    def _enter(self, phase: str, seconds: float | None) -> None:
        if phase == self._phase:
            return
        self._phase = phase
        if self._deadline is not None:
            self._deadline.cancel()
        now = self.loop.time()
        self.waits_since = None if seconds is None else now
        self._deadline = None if seconds is None else self.loop.call_at(now + seconds, self._give_up)

    def _give_up(self) -> None:
        if self._phase == "head" and self.conn.trailing_data[0]:
            self._refuse(ApiError(408, f"no whole request came within {self.limits.head_seconds:g} seconds"))
        else:
            self._real.abort()

    def _make_room(self) -> bool:
        """Give up the client that has been waited for longest; False where all wait for the server."""
        slow = [one for one in self.connections if isinstance(one, Connection) and one.waits_since is not None]
        if slow:
            min(slow, key=lambda one: one.waits_since or 0.0).drop()
        return bool(slow)

    def drop(self) -> None:
        """End the connection at once."""
        self.connections.discard(self)
        self._enter("gone", None)
        self._real.abort()

    def _watch(self, unread: int) -> None:
        def look() -> None:
            left = self._real.get_write_buffer_size()
            if left < unread:
                self._watch(left)
            else:
                self._real.abort()

        self._cancel_stuck()
        self._stuck = self.loop.call_later(self.limits.stuck_seconds, look)

    def _cancel_stuck(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _refuse(self, error: ApiError) -> None:
        """Answer a request that never became one, and close."""
        body = error_bytes(error)
        given = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
        headers = [(name.encode(), value.encode()) for name, value in {**given, **error.headers}.items()]
        try:
            start = h11.Response(status_code=error.status, headers=headers)
            for event in (start, h11.Data(data=body), h11.EndOfMessage()):
                self._real.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:  # amid a reply
            self._real.abort()
            return
        self._linger()

    def _close(self) -> None:
        """Close; where the client still sends, so that it can read the reply all the same."""
        if self._lingers is not None or self._real.is_closing():
            return
        if self.conn.their_state in _GONE_WELL:
            self._real.close()
            self._watch(self._real.get_write_buffer_size())
        else:
            self._linger()

    def _linger(self) -> None:
        """Write no more; what still comes is read and forgotten."""
        self._lingers = 0
        try:
            self._real.write_eof()
        except OSError:  # the client has reset the connection
            self._real.abort()
            return
        self.flow.resume_reading()
        self._enter("linger", _LINGER_SECONDS)


class _Closing(asyncio.Transport):
    """A transport whose closing is someone else's business."""

    def __init__(self, real: asyncio.Transport, close: Callable[[], None]) -> None:
        super().__init__()
        self._real, self._close = real, close
        self._closed = False

    def close(self) -> None:
        self._closed = True
        self._close()

    def is_closing(self) -> bool:
        return self._closed or self._real.is_closing()

    def write(self, data: Any) -> None:
        if not self.is_closing():
            self._real.write(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._real.get_extra_info(name, default)

    def pause_reading(self) -> None:
        if not self.is_closing():
            self._real.pause_reading()

    def resume_reading(self) -> None:
        if not self._real.is_closing():
            self._real.resume_reading()
