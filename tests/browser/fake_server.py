"""A small server that speaks the wire format of `tacitly serve` and says what a test wants it to say."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tacitly.serve.errors import ApiError, install_handlers
from tacitly.serve.page_route import page_router

Scored = tuple[str, float | None]

ANSWER: tuple[Scored, ...] = (
    ("Met", 0.83),
    ("op", 0.66),
    ("rol", 0.74),
    ("ol", 0.71),
    (" is", 0.64),
    (" a", 0.55),
    (" calcium", 0.31),
    (" channel", 0.12),
    (" block", 0.22),
    ("er", 0.17),
    (",", 0.42),
    (" used", 0.47),
    (" for", 0.51),
    (" high", 0.58),
    (" blood", 0.62),
    (" pressure", 0.81),
    (".", 0.44),
)
QUESTION = "Which class of drugs does metoprolol belong to?"
EXACT = "calcium channel blocker"


def judged(text: str, exact: str | None = EXACT, p_correct: float | None = 0.17) -> dict[str, Any]:
    """A verdict as the server gives it."""
    start = text.index(exact) if exact else None
    return {
        "p_correct": p_correct,
        "verdict": "abstain" if p_correct is None else "doubt" if p_correct < 0.44 else "trust",
        "exact_answer": exact,
        "start": start,
        "end": start + len(exact) if exact and start is not None else None,
        "scored": None if p_correct is None else "exact_answer" if exact else "any_answer",
        "reason": None if exact else "no exact answer was found (nothing matched)",
    }


@dataclass(slots=True)
class Script:
    """What the server does next; a test changes it as it goes."""

    tokens: tuple[Scored, ...] = ANSWER
    verdict: dict[str, Any] = field(default_factory=lambda: judged("".join(text for text, _ in ANSWER)))
    finish_reason: str = "stop"
    refusal: ApiError | None = None
    score_error: str | None = None
    answer_error: str | None = None
    lose_after: int | None = None
    hold_after: int | None = None
    go_on: threading.Event = field(default_factory=threading.Event)
    stream_left: threading.Event = field(default_factory=threading.Event)
    key: str | None = None
    cautions: tuple[str, ...] = ()
    layers: int = 5
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.tokens)


def fake_server(script: Script) -> uvicorn.Config:
    """The server that follows a script."""
    app = FastAPI()
    install_handlers(app)
    app.include_router(page_router())

    async def body_of(request: Request) -> dict[str, Any]:
        if script.key and request.headers.get("Authorization") != f"Bearer {script.key}":
            raise ApiError(401, "the key is missing or wrong")
        if script.refusal:
            raise script.refusal
        body = json.loads(await request.body() or b"{}")
        script.asked.append(body)
        return body

    @app.get("/v1/models")
    async def models(request: Request) -> Response:
        if script.key and request.headers.get("Authorization") != f"Bearer {script.key}":
            raise ApiError(401, "the key is missing or wrong")
        model = {"id": "fake-model", "object": "model", "created": 0, "owned_by": "tacitly"}
        return JSONResponse({"object": "list", "data": [{**model, "tacitly": {"cautions": list(script.cautions)}}]})

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        await body_of(request)
        return StreamingResponse(_chunks(script, request), media_type="text/event-stream")

    @app.post("/v1/score")
    async def score(request: Request) -> Response:
        answer = (await body_of(request))["answer"]
        said = judged(answer, EXACT if EXACT in answer else None, 0.61)
        tokens = [token | ({"p_correct": None} if script.score_error else {}) for token in _tokens_of(answer)]
        errors = {"error": script.answer_error, "tokens_error": script.score_error}
        return JSONResponse({"id": "1", **said, "tokens": tokens, **errors})

    @app.post("/v1/layers")
    async def layers(request: Request) -> Response:
        answer = (await body_of(request))["answer"]
        tokens = _tokens_of(answer)
        scores = [[(7 * layer + 3 * i) % 100 / 100 for i in range(len(tokens))] for layer in range(script.layers)]
        shown = [{name: token[name] for name in ("text", "start", "end")} for token in tokens]
        numbers = list(range(script.layers))
        said = {"site": "mlp", "layers": numbers, "layer": 3, "tokens": shown, "p_correct": scores}
        if script.score_error:
            said |= {"tokens": [], "p_correct": [[] for _ in numbers]}
        return JSONResponse({**said, "error": script.score_error})

    return uvicorn.Config(app, port=0, log_config=None, ws="none")


async def _chunks(script: Script, request: Request) -> AsyncIterator[str]:
    try:
        for number, (text, p_correct) in enumerate(script.tokens):
            while number == script.hold_after and not script.go_on.is_set():
                await asyncio.sleep(0.01)
            if number == script.lose_after:
                raise ConnectionResetError
            tacitly: dict[str, Any] = {"tokens": [{"text": text, "p_correct": p_correct}]}
            if script.score_error:
                tacitly["error"] = script.score_error
            yield _event({"delta": {"content": text}, "finish_reason": None, "tacitly": tacitly})
        yield _event({"delta": {}, "finish_reason": script.finish_reason, "tacitly": script.verdict})
        yield "data: [DONE]\n\n"
    finally:
        script.stream_left.set()


def _event(choice: dict[str, Any]) -> str:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "fake-model"}
    return f"data: {json.dumps({**chunk, 'choices': [{'index': 0, **choice}]})}\n\n"


def _tokens_of(answer: str) -> list[dict[str, Any]]:
    """Words with the space before them; the scores go up and down."""
    tokens, place = [], 0
    for number, word in enumerate(answer.split(" ")):
        text = word if number == 0 else f" {word}"
        tokens.append(
            {"text": text, "start": place, "end": place + len(text), "p_correct": (37 * number + 11) % 100 / 100}
        )
        place += len(text)
    return tokens


@contextmanager
def served(config: uvicorn.Config) -> Iterator[str]:
    """Serve on a free port of this machine, by uvicorn in a thread; gives the address."""
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the server did not start")
            thread.join(0.01)
        [port] = {sock.getsockname()[1] for one in server.servers for sock in one.sockets}
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
