"""Conversations and completions through the official client: what comes back."""

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion

from tacitly.chat import Chat
from tacitly.models.load import LanguageModel
from tacitly.serve.asking import DRAWN, OTHER_WAY
from tests.unit.detect_samples import asked, made_detector, tiny
from tests.unit.gate_samples import PATIENCE
from tests.unit.serve_samples import LIMITS, LONG, QUESTION, Server, ask, chunks, made_model, made_service, say, serving

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return made_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def server(model: LanguageModel) -> Iterator[Server]:
    with serving(made_service(model, limits=replace(LIMITS, answers=4))) as server:
        yield server


def test_an_answer_is_that_of_chat_with_its_verdict(server: Server, model: LanguageModel) -> None:
    partner = Chat(model, server.service.detector)
    compared = 0
    for i in range(8):
        reply, expected = ask(server, asked(i)), partner.ask(asked(i))
        assert isinstance(reply, ChatCompletion)
        [choice] = reply.choices
        said = choice.tacitly
        assert choice.message.content == expected.answer
        assert choice.finish_reason == ("length" if expected.cut else "stop")
        assert (said["verdict"], said["scored"]) == (expected.verdict, expected.scored)
        assert said["p_correct"] == pytest.approx(expected.p_correct, abs=1e-3)
        if expected.span is not None:
            compared += 1
            assert said["exact_answer"] == expected.answer[said["start"] : said["end"]] == expected.span.exact_answer
        assert "".join(token["text"] for token in said["tokens"]) == expected.answer
        assert all(0 < token["p_correct"] < 1 for token in said["tokens"])
        assert "error" not in said
        assert "caution" not in said
    assert compared > 2


def test_a_stream_holds_what_the_reply_in_one_holds(server: Server) -> None:
    for options in ({}, {"stop": ["e", "zz"]}, {"temperature": 0.7, "seed": 5, "top_p": 0.9}):
        whole = ask(server, **options).choices[0]
        some = chunks(server, **options)
        assert some[0].choices[0].delta.role == "assistant"
        assert len({one.id for one in some}) == 1
        assert "".join(one.choices[0].delta.content or "" for one in some) == whole.message.content
        parts = [one.choices[0].tacitly for one in some[1:-1]]
        assert [token["text"] for part in parts for token in part["tokens"]] == [
            token["text"] for token in whole.tacitly["tokens"]
        ]
        for part, one in zip(parts, some[1:-1], strict=True):
            assert "".join(token["text"] for token in part["tokens"]) == one.choices[0].delta.content
        last = some[-1].choices[0]
        assert last.finish_reason == whole.finish_reason
        assert last.tacitly == pytest.approx({k: v for k, v in whole.tacitly.items() if k != "tokens"}, abs=1e-3)


def test_tokens_are_counted(server: Server) -> None:
    reply = ask(server, max_tokens=7, stop=["zz"])
    tokens = len(reply.choices[0].tacitly["tokens"])
    prompt = len(server.service.chat.prompt(QUESTION))
    assert reply.usage.model_dump(exclude_none=True) == {
        "prompt_tokens": prompt,
        "completion_tokens": 7,
        "total_tokens": prompt + 7,
    }
    assert tokens == 7
    *some, last = chunks(server, max_tokens=7, stream_options={"include_usage": True})
    assert last.choices == []
    assert last.usage == reply.usage
    assert {one.usage for one in some} == {None}


def test_a_seed_draws_the_same_answers_again(server: Server) -> None:
    def texts(**more: Any) -> list[str]:
        return [choice.message.content for choice in ask(server, n=3, **more).choices]

    first = texts(seed=7)
    assert len(set(first)) == 3
    assert texts(seed=7) == first
    assert texts(seed=-7) != first
    assert texts() != texts()
    assert len(set(texts(temperature=0))) == 1


def test_of_several_answers_the_one_is_chosen_that_the_detector_trusts_most(server: Server) -> None:
    several = ask(server, n=4, seed=3)
    best = max(several.choices, key=lambda choice: choice.tacitly["p_correct"])
    [chosen] = ask(server, n=4, seed=3, extra_body={"choose": "probe"}).choices
    assert chosen.message.content == best.message.content
    assert (chosen.index, chosen.tacitly["chosen_from"]) == (0, 4)
    assert several.usage == ask(server, n=4, seed=3, extra_body={"choose": "probe"}).usage
    *_, last = chunks(server, extra_body={"choose": "probe"})
    assert last.choices[0].tacitly["chosen_from"] == 1


def test_several_answers_are_streamed_side_by_side(server: Server) -> None:
    whole = ask(server, n=3, seed=4).choices
    texts = {0: "", 1: "", 2: ""}
    ended = []
    for chunk in chunks(server, n=3, seed=4):
        [choice] = chunk.choices
        texts[choice.index] += choice.delta.content or ""
        ended += [choice.index] if choice.finish_reason else []
    assert list(texts.values()) == [choice.message.content for choice in whole]
    assert sorted(ended) == [0, 1, 2]


def test_log_probabilities_are_there_for_who_wants_them(server: Server) -> None:
    plain = ask(server)
    assert plain.choices[0].logprobs is None
    [choice] = ask(server, logprobs=True).choices
    assert "".join(one.token for one in choice.logprobs.content) == choice.message.content
    assert all(one.logprob <= 0 for one in choice.logprobs.content)
    some = [one.choices[0] for one in chunks(server, logprobs=True)]
    streamed = [one.logprob for part in some if part.logprobs for one in part.logprobs.content]
    assert streamed == pytest.approx([one.logprob for one in choice.logprobs.content], abs=1e-3)


def test_another_way_of_asking_has_a_caution(server: Server) -> None:
    system = {"role": "system", "content": "Shout."}
    [choice] = ask(server, messages=[system, {"role": "user", "content": QUESTION}]).choices
    assert choice.tacitly["caution"] == OTHER_WAY
    [again] = ask(server, messages=[{**system, "role": "developer"}, {"role": "user", "content": QUESTION}]).choices
    assert again.message.content == choice.message.content
    [parts] = ask(server, messages=[{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]).choices
    assert "caution" not in parts.tacitly
    assert parts.message.content == ask(server).choices[0].message.content
    assert ask(server, temperature=1).choices[0].tacitly["caution"] == DRAWN
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": QUESTION},
    ]
    assert ask(server, messages=turns).usage.prompt_tokens > 20


def test_a_text_is_gone_on_with_as_it_is(server: Server) -> None:
    create = server.client.completions.create
    whole = create(model="a-tiny-model", prompt="Deep", max_tokens=9, logprobs=0)
    [choice] = whole.choices
    assert choice.tacitly["caution"] == OTHER_WAY
    assert "".join(token["text"] for token in choice.tacitly["tokens"]) == choice.text
    assert "".join(choice.logprobs.tokens) == choice.text
    assert whole.usage.prompt_tokens == 4
    ids = server.service.language_model.tokenizer("Deep")["input_ids"]
    assert create(model="a-tiny-model", prompt=ids, max_tokens=9).choices[0].text == choice.text
    several = create(model="a-tiny-model", prompt=["Deep", "Wide"], n=2, max_tokens=9, temperature=0)
    assert [one.index for one in several.choices] == [0, 1, 2, 3]
    assert [one.text for one in several.choices[:2]] == [choice.text] * 2
    assert several.choices[2].text == create(model="a-tiny-model", prompt="Wide", max_tokens=9).choices[0].text
    options = {"stream_options": {"include_usage": True}, "logprobs": 0}
    *some, total = create(model="a-tiny-model", prompt="Deep", max_tokens=9, stream=True, **options)
    assert "".join(one.choices[0].text for one in some) == choice.text
    assert some[-1].choices[0].finish_reason == choice.finish_reason
    assert some[-1].choices[0].tacitly["verdict"] == choice.tacitly["verdict"]
    assert total.usage == whole.usage


def test_a_model_without_a_template_is_asked_in_the_plain_form(tmp_path_factory: pytest.TempPathFactory) -> None:
    model = tiny(tmp_path_factory.mktemp("plain") / "a-tiny-model", chat=False)
    with serving(made_service(model, made_detector(model, asking=LONG))) as server:
        reply = ask(server)
        assert "\n" not in reply.choices[0].message.content
        system = [{"role": "system", "content": "Be loud."}, {"role": "user", "content": QUESTION}]
        assert ask(server, messages=system).usage.prompt_tokens == len(f"Be loud.\n\nQ: {QUESTION}\nA:")


def test_a_broken_stream_says_so(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from tacitly.engines.continuous import ContinuousBatch

    monkeypatch.setattr(ContinuousBatch, "step", lambda _: 1 / 0)
    with pytest.raises(openai.APIError, match="the model failed at this"):
        chunks(server)
    with pytest.raises(openai.InternalServerError):
        ask(server)


def test_questions_that_lack_what_the_study_showed_have_a_caution(model: LanguageModel) -> None:
    asking = LONG.model_copy(update={"whole": False})
    with serving(made_service(model, made_detector(model, asking=asking))) as server:
        assert ask(server).choices[0].tacitly["caution"] == OTHER_WAY


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_is_written_for_no_more(server: Server, stream: bool) -> None:
    writer, body = server.service.writer, json.dumps(say(stream=stream, max_tokens=64)).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    deadline = time.monotonic() + PATIENCE
    with server.service.model_lock:
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as client:
            client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            while not writer.active and time.monotonic() < deadline:
                time.sleep(0.001)
            assert writer.active == 1
        while writer.active and time.monotonic() < deadline:
            time.sleep(0.001)
        assert writer.active == 0  # while the model has not gone on by a single token
    assert ask(server).choices[0].message.content
