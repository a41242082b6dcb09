"""The key, the size and the form of bodies."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import math
from collections import Counter

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import Response, StreamingResponse

from tacitly.serve.errors import ApiError, install_handlers
from tacitly.serve.gate import Gate, json_value
from tacitly.serve.json_body import read_json
from tacitly.serve.limits import Limits
from tacitly.serve.metrics import Metrics
from tacitly.serve.pace import AT_ONCE, Pace
from tests.unit.gate_samples import request as http_request
from tests.unit.gate_samples import running

pytestmark = pytest.mark.unit

LIMITS = Limits(body_bytes=200_000, bodies_bytes=250_000)
KEYS = ["secret", "sécrèt-ключ-鍵", "with:colon", "x" * 300]


def made_app(*, api_key: str | None = None, limits: Limits = LIMITS, metrics: Metrics | None = None) -> FastAPI:
    app = bare_app()
    app.add_middleware(Gate, api_key=api_key, limits=limits, metrics=metrics)
    return app


def bare_app() -> FastAPI:
    app = FastAPI()
    install_handlers(app)

    @app.get("/health")
    async def health() -> str:
        return "ok"

    @app.post("/length")
    async def length(request: Request) -> int:
        return len(json.dumps(await json_value(request)))

    @app.post("/twice")
    async def twice(request: Request) -> bool:
        return await json_value(request) is await json_value(request)

    @app.get("/broken")
    async def broken() -> Response:
        async def parts():
            yield b"a"
            raise RuntimeError("Quillon")

        return StreamingResponse(parts())

    return app


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(made_app())


def post(client: TestClient, body: bytes, kind: str | None = "application/json"):
    return client.post("/length", content=body, headers={"content-type": kind} if kind else {})


@pytest.mark.parametrize("key", KEYS)
def test_the_key_opens_and_nothing_else_does(key: str) -> None:
    client = TestClient(made_app(api_key=key))
    raw = key.encode()
    good = [b"Bearer " + raw, b"bearer  " + raw, b"Basic " + base64.b64encode(b"any one:" + raw)]
    bad = [
        b"",
        b"Bearer",
        b"Bearer " + raw[:-1],
        b"Bearer " + raw + b"x",
        raw,
        b"Basic " + base64.b64encode(raw),
        b"Basic not base64!",
        b"Digest " + raw,
        b"Basic " + base64.b64encode(b"any:" + raw + b"x"),
    ]
    for header in good:
        assert client.post("/length", json=[], headers={"authorization": header}).status_code == 200
    for header in bad:
        reply = client.post("/length", json=[], headers={"authorization": header})
        assert (reply.status_code, reply.json()["error"]["type"]) == (401, "authentication_error")
        assert reply.json()["error"]["code"] == "invalid_api_key"
        assert key not in reply.text
    assert client.post("/length", json=[]).status_code == 401
    twice = [(b"authorization", good[0]), (b"authorization", good[0])]
    assert client.post("/length", json=[], headers=twice).status_code == 401


def test_a_key_is_known_as_latin_1_too() -> None:
    client = TestClient(made_app(api_key="sécrèt"))
    assert client.post("/length", json=[], headers={"authorization": "Bearer sécrèt".encode("latin-1")}).is_success


def test_keys_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def noted(left: bytes, right: bytes) -> bool:
        compared.append((len(left), len(right)))
        return left == right

    monkeypatch.setattr(hmac, "compare_digest", noted)
    client = TestClient(made_app(api_key="secret"))
    for key in ("x", "secre", "secret", "s" * 5000):
        client.post("/length", json=[], headers={"authorization": f"Bearer {key}"})
    assert compared == [(hashlib.sha256().digest_size,) * 2] * 4  # as long whatever the key is


def test_only_health_is_open() -> None:
    client = TestClient(made_app(api_key="secret"))
    assert client.get("/health").json() == "ok"
    for path in ("/", "/broken", "/openapi.json", "/nothing", "/health/", "//health", "/HEALTH", "/health%2f"):
        assert client.get(path).status_code == 401, path


def test_a_browser_is_asked_for_the_key() -> None:
    client = TestClient(made_app(api_key="secret"))
    page = client.get("/", headers={"accept": "text/html,*/*"})
    assert page.headers["www-authenticate"] == 'Basic realm="tacitly", charset="UTF-8"'
    assert client.get("/").headers["www-authenticate"].startswith("Bearer ")
    assert client.post("/length", headers={"accept": "text/html"}).headers["www-authenticate"].startswith("Bearer ")


def test_a_body_is_read_once(client: TestClient) -> None:
    assert client.post("/twice", json={"a": 1}).json() is True


def test_large_bodies_are_refused_with_their_limit(client: TestClient) -> None:
    assert post(client, b'"' + b"x" * 100_000 + b'"').json() == 100_002
    reply = post(client, b"x" * 200_001)
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "body_too_large")
    assert "200,000 bytes" in reply.json()["error"]["message"]
    assert reply.headers["connection"] == "close"

    def chunks():
        for _ in range(30):
            yield b"x" * 10_000

    assert client.post("/length", content=chunks(), headers={"content-type": "application/json"}).status_code == 413
    assert client.request("GET", "/health", content=b"x" * 200_001).status_code == 413


def test_many_large_bodies_at_once_are_refused() -> None:
    gate = Gate(bare_app(), limits=LIMITS)
    gate.held = 240_000
    client = TestClient(gate)
    reply = post(client, b'"' + b"x" * 20_000 + b'"')
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "1")
    assert gate.held == 240_000
    gate.held = 0
    assert post(client, b'"' + b"x" * 20_000 + b'"').status_code == 200


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=x"]
)
def test_another_kind_of_body_is_refused(client: TestClient, kind: str | None) -> None:
    reply = post(client, b"[]", kind)
    assert (reply.status_code, reply.json()["error"]["code"]) == (415, "unsupported_content_type")


def test_usual_kinds_are_taken(client: TestClient) -> None:
    for kind in ("application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'):
        assert post(client, b"[]", kind).status_code == 200
    packed = client.post(
        "/length", content=b"[]", headers={"content-type": "application/json", "content-encoding": "gzip"}
    )
    assert packed.status_code == 415


def test_a_large_body_is_read_beside_the_loop(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from tacitly.serve import gate

    seen = []

    def noted(body: bytes, *, depth: int) -> object:
        seen.append(threading.current_thread().name.startswith("json"))
        return read_json(body, depth=depth)

    monkeypatch.setattr(gate, "read_json", noted)
    post(client, b'"' + b"x" * 100_000 + b'"')
    post(client, b'"x"')
    assert seen == [True, False]


def test_a_failure_amid_a_reply_ends_the_connection_without_words(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), running(made_app()) as served, served.connect() as client:
        client.sendall(http_request("/broken"))
        got = b""
        while part := client.recv(65536):
            got += part
    assert b"200 OK" in got
    assert not got.endswith(b"0\r\n\r\n")  # cut, so that the client knows
    assert "Quillon" not in caplog.text
    assert "a request failed: RuntimeError" in caplog.text


def test_no_text_of_a_request_is_logged_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(1), running(made_app(api_key="hunter2")) as served:
        for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "fastapi", "openai", "tacitly"):
            logging.getLogger(name).setLevel(1)
        key = "Authorization: Bearer hunter2"
        assert served.ask(http_request("/length", b'{"prompt": "Quillon"}', headers=[key])).status == 200
        assert served.ask(http_request("/length?text=Quillon", b'{"Quillon"', headers=[key])).status == 400
        assert served.ask(http_request("/Quillon", headers=[key])).status == 404
        assert served.ask(http_request("/Quillon", headers=["Authorization: Bearer Quillon"])).status == 401
        assert served.ask(b"GET / Quillon\r\n\r\n").status == 400
    for word in ("Quillon", "hunter2"):
        assert word not in caplog.text


def test_another_name_for_this_machine_is_refused_without_a_key() -> None:
    with running(made_app()) as served:
        for host in ("localhost", "localhost:80", "127.0.0.1:99", "[::1]:80", "[::1]"):
            assert served.ask(f"GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).status == 200
        for host in ("evil.example", "localhost.evil.example:80", "127.0.0.1.evil.example"):
            answer = served.ask(f"GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert (answer.status, answer.error["code"]) == (403, "unknown_host")
    with running(made_app(api_key="secret")) as served:
        assert served.ask(b"GET /health HTTP/1.1\r\nHost: my.server\r\n\r\n").status == 200


def test_replies_are_counted_by_declared_address() -> None:
    metrics = Metrics()
    client = TestClient(made_app(metrics=metrics))
    client.get("/health")
    client.get("/Quillon")
    post(client, b"nonsense")
    text = metrics.text().decode()
    assert 'tacitly_requests_total{route="/health",status="200"} 1.0' in text
    assert 'tacitly_requests_total{route="other",status="404"} 1.0' in text
    assert 'tacitly_requests_total{route="/length",status="400"} 1.0' in text
    assert "Quillon" not in text


def test_a_websocket_is_not_opened() -> None:
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(Gate(made_app())({"type": "websocket"}, None, send))  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]


REFUSED = {
    b"": 400,
    b"  \n": 400,
    b"nonsense": 400,
    b"{": 400,
    b"[1, 2": 400,
    b"]": 400,
    b'{"a": 1, "a": 2}': 400,
    b'{"a": 1} trailing': 400,
    b"\xff\xfe": 400,
    b"\xef\xbb\xbf[]": 400,
    b'["\xed\xa0\x80"]': 400,
    b'["a\x00b"]': 400,
    b"[" * 40 + b"]" * 40: 400,
    b'{"a":' * 40 + b"1" + b"}" * 40: 400,
    b"[" * 500_000: 400,
    b"[" + b"[]," * 10_001 + b"1]": 400,
    b"[" + b"1," * 100_001 + b"1]": 400,
    b'"' * 300_000: 400,
    b"9" * 5000: 400,
    json.dumps({str(i): i for i in range(1001)}).encode(): 400,
    b"NaN": 422,
    b'{"a": [1, NaN]}': 422,
    b'{"a": -Infinity}': 422,
    b'{"a": 1e999}': 422,
    b'{"a": 99999999999999999999}': 422,
    b'{"a": "\\ud800"}': 422,
    b'{"\\udc00": 1}': 422,
}


@pytest.mark.parametrize(("body", "status"), list(REFUSED.items()), ids=lambda v: str(v)[:20])
def test_what_is_no_json_is_refused_in_one_line(body: bytes, status: int) -> None:
    with pytest.raises(ApiError) as caught:
        read_json(body, depth=32)
    assert caught.value.status == status
    assert "\n" not in caught.value.message
    assert "allowed" in caught.value.message


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"a": {"b": [1, NaN]}}', "a.b.1"),
        (b'[{"x": "\\udfff"}]', "0.x"),
        (b'{"a": 1, "a": 2}', "a"),
        (b"Infinity", None),
        (b'{"first": 1e999, "second": NaN}', "first"),
    ],
)
def test_the_field_is_named(body: bytes, param: str | None) -> None:
    with pytest.raises(ApiError) as caught:
        read_json(body, depth=32)
    assert caught.value.param == param


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, -2.5, True, None, "é😀\u0000\u0007"], "b": {}},
        "[[[[" * 100,
        '"\\" [' * 100,
        "NaN Infinity 1e999 12345678901234567890",
        [[]] * 100,
        2**63 - 1,
        1e18,
    ],
)
def test_usual_values_are_read_as_they_are(value: object) -> None:
    for ascii_only in (True, False):
        assert read_json(json.dumps(value, ensure_ascii=ascii_only).encode(), depth=32) == value


def test_32_levels_are_read_and_33_are_not() -> None:
    assert read_json(b"[" * 32 + b"]" * 32, depth=32) is not None
    with pytest.raises(ApiError, match="32 levels"):
        read_json(b"[" * 33 + b"]" * 33, depth=32)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(-1e18, 1e18) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)


@given(JSON)
@settings(max_examples=200)
def test_any_value_is_read_as_it_was(value: object) -> None:
    assert read_json(json.dumps(value).encode(), depth=32) == value


BYTES = (
    st.binary()
    | st.text(alphabet='[]{}":,\\ u0d8ax1e9NaN-.\n\t').map(str.encode)
    | JSON.map(json.dumps).map(str.encode)
)


@given(BYTES, st.integers(0, 200))
@settings(max_examples=500)
def test_any_bytes_are_read_or_refused(body: bytes, cut: int) -> None:
    for some in (body, body[:cut], body + body):
        try:
            value = read_json(some, depth=8)
        except ApiError:
            continue
        for one in _leaves(value):
            if isinstance(one, str):
                one.encode()
            elif isinstance(one, int | float):
                assert math.isfinite(one)


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [*value, *(leaf for one in value.values() for leaf in _leaves(one))]
    return [leaf for one in value for leaf in _leaves(one)] if isinstance(value, list) else [value]


def test_requests_begin_a_few_at_a_time_and_in_their_order() -> None:
    async def begun() -> list[tuple[int, int]]:
        pace, order, rounds = Pace(), [], 0

        async def one(number: int) -> None:
            await pace.turn()
            order.append((number, rounds))

        tasks = [asyncio.create_task(one(i)) for i in range(20)]
        tasks[7].cancel()
        while not all(task.done() for task in tasks):
            rounds += 1
            await asyncio.sleep(0)
        return order

    order = asyncio.run(begun())
    assert [number for number, _ in order] == [i for i in range(20) if i != 7]
    in_round = Counter(round_ for _, round_ in order)
    assert max(in_round.values()) <= AT_ONCE


def test_health_waits_for_nobody() -> None:
    gate = Gate(bare_app())
    gate._pace.turn = None  # type: ignore[method-assign]
    assert TestClient(gate).get("/health").json() == "ok"
