"""The running server: its address, its key, and how it ends."""

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import anyio
import uvicorn

from tacitly.errors import SettingsError
from tacitly.serve.app import create_app
from tacitly.serve.connection import server_config
from tacitly.serve.service import Service

KEY_VARIABLE = "TACITLY_API_KEY"
SWITCH_SECONDS = 0.0005  # how long the thread that runs the model may keep the interpreter from those who ask


def read_key(file: Path | None) -> str | None:
    """The API key: from a file, or from the environment.

    Raises:
        SettingsError: There is none in the file, or it holds what no header can.
    """
    where = f"the file {str(file)!r}" if file else KEY_VARIABLE
    try:
        key = os.environ.get(KEY_VARIABLE) if file is None else file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{where} cannot be read: {reason}", allowed="a file with the API key alone") from None
    if key is None or (file is None and not key):
        return None
    if not key or not key.isprintable() or any(c.isspace() for c in key):
        raise SettingsError(f"{where} holds no API key", allowed="one line of visible characters, without spaces")
    return key


def bind(host: str, port: int, *, key: str | None) -> socket.socket:
    """Take an address, on which nothing is listened for yet.

    Args:
        host: A name or an address.
        port: 0 for any that is free.
        key: The API key; there must be one where other machines can ask.

    Raises:
        SettingsError: There is no such address here, it is taken, or there must be a key.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or "127.0.0.1", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise SettingsError(
            f"--host {host!r} is no address", allowed="127.0.0.1, ::1, or another of this machine"
        ) from (None)
    if key is None and not ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise SettingsError(
            f"--host {host!r} can be reached from other machines, and there is no API key",
            remedy=f"give --api-key-file FILE or set {KEY_VARIABLE}, or use --host 127.0.0.1",
        )
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(1)  # only now it is known whether another program listens there
    except OSError as error:
        bound.close()
        raise SettingsError(
            f"cannot listen on {host!r} port {port}: {(error.strerror or str(error)).lower()}",
            remedy="name another with --port, or 0 for any that is free",
        ) from None
    return bound


def url(bound: socket.socket) -> str:
    """The address for a browser."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(service: Service, bound: socket.socket, *, key: str | None, ready: Callable[[], None]) -> int | None:
    """Serve until a signal comes.

    Args:
        service: What writes and scores, started.
        bound: The address.
        key: The API key, if there is one.
        ready: Called once requests are answered.

    Returns:
        The signal that ended it.
    """
    host, port = bound.getsockname()[:2]
    app = create_app(service, api_key=key)
    server = Server(server_config(app, host=host, port=port, limits=service.limits), service, ready)
    anyio.run(anyio.sleep, 0)  # loads what the first stream would make all others wait for
    gc.collect()
    gc.freeze()  # what is loaded by now stays; looking through it would hold up every stream
    sys.setswitchinterval(SWITCH_SECONDS)
    server.run(sockets=[bound])
    service.writer.join()
    return server.ended_by


class Server(uvicorn.Server):
    """uvicorn, with an end of its own: streams are told, and no signal is raised again."""

    def __init__(self, config: uvicorn.Config, service: Service, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._service, self._ready = service, ready
        self.ended_by: int | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let no more in, and end what is being written."""
        self._service.stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Hear of Ctrl-C and of a wish to end, for the length of a block."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            captured: Sequence[int] = self._captured_signals
            self.ended_by = captured[0] if captured else None
