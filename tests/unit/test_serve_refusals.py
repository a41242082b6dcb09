"""What the official client asks for and does not get: each field is refused by name, and none is left unread."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import openai
import pytest
from openai.types import completion_create_params as text_params
from openai.types.chat import completion_create_params as chat_params

from tacitly.models.load import LanguageModel
from tacitly.serve.schemas import _NEUTRAL, IGNORED, ChatRequest, CompletionRequest
from tests.unit.detect_samples import made_detector
from tests.unit.serve_samples import LIMITS, LONG, Server, ask, made_model, made_service, say, serving

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return made_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def server(model: LanguageModel) -> Iterator[Server]:
    with serving(made_service(model, limits=replace(LIMITS, answers=4))) as server:
        yield server


def refused(server: Server, **body: Any) -> tuple[int, str, str]:
    """What a chat request is refused with: status, field, words."""
    with pytest.raises(openai.APIStatusError) as error:
        ask(server, extra_body=body)
    said = error.value.body
    assert isinstance(said, dict)
    assert error.value.response.json().keys() == {"error"}
    return error.value.status_code, said["param"], said["message"]


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"messages": []}, "messages", "at least 1 item"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages.0.content", "a valid string or a valid list"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role", "'system', 'developer', 'user'"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages", "end with a message of the role 'user'"),
        ({"messages": [{"role": "user", "content": "  "}]}, "messages", "an empty question"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages.0.content.0.type",
            "'text'",
        ),
        ({"messages": [{"role": "user", "content": "x" * 150}]}, "messages", "allowed: at most 160; shorten it"),
        ({"messages": [{"role": "user", "content": "x" * 40_000}]}, "messages", "at most 32,768; shorten it"),
        ({"temperature": -0.1}, "temperature", "greater than or equal to 0"),
        ({"temperature": 3}, "temperature", "less than or equal to 2"),
        ({"temperature": "1"}, "temperature", "a valid number"),
        ({"top_p": 0}, "top_p", "greater than 0"),
        ({"n": 5}, "n", "allowed: at most 4"),
        ({"n": 0}, "n", "greater than or equal to 1"),
        ({"n": True}, "n", "a valid integer"),
        ({"max_tokens": 65}, "max_tokens", "is 65; allowed: at most 64"),
        ({"max_completion_tokens": 65}, "max_completion_tokens", "at most 64"),
        ({"max_tokens": 3, "max_completion_tokens": 4}, "max_completion_tokens", "the same as 'max_tokens'"),
        ({"stop": 3}, "stop", "a valid string or a valid list"),
        ({"stop": ["a"] * 5}, "stop", "at most 4 items"),
        ({"stop": [""]}, "stop.0", "at least 1 character"),
        ({"seed": 2**63}, "seed", "2**63"),
        ({"seed": 1.5}, "seed", "a valid integer"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "left out without 'stream'"),
        ({"stream": True, "n": 2, "choose": "probe"}, "choose", "left out with 'stream'"),
        ({"choose": "best"}, "choose", "'probe'"),
        ({"tools": [{"type": "function"}]}, "tools", "is not supported"),
        ({"response_format": {"type": "json_object"}}, "response_format", "is not supported"),
        ({"frequency_penalty": 0.5}, "frequency_penalty", "is not supported"),
        ({"store": 0}, "store", "is not supported"),
        ({"top_logprobs": 3, "logprobs": True}, "top_logprobs", "is not supported"),
        ({"heat": 1}, "heat", "is not supported"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_by_name(
    server: Server, changes: dict[str, Any], field: str, words: str
) -> None:
    status, param, message = refused(server, **changes)
    assert (status, param) == (422, field)
    assert words in message
    assert "\n" not in message


def test_what_asks_for_nothing_is_let_pass(server: Server) -> None:
    neutral = {name: values[0] for name, values in _NEUTRAL.items() if values} | {"user": "someone", "logit_bias": None}
    assert ask(server, extra_body=neutral).choices[0].message.content == ask(server).choices[0].message.content


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (ChatRequest, chat_params.CompletionCreateParamsStreaming),
        (CompletionRequest, text_params.CompletionCreateParamsStreaming),
    ],
)
def test_no_parameter_of_openai_s_is_left_unread(kind: type[ChatRequest | CompletionRequest], params: Any) -> None:
    known = set(kind.model_fields) | set(_NEUTRAL)
    assert set(params.__annotations__) - known == set()
    assert not set(kind.model_fields) & set(_NEUTRAL) - {"logprobs"}
    assert set(IGNORED) < set(kind.model_fields)


def test_another_model_is_not_there(server: Server) -> None:
    for call in (
        lambda: ask(server, model="gpt-5"),
        lambda: server.client.models.retrieve("gpt-5"),
        lambda: server.client.completions.create(model="a/b", prompt="x"),
    ):
        with pytest.raises(openai.NotFoundError) as error:
            call()
        assert error.value.code == "model_not_found"
        assert "allowed: 'a-tiny-model'" in error.value.message
    [listed] = server.client.models.list().data
    assert (listed.id, listed.object) == ("a-tiny-model", "model")
    assert server.client.models.retrieve("a-tiny-model").id == "a-tiny-model"
    assert listed.tacitly == {"cautions": []}  # type: ignore[attr-defined]


def test_the_model_comes_with_why_its_scores_may_mean_less(model: LanguageModel) -> None:
    detector = made_detector(model, asking=LONG.model_copy(update={"whole": False}))
    with serving(made_service(model, detector)) as server:
        [listed] = server.client.models.list().data
    assert listed.tacitly == {  # type: ignore[attr-defined]
        "cautions": ["the detector learned on questions that came with more than a question, such as a passage"]
    }


def test_a_full_server_says_when_to_try_again(model: LanguageModel) -> None:
    with serving(made_service(model, limits=replace(LIMITS, answers=4, streams=1, waiting=1))) as server:
        with pytest.raises(openai.RateLimitError) as error:
            ask(server, n=3)
        assert int(error.value.response.headers["retry-after"]) >= 1
        assert len(ask(server, n=2).choices) == 2


def test_the_key_is_asked_for(model: LanguageModel) -> None:
    with serving(made_service(model), api_key="a-key") as server:
        with pytest.raises(openai.AuthenticationError):
            ask(server)
        client = server.client.with_options(api_key="a-key")
        assert client.chat.completions.create(**say()).choices[0].message.content


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [3, 900]}, "prompt"),
        ({"prompt": [3] * 200}, "prompt"),
        ({"prompt": ["a"] * 5}, "prompt"),
        ({"prompt": ["a", 3]}, "prompt"),
        ({"prompt": ["a", "b"], "n": 2, "choose": "probe"}, "choose"),
        ({"prompt": "a", "echo": True}, "echo"),
        ({"prompt": "a", "logprobs": 2}, "logprobs"),
        ({"prompt": "a", "suffix": "b"}, "suffix"),
        ({}, "prompt"),
    ],
)
def test_what_cannot_be_gone_on_with_is_refused_by_name(server: Server, body: dict[str, Any], field: str) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as error:
        server.client.post("/completions", body={"model": "a-tiny-model", **body}, cast_to=object)
    assert str(error.value.body["param"]).split(".")[0] == field
    assert "\n" not in error.value.body["message"]


def test_the_description_of_the_api_names_every_field(server: Server) -> None:
    from urllib.request import urlopen

    with urlopen(f"{server.url}/openapi.json") as reply:
        described = json.load(reply)
    body = described["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == set(ChatRequest.model_fields)
    assert body["additionalProperties"] is False
    assert "text/event-stream" in described["paths"]["/v1/completions"]["post"]["responses"]["200"]["content"]


def test_nothing_of_a_request_is_sent_elsewhere(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from tacitly.serve.app import create_app

    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    app = create_app(server.service)
    assert not app._native_telemetry.enabled()
    assert not app._telemetry["auto_configure"]
