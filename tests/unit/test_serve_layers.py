"""`/v1/layers`: every layer at every token."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tacitly.detect.records import GivenAnswer
from tacitly.detect.scorer import Scorer
from tacitly.models.load import LanguageModel
from tests.unit.detect_samples import made_detector, tiny
from tests.unit.test_detect_tokens import token_probes, with_tokens
from tests.unit.test_serve_score import Service, made_app

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def scorer(model: LanguageModel) -> Scorer:
    return Scorer(with_tokens(made_detector(model), token_probes(layers=(0, 2, 3))), model)


@pytest.fixture
def client(scorer: Scorer) -> Iterator[TestClient]:
    with TestClient(made_app(Service(scorer))) as client:
        yield client


def test_the_strip_is_the_scorer_s(client: TestClient, scorer: Scorer) -> None:
    found = client.post("/v1/layers", json={"question": "Which?", "answer": "The sea"}).json()
    expected = scorer.score_layers(scorer.prepare(GivenAnswer(id="1", question="Which?", answer="The sea")))
    assert list(found) == ["site", "layers", "layer", "tokens", "p_correct", "error"]
    assert (found["site"], found["layers"], found["layer"], found["error"]) == ("residual", [0, 2, 3], 2, None)
    assert "".join(token["text"] for token in found["tokens"]) == "The sea"
    for row, other in zip(found["p_correct"], expected.p_correct, strict=True):
        assert row == pytest.approx(list(other), abs=1e-4)


def test_its_row_of_the_scoring_layer_is_what_score_says(client: TestClient) -> None:
    row = {"question": "Which?", "answer": "The sea"}
    strip = client.post("/v1/layers", json=row).json()
    tokens = client.post("/v1/score", json={**row, "tokens": True}).json()["tokens"]
    said = strip["p_correct"][strip["layers"].index(strip["layer"])]
    assert said == pytest.approx([token["p_correct"] for token in tokens], abs=1e-4)


@pytest.mark.parametrize(
    ("value", "param", "words"),
    [
        ([{"question": "q", "answer": "a"}], None, "the body"),
        ({"question": "q", "answer": "a", "tokens": True}, "tokens", "not supported"),
        ({"question": "q", "answer": ""}, "answer", "the answer is empty; allowed: an answer with at least one token"),
        ({"question": "q", "token_ids": [99999]}, "answer", "which the model does not have"),
        ({"question": "q", "answer": "a" * 190}, "answer", "tokens with its prompt; allowed: 200"),
    ],
    ids=lambda v: str(v)[:30],
)
def test_bad_fields_are_named(client: TestClient, value: object, param: str | None, words: str) -> None:
    reply = client.post("/v1/layers", json=value)
    assert (reply.status_code, reply.json()["error"]["param"]) == (422, param)
    assert words in reply.json()["error"]["message"]


def test_a_detector_without_token_scores_says_so(model: LanguageModel) -> None:
    with TestClient(made_app(Service(Scorer(made_detector(model), model)))) as client:
        error = client.post("/v1/layers", json={"question": "q", "answer": "a"}).json()["error"]
    assert (error["code"], error["param"]) == ("no_token_scores", None)
    assert "train it again with `tacitly study`" in error["message"]


def test_scoring_that_fails_says_so(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(self: Scorer, answer: object) -> None:
        raise RuntimeError("Quillon")

    monkeypatch.setattr(Scorer, "score_layers", failing)
    reply = client.post("/v1/layers", json={"question": "q", "answer": "a"})
    assert reply.status_code == 200
    assert reply.json()["error"] == "scoring failed (RuntimeError)"
    assert reply.json()["p_correct"] == [[], [], []]
