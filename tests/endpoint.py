"""An OpenAI-compatible endpoint on this machine that replies what a test tells it to."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

Sent = tuple[int, str, dict[str, str]]


def replied(text: str | None, *, finish: str = "stop") -> Sent:
    """A chat completion with this text."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
    body = {"id": "1", "object": "chat.completion", "created": 0, "model": "tiny", "choices": [choice]}
    return 200, json.dumps(body), {}


def refused(status: int, message: str = "no", **headers: str) -> Sent:
    """An error, which a client that retries it does so at once."""
    body = json.dumps({"error": {"message": message}})
    return status, body, {"retry-after-ms": "1", **{k.replace("_", "-"): v for k, v in headers.items()}}


@dataclass
class Endpoint:
    """A running endpoint: where it is, and what it was sent."""

    base_url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    @property
    def asked(self) -> list[str]:
        """The last message of each request but the client's first, which only finds out what the endpoint can do."""
        said = [body["messages"][-1]["content"] for body in self.bodies]
        return [text for text in said if text != "Reply with the word yes."]


@contextmanager
def serve(reply: Callable[[dict[str, Any]], Sent]) -> Iterator[Endpoint]:
    """Serve an endpoint for the length of a block; `reply` is given each request's body."""
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                endpoint.bodies.append(body)
                endpoint.keys.append(self.headers["authorization"])
            status, text, headers = reply(body)
            try:
                self.send_response(status)
                for name, value in {"content-type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())
            except ConnectionError:
                self.close_connection = True  # a client that did not wait

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint = Endpoint(f"http://127.0.0.1:{server.server_port}/v1")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
