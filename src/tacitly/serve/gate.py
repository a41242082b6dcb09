"""What every request passes first: the key, the size and the form of its body; and what nothing else has caught."""

import asyncio
import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ipaddress import ip_address

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tacitly.serve.errors import ApiError, as_api_error, error_reply
from tacitly.serve.json_body import read_json
from tacitly.serve.limits import Limits
from tacitly.serve.metrics import Metrics
from tacitly.serve.pace import Pace

OPEN_PATH = "/health"
_READ_AT_ONCE = 65_536  # bytes of JSON that are read in a millisecond or two
_JSON = b"application/json"
_ALWAYS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


async def json_value(request: Request) -> object:
    """The JSON value that a request's body holds, read once.

    Raises:
        ApiError: If the body is too large, is not said to be JSON, or is none.
    """
    if "tacitly.json" not in request.scope:
        request.scope["tacitly.json"] = await request.scope["tacitly.body"].read_json()
    return request.scope["tacitly.json"]


class Gate:
    """ASGI middleware around all routes.

    Args:
        app: What it guards.
        api_key: Asked for at every address but `/health`, where there is one: as a bearer token, or as the password of
            HTTP Basic, with any user, so that a browser can open the page.
        limits: Of bodies.
        metrics: Counts replies.
    """

    def __init__(
        self, app: ASGIApp, *, api_key: str | None = None, limits: Limits | None = None, metrics: Metrics | None = None
    ) -> None:
        self.app = app
        self.limits = limits or Limits()
        self.metrics = metrics
        self._keys = None if api_key is None else _digests(api_key)
        self.large = ThreadPoolExecutor(max_workers=1, thread_name_prefix="json")
        self._pace = Pace()
        self.held = 0  # bytes of bodies that are being read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        body = scope["tacitly.body"] = Body(self, scope, receive)
        reply = _Reply(send, scope, body, self.metrics)
        try:
            if scope["path"] != OPEN_PATH:
                await self._pace.turn()
            self._admit(scope, body)
            await self.app(scope, body.receive, reply.send)
        except Exception as error:  # its words may quote the request, and would be logged further out
            refusal = as_api_error(error)
            if not reply.started:
                await error_reply(refusal)(scope, receive, reply.send)

    def _admit(self, scope: Scope, body: "Body") -> None:
        if self._keys is None:
            _require_local_name(scope)
        elif scope["path"] != OPEN_PATH and not self._has_key(scope):
            asks = "Basic" if _is_browser(scope) else "Bearer"
            raise ApiError(
                401,
                "the API key is missing or wrong; allowed: the header 'Authorization: Bearer KEY'",
                code="invalid_api_key",
                headers={"WWW-Authenticate": f'{asks} realm="tacitly", charset="UTF-8"'},
            )
        if body.declared is not None and body.declared > self.limits.body_bytes:
            raise self.too_large()

    def _has_key(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        scheme, _, credentials = given[0].strip().partition(b" ") if len(given) == 1 else (b"", b"", b"")
        key = credentials.strip()
        if scheme.lower() == b"basic":
            try:
                key = base64.b64decode(key, validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif scheme.lower() != b"bearer":
            return False
        digest = hashlib.sha256(key).digest()
        return any(hmac.compare_digest(digest, one) for one in self._keys or ())

    def too_large(self) -> ApiError:
        """The refusal of a body that is too large."""
        most = self.limits.body_bytes
        return ApiError(413, f"the body is too large; allowed: {most:,} bytes; send less", code="body_too_large")


class Body:
    """The body of one request.

    Attributes:
        declared: Its length in bytes, where the request says it.
    """

    def __init__(self, gate: Gate, scope: Scope, receive: Receive) -> None:
        headers = {name: value for name, value in scope["headers"] if name.startswith((b"content-", b"transfer-"))}
        length = headers.get(b"content-length", b"")
        self.declared = int(length) if length.isdigit() and len(length) < 20 else None
        self._chunked = b"transfer-encoding" in headers
        self._type = headers.get(b"content-type", b"")
        self._encoding = headers.get(b"content-encoding", b"identity")
        self._gate, self._receive, self._whole = gate, receive, False

    @property
    def unread(self) -> bool:
        """Whether more may come than it is worth to wait for."""
        most = self._gate.limits.body_bytes
        return not self._whole and (self._chunked or (self.declared or 0) > most)

    async def receive(self) -> Message:
        """The next message of the request."""
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._whole = True
        return message

    async def read_json(self) -> object:
        """Read it to the end.

        Raises:
            ApiError: If it is too large, is not said to be JSON, or is none.
        """
        self._require_json()
        held = 0
        try:
            chunks = []
            while not self._whole:
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    raise ApiError(400, "the client went away")
                chunks.append(message.get("body", b""))
                held += len(chunks[-1])
                self._gate.held += len(chunks[-1])
                if held > self._gate.limits.body_bytes:
                    raise self._gate.too_large()
                if self._gate.held > self._gate.limits.bodies_bytes:
                    raise ApiError(
                        429, "too many large requests at once; try again later", headers={"Retry-After": "1"}
                    )
            whole, depth = b"".join(chunks), self._gate.limits.depth
            if len(whole) <= _READ_AT_ONCE:
                return read_json(whole, depth=depth)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._gate.large, lambda: read_json(whole, depth=depth))
        finally:
            self._gate.held -= held

    def _require_json(self) -> None:
        kind, _, rest = self._type.partition(b";")
        charset = rest.lower().replace(b" ", b"").replace(b'"', b"")
        if kind.strip().lower() != _JSON or charset not in (b"", b"charset=utf-8"):
            raise ApiError(
                415,
                "the body is not said to be JSON; allowed: the header 'Content-Type: application/json'",
                code="unsupported_content_type",
            )
        if self._encoding.strip().lower() not in (b"", b"identity"):
            raise ApiError(415, "the body is compressed; allowed: plain JSON", code="unsupported_content_type")


class _Reply:
    """What goes back: counted, and with the headers that every reply has."""

    def __init__(self, send: Send, scope: Scope, body: Body, metrics: Metrics | None) -> None:
        self._send, self._scope, self._body, self._metrics = send, scope, body, metrics
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = list(message.get("headers", ()))
            names = {name.lower() for name, _ in headers}
            headers += [(name, value) for name, value in _ALWAYS if name not in names]
            if self._body.unread:
                headers.append((b"connection", b"close"))
            if self._metrics is not None:
                self._metrics.replied(_route(self._scope), message["status"])
            message = {**message, "headers": headers}
        await self._send(message)


def _digests(key: str) -> list[bytes]:
    """Of a key in each of the ways in which clients write it."""
    written = {key.encode("utf-8", "surrogateescape")}
    with suppress(UnicodeEncodeError):
        written.add(key.encode("latin-1"))
    return [hashlib.sha256(one).digest() for one in sorted(written)]


def _require_local_name(scope: Scope) -> None:
    """Refuse requests that a web page elsewhere makes through a name of its own that leads to this machine."""
    server = scope.get("server")
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    if not server or not _is_address(server[0]) or not host:
        return
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name.lower() != "localhost" and not _is_address(name):
        raise ApiError(
            403,
            "the header 'Host' names another machine; allowed without an API key: localhost, or an address in numbers",
            code="unknown_host",
        )


def _is_address(name: str) -> bool:
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_browser(scope: Scope) -> bool:
    accepts: Iterable[bytes] = (value for name, value in scope["headers"] if name == b"accept")
    return scope["method"] in ("GET", "HEAD") and any(b"text/html" in value for value in accepts)


def _route(scope: Scope) -> str:
    """The address as it is declared: what a client made up is not told."""
    return str(getattr(scope.get("route"), "path", "other"))
