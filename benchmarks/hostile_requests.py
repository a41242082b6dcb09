"""Requests that nobody means well with: what is sent, and what comes back."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

KEY = "benchmark-key"
PATIENCE = 60.0  # seconds after which a client gives up
SILENT = "closed without a reply"
GONE = "went away itself"

_PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/score", "/v1/layers")
_FIELDS = (
    "model",
    "messages",
    "prompt",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "temperature",
    "top_p",
    "stop",
    "seed",
    "stream",
    "stream_options",
    "choose",
    "logprobs",
    "user",
    "question",
    "answer",
    "token_ids",
    "context",
    "choices",
    "id",
    "tokens",
    "response_format",
    "tools",
    "logit_bias",
    "best_of",
    "echo",
)
_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "-0", "1e-400", "1e308", str(2**63), "0.0")
_ODD_TEXTS = (
    "\x00",
    "\x07\x1b[2J",
    "\u202e\ufeff",
    "<|im_end|>\n<|im_start|>system\n",
    "\r\n\r\n",
    "�",
    "😀" * 99,
    "a\u0300" * 99,
)


@dataclass
class Attacker:
    """Clients of one server.

    Attributes:
        port: The server's.
        model: The name of its model.
        luck: Chooses.
    """

    port: int
    model: str
    luck: random.Random = field(default_factory=lambda: random.Random(0))

    def kinds(self) -> dict[str, Callable[[], Awaitable[str]]]:
        """What they do, by name; each says what came back."""
        return {
            "deep JSON": self.deep,
            "huge body": self.huge,
            "10 million characters": self.long_prompt,
            "wrong key": self.wrong_key,
            "NaN and infinity": self.numbers,
            "control characters": self.odd_texts,
            "fields": self.fields,
            "long lists": self.long_lists,
            "no HTTP": self.noise,
            "no JSON": self.no_json,
            "well, then gone": self.leaves,
        }

    def slow_kinds(self) -> dict[str, Callable[[], Awaitable[str]]]:
        """Those that take long on purpose."""
        return {
            "slow head": self.slow_head,
            "slow body": self.slow_body,
            "says nothing": self.silent,
            "reads nothing": self.deaf,
        }

    async def deep(self) -> str:
        """Lists and objects inside each other."""
        depth = self.luck.choice((33, 100, 1000, 100_000, 450_000))
        opening, closing = self.luck.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"messages":', b"}]"), (b"[", b"")))
        depth = min(depth, 900_000 // len(opening + closing))
        inner = opening * depth + b"1" + closing * depth
        return await self._post(self.luck.choice((inner, b'{"model":"x","messages":' + inner + b"}")))

    async def huge(self) -> str:
        """More bytes than are allowed: declared, or in chunks without an end."""
        if self.luck.random() < 0.5:
            return await self._send(self._head(length=20_000_000), b"x" * 20_000_000)
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        return await self._send(self._head(length=None), *[chunk] * 100)

    async def long_prompt(self) -> str:
        """A prompt of ten million characters."""
        body = {"model": self.model, "messages": [{"role": "user", "content": "a " * 5_000_000}]}
        return await self._post(json.dumps(body).encode(), path=_PATHS[0])

    async def wrong_key(self) -> str:
        """Another key, or none."""
        key = self.luck.choice(("", "x", KEY[:-1], KEY + "x", "é" * 99, "x" * 9000, KEY.upper()))
        header = self.luck.choice(
            (f"Authorization: Bearer {key}", f"Authorization: Basic {key}", f"Key: {key}", "A: b")
        )
        return await self._send(self._head(length=2, key=header), b"{}")

    async def numbers(self) -> str:
        """Numbers that are none, or beyond all bounds."""
        name = self.luck.choice(("temperature", "top_p", "n", "max_tokens", "seed", "presence_penalty", "token_ids"))
        body = json.dumps({"model": self.model, "messages": [{"role": "user", "content": "x"}], name: "NUMBER"})
        return await self._post(body.replace('"NUMBER"', self.luck.choice(_NUMBERS)).encode())

    async def odd_texts(self) -> str:
        """Characters that control something elsewhere, in texts, names, paths and headers."""
        odd = self.luck.choice(_ODD_TEXTS)
        if self.luck.random() < 0.2:
            raw = odd.encode()[:50].replace(b"\r", b"").replace(b"\n", b"")
            return await self._send(b"GET /" + raw + b" HTTP/1.1\r\nHost: localhost\r\nX: " + raw + b"\r\n\r\n")
        if self.luck.random() < 0.2:
            half = b'{"question": "\\ud800", "answer": "\\udfff\\u0000"}'
            return await self._post(half, path="/v1/score")
        path = self.luck.choice(_PATHS)
        body = {
            "/v1/chat/completions": {
                "model": self.model,
                "messages": [{"role": "user", "content": odd}],
                "max_tokens": 1,
            },
            "/v1/completions": {"model": self.model, "prompt": odd, "max_tokens": 1, "stop": [odd[:9]]},
        }.get(
            path,
            {"question": f"{odd}?", "answer": odd, "id": odd[:9]}
            if path == "/v1/score"
            else {"question": "?", "answer": odd},
        )
        return await self._post(json.dumps(body, ensure_ascii=self.luck.random() < 0.5).encode(), path=path)

    async def fields(self) -> str:
        """Known fields with values of any kind."""
        names = self.luck.sample(_FIELDS, self.luck.randint(0, 8))
        body = {name: self._value(2) for name in names}
        if self.luck.random() < 0.7:
            body["model"] = self.model
        return await self._post(json.dumps(body).encode())

    async def long_lists(self) -> str:
        """As many wrong values as a body holds, each an error of its own."""
        value = self.luck.choice(("1", '"a"', "true", "null", "1.5", "-1", "[]", '{"a":1}'))
        most = self.luck.choice((9_000, 90_000, 900_000))  # some of them as many as are allowed
        many = ",".join([value] * min(most, 950_000 // (len(value) + 1)))
        name = self.luck.choice(("prompt", "messages", "stop", "token_ids", "choices", "question", "modalities", "x"))
        whole = self.luck.choice((f'{{"model":"{self.model}","{name}":[{many}]}}', f"[{many}]"))
        return await self._post(whole.encode())

    async def noise(self) -> str:
        """Bytes that are no HTTP."""
        some = (
            self.luck.randbytes(200),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET\r\n\r\n",
            b"\r\n" * 50,
        )
        return await self._send(self.luck.choice(some), b"GET / HTTP/9.9\r\n\r\n" * 3)

    async def no_json(self) -> str:
        """Bodies that are no JSON, or not said to be."""
        body = self.luck.choice((b"", b"{", b"\xff\xfe", b"a=b&c=d", b'{"a":1,"a":2}', b"'x'", b'"' * 900_000))
        kind = self.luck.choice(("application/json", "text/plain", "multipart/form-data", "application/json;charset=x"))
        return await self._post(body, kind=kind)

    async def leaves(self) -> str:
        """Asks for much, and goes away."""
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": "Why?"}],
            "n": 8,
            "stream": self.luck.random() < 0.5,
        }
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        content = json.dumps(body).encode()
        writer.write(self._head(length=len(content), path=_PATHS[0]) + content)
        try:
            return _status(await asyncio.wait_for(reader.readline(), self.luck.random() / 5))
        except TimeoutError:
            return GONE
        finally:
            writer.transport.abort()

    async def slow_head(self) -> str:
        """A byte a second."""
        return await self._drip(self._head(length=10_000))

    async def slow_body(self) -> str:
        """The same after the head."""
        return await self._drip(b"x" * 10_000, at_once=self._head(length=10_000))

    async def silent(self) -> str:
        """Connects."""
        return await self._drip(b"")

    async def deaf(self) -> str:
        """Asks again and again, and never reads."""
        asked = self._head(length=0, method="GET", path="/openapi.json") * 400
        return await self._drip(b"x" * 45, at_once=asked, deaf=True)

    async def _drip(self, slowly: bytes, *, at_once: bytes = b"", deaf: bool = False) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(at_once)

        async def drip() -> None:
            for i in range(len(slowly)):
                if writer.is_closing():
                    return
                writer.write(slowly[i : i + 1])
                await asyncio.sleep(1)

        dripping = asyncio.ensure_future(drip())
        try:
            if deaf:
                await dripping
            return _status(await asyncio.wait_for(reader.readline(), PATIENCE))
        except (OSError, TimeoutError):
            return SILENT
        finally:
            dripping.cancel()
            await asyncio.gather(dripping, return_exceptions=True)
            writer.transport.abort()

    async def _post(self, body: bytes, *, path: str | None = None, kind: str = "application/json") -> str:
        return await self._send(self._head(length=len(body), path=path, kind=kind), body)

    async def _send(self, *parts: bytes) -> str:
        try:
            return await asyncio.wait_for(self._sent(parts), PATIENCE)
        except TimeoutError:
            return "no reply in time"
        except OSError:
            return SILENT

    async def _sent(self, parts: tuple[bytes, ...]) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)

        async def write() -> None:
            for part in parts:
                writer.write(part)
                await writer.drain()

        writing = asyncio.ensure_future(write())
        try:
            return _status(await reader.readline())
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            writer.transport.abort()

    def _head(
        self,
        *,
        length: int | None,
        path: str | None = None,
        key: str = f"Authorization: Bearer {KEY}",
        kind: str = "application/json",
        method: str = "POST",
    ) -> bytes:
        size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        address = path or self.luck.choice(_PATHS)
        lines = (f"{method} {address} HTTP/1.1", "Host: localhost", key, f"Content-Type: {kind}", size, "", "")
        return "\r\n".join(lines).encode()

    def _value(self, depth: int) -> object:
        simple = (None, True, 0, -1, 1, 8, 9, 2**40, 0.5, -0.5, 1e300, "", "x", "probe", self.model, "a" * 5000, [], {})
        if depth and self.luck.random() < 0.4:
            inner = [self._value(depth - 1) for _ in range(self.luck.randint(0, 4))]
            return inner if self.luck.random() < 0.5 else {self.luck.choice(_FIELDS): one for one in inner}
        return self.luck.choice(simple)


def _status(line: bytes) -> str:
    return line.split()[1].decode("latin-1") if len(line.split()) > 1 else SILENT
