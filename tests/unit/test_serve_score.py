"""`/v1/score`: existing answers, scored beside those that are being written."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from queue import Queue
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tacitly.detect.records import FIELDS
from tacitly.detect.scorer import Scorer
from tacitly.detect.token_scores import NO_TOKEN_SCORES
from tacitly.engines.torch_engine import TorchEngine
from tacitly.models.load import LanguageModel
from tacitly.serve import scoring
from tacitly.serve.errors import install_handlers
from tacitly.serve.gate import Gate
from tacitly.serve.layers_route import layers_router
from tacitly.serve.limits import Limits
from tacitly.serve.metrics import Metrics
from tacitly.serve.score_route import score_router
from tests.unit.detect_samples import asked, made_detector, tiny
from tests.unit.gate_samples import PATIENCE, request, running
from tests.unit.test_detect_tokens import token_probes, with_tokens

pytestmark = pytest.mark.unit

LIMITS = Limits(prompt_characters=500, score_tokens=200, score_answers=20, scoring=2)


@dataclass
class Service:
    """What the routes need of the real one."""

    scorer: Scorer
    model_lock: AbstractContextManager[Any] = field(default_factory=threading.Lock)
    metrics: Metrics = field(default_factory=Metrics)


def made_app(service: Service, limits: Limits = LIMITS) -> FastAPI:
    app = FastAPI()
    install_handlers(app)
    app.include_router(score_router(service, limits))
    app.include_router(layers_router(service, limits))
    app.add_middleware(Gate, limits=limits, metrics=service.metrics)
    return app


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def scorer(model: LanguageModel) -> Scorer:
    return Scorer(with_tokens(made_detector(model), token_probes()), model, batch_size=8)


@pytest.fixture
def service(scorer: Scorer) -> Service:
    return Service(scorer)


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    with TestClient(made_app(service)) as client:
        yield client


def test_one_answer_is_scored_as_detect_scores_it(client: TestClient, scorer: Scorer) -> None:
    row = {"question": "Which organ?", "answer": "The liver"}
    [expected] = scorer.score([row])
    found = client.post("/v1/score", json=row).json()
    assert list(found) == list(FIELDS)
    assert found["p_correct"] == pytest.approx(expected.p_correct, abs=1e-4)
    assert {**found, "p_correct": None} == {**expected.as_dict(), "p_correct": None}


def test_a_list_is_answered_in_its_order(client: TestClient, scorer: Scorer) -> None:
    rows = [{"question": asked(i), "answer": "sea " * (1 + i * 7 % 13), "id": f"row {i}"} for i in range(20)]
    found = client.post("/v1/score", json=rows).json()
    assert [one["id"] for one in found] == [row["id"] for row in rows]
    for one, expected in zip(found, scorer.score(rows), strict=True):
        assert one["p_correct"] == pytest.approx(expected.p_correct, abs=1e-4)
        assert one["exact_answer"] == expected.exact_answer
    alone = [client.post("/v1/score", json=row).json() for row in rows[:4]]
    for one, other in zip(alone, found, strict=False):
        assert one["p_correct"] == pytest.approx(other["p_correct"], abs=1e-4)


def test_tokens_are_scored_where_they_are_asked_for(client: TestClient, scorer: Scorer) -> None:
    rows = [{"question": "Which?", "answer": "The sea", "tokens": i % 2 == 0} for i in range(4)]
    found = client.post("/v1/score", json=rows).json()
    assert ["tokens" in one for one in found] == [True, False, True, False]
    [expected] = scorer.score_tokens([{"question": "Which?", "answer": "The sea"}])
    assert "".join(token["text"] for token in found[0]["tokens"]) == "The sea"
    for token, other in zip(found[0]["tokens"], expected.tokens, strict=True):
        assert set(token) == {"text", "start", "end", "p_correct"}
        assert token["p_correct"] == pytest.approx(other.p_correct, abs=1e-4)
    assert found[0]["tokens_error"] is None
    assert found[0]["p_correct"] == pytest.approx(found[1]["p_correct"], abs=1e-4)


def test_token_ids_are_taken_in_the_answer_s_place(client: TestClient, model: LanguageModel) -> None:
    ids = model.tokenizer("The sea")["input_ids"]
    text = client.post("/v1/score", json={"question": "Which?", "answer": "The sea"}).json()
    tokens = client.post("/v1/score", json={"question": "Which?", "token_ids": [*ids, 1]}).json()
    assert tokens["p_correct"] == pytest.approx(text["p_correct"], abs=1e-6)


@pytest.mark.parametrize(
    ("value", "param", "words"),
    [
        ({}, "question", "'question' is missing"),
        ({"question": "q"}, "answer", "one of them, or both"),
        ({"question": " ", "answer": "a"}, "question", "'question' is empty; allowed: a text"),
        ({"question": 5, "answer": "a"}, "question", "should be a valid string"),
        ({"question": "q", "answer": ["a"]}, "answer", "should be a valid string"),
        ({"question": "q", "token_ids": [1, "2"]}, "token_ids.1", "should be a valid integer"),
        ({"question": "q", "token_ids": [-1]}, "token_ids.0", "greater than or equal to 0"),
        ({"question": "q", "token_ids": [True]}, "token_ids.0", "should be a valid integer"),
        ({"question": "q", "token_ids": [1] * 201}, "token_ids", "has 201 tokens; allowed: 200"),
        ({"question": "q", "answer": "a" * 600}, "answer", "has 600 characters; allowed: 500"),
        ({"question": "q", "answer": "a" * 190}, "answer", "tokens with its prompt; allowed: 200; shorten it"),
        ({"question": "q", "answer": "a", "model": "x"}, "model", "'model' is not supported; leave it out"),
        ({"question": "q", "answer": "a", "tokens": 1}, "tokens", "should be a valid boolean"),
        ({"question": "q", "answer": "a", "id": "x" * 999}, "id", "at most 200 characters"),
        ({"question": "q", "answer": "a", "choices": "x|y"}, "choices", "should be a valid list"),
        ([], None, "the list has 0 answers; allowed: 1 to 20"),
        ([{"question": "q", "answer": "a"}] * 21, None, "the list has 21 answers; allowed: 1 to 20"),
        ([{"question": "q", "answer": "a"}, {"question": "q", "answer": 5}], "1.answer", "'1.answer': should be"),
        ([{"question": "q", "answer": "a"}, {"question": "q"}], "1.answer", "one of them, or both"),
        ("text", None, "the body"),
        (None, None, "the body"),
        ([[1]], "0", "'0'"),
    ],
    ids=lambda v: str(v)[:30],
)
def test_bad_fields_are_named_with_what_is_allowed(
    client: TestClient, value: object, param: str | None, words: str
) -> None:
    content = json.dumps(value)
    reply = client.post("/v1/score", content=content, headers={"content-type": "application/json"})
    assert reply.status_code == 422
    error = reply.json()["error"]
    assert (error["param"], error["type"]) == (param, "invalid_request_error")
    assert words in error["message"]


def test_what_cannot_be_looked_at_has_an_error_in_its_place(client: TestClient) -> None:
    rows = [
        {"question": "Which?", "token_ids": [99999], "tokens": True},
        {"question": "Which?", "answer": "sea", "context": "A passage."},
        {"question": "Which?", "answer": "", "tokens": True},
        {"question": "Which?", "answer": "sea"},
    ]
    unknown, passage, empty, good = client.post("/v1/score", json=rows).json()
    assert "99999, which the model does not have; allowed: 0 to 260" in unknown["error"]
    assert (unknown["p_correct"], unknown["verdict"], unknown["tokens"]) == (None, None, [])
    assert "has a 'context', which no question of the detector's study had" in passage["error"]
    assert (empty["error"], empty["verdict"], empty["reason"]) == (None, "abstain", "the answer is empty")
    assert good["error"] is None
    assert good["p_correct"] is not None


def test_control_characters_and_other_scripts_are_scored(client: TestClient) -> None:
    for text in ("\x00\x07\x1b[31m", "\u202e\u200b", "<|end|><|user|>", "😀" * 20, "سلام", "\r\n\t "):
        reply = client.post("/v1/score", json={"question": text + "?", "answer": text, "tokens": True})
        assert reply.status_code == 200, text
        assert "".join(token["text"] for token in reply.json()["tokens"]) in (text, "")


def test_scoring_that_fails_says_so_and_the_rest_goes_on(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    judge = Scorer.judge

    def failing(self: Scorer, answers: list, *, tokens: bool = False) -> object:
        if any("Quillon" in str(one.given.answer) for one in answers):
            raise RuntimeError("Quillon")
        return judge(self, answers, tokens=tokens)

    monkeypatch.setattr(Scorer, "judge", failing)
    monkeypatch.setattr(scoring, "TOKENS_AT_ONCE", 1)
    rows = [{"question": "Which?", "answer": "Quillon", "tokens": True}, {"question": "Which?", "answer": "sea"}]
    with caplog.at_level(logging.DEBUG):
        bad, good = client.post("/v1/score", json=rows).json()
    assert (bad["p_correct"], bad["error"]) == (None, "scoring failed (RuntimeError)")
    assert (bad["tokens"], bad["tokens_error"]) == ([], "scoring failed (RuntimeError)")
    assert good["p_correct"] is not None
    assert "Quillon" not in caplog.text
    text = service.metrics.text().decode()
    assert "tacitly_scoring_failures_total 1.0" in text
    assert 'tacitly_tokens_total{kind="scored"} 3.0' in text


def test_a_detector_without_token_scores_says_so(model: LanguageModel) -> None:
    with TestClient(made_app(Service(Scorer(made_detector(model), model)))) as client:
        found = client.post("/v1/score", json={"question": "Which?", "answer": "sea", "tokens": True}).json()
    assert found["p_correct"] is not None
    assert [token["p_correct"] for token in found["tokens"]] == [None] * 3
    assert found["tokens_error"] == NO_TOKEN_SCORES


def test_passes_are_small_and_leave_the_model_to_others_in_between(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, passes, read = [], [], TorchEngine.read_states

    class Noted:
        def __enter__(self) -> None:
            held.append(True)

        def __exit__(self, *_: object) -> None:
            held.append(False)

    def noted(self: TorchEngine, readings: list, **kwargs: object) -> object:
        assert held[-1]
        passes.append(len(readings) * max(len(one.token_ids) for one in readings))
        return read(self, readings, **kwargs)

    monkeypatch.setattr(TorchEngine, "read_states", noted)
    service.model_lock = Noted()
    rows = [{"question": asked(i), "answer": "x" * 50} for i in range(20)]
    with TestClient(made_app(service)) as client:
        assert client.post("/v1/score", json=rows).status_code == 200
    assert len(passes) >= 4
    assert max(passes) <= scoring.TOKENS_AT_ONCE
    assert held == [True, False] * len(passes)


def test_too_many_requests_at_once_are_told_to_wait(service: Service) -> None:
    go_on = threading.Event()

    class Slow:
        def __enter__(self) -> None:
            assert go_on.wait(PATIENCE)

        def __exit__(self, *_: object) -> None:
            pass

    service.model_lock = Slow()
    with TestClient(made_app(service)) as client:
        replies: Queue[Any] = Queue()

        def ask() -> None:
            replies.put(client.post("/v1/score", json={"question": "Which?", "answer": "sea"}))

        threads = [threading.Thread(target=ask) for _ in range(LIMITS.scoring + 1)]
        for thread in threads:
            thread.start()
        refused = replies.get(timeout=PATIENCE)  # while all others wait
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["error"]["type"] == "rate_limit_error"
        go_on.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert [replies.get_nowait().status_code for _ in range(LIMITS.scoring)] == [200] * LIMITS.scoring
    assert "tacitly_refused_total 1.0" in service.metrics.text().decode()


def test_a_client_that_goes_away_is_not_worked_for(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    passes, gone, judge = [], threading.Event(), Scorer.judge

    def noted(self: Scorer, answers: list, *, tokens: bool = False) -> object:
        passes.append(len(answers))
        assert gone.wait(PATIENCE)
        return judge(self, answers, tokens=tokens)

    monkeypatch.setattr(Scorer, "judge", noted)
    monkeypatch.setattr(scoring, "TOKENS_AT_ONCE", 1)
    body = b"[" + b",".join([b'{"question": "Which?", "answer": "sea"}'] * 20) + b"]"
    with running(made_app(service), LIMITS) as served:
        with served.connect() as client:
            client.sendall(request("/v1/score", body))
            while not passes:
                threading.Event().wait(0.01)
        lost = asyncio.run_coroutine_threadsafe(_alone(served.server.server_state), served.loop)
        lost.result(PATIENCE)
        gone.set()
        while 'route="/v1/score"' not in service.metrics.text().decode():
            threading.Event().wait(0.01)
    assert len(passes) == 1


async def _alone(state: Any) -> None:
    """Until no client is connected."""
    while state.connections:
        await asyncio.sleep(0.01)
