"""Asking models: behind an endpoint that misbehaves in every way, and here."""

import re
import time
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from tacitly.engines.asker import FakeAsker, Reply, ask_until_accepted
from tacitly.engines.local_asker import LocalAsker
from tacitly.engines.openai_asker import IN_A_ROW, OpenAIAsker
from tacitly.errors import ModelError, SettingsError
from tests.endpoint import Sent, refused, replied, serve
from tests.tiny import language_model

pytestmark = pytest.mark.unit

CHOICES = ("yes", "no", "cannot tell")


@pytest.fixture(autouse=True)
def _openai() -> None:
    pytest.importorskip("openai", reason="needs the extra `api`")


def prompt(text: str = "Is it?") -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def opening(body: dict[str, Any]) -> bool:
    return body["messages"][-1]["content"] == "Reply with the word yes."


def after_opening(reply: Callable[[dict[str, Any]], Sent]) -> Callable[[dict[str, Any]], Sent]:
    return lambda body: replied("yes") if opening(body) else reply(body)


def asker(url: str, **more: Any) -> OpenAIAsker:
    return OpenAIAsker("tiny", url, **{"timeout": 5.0, "retries": 2, "concurrency": 4, **more})


def test_replies_come_in_the_order_of_the_prompts_and_structured():
    def reply(body: dict[str, Any]) -> Sent:
        last = body["messages"][-1]["content"]
        time.sleep(0.05 if last == "0" else 0)
        return replied('{"reply": "no"}' if last == "1" else '{"reply": "yes"}')

    with serve(reply) as endpoint:
        replies = asker(endpoint.base_url).ask([prompt(str(i)) for i in range(6)], choices=CHOICES)
    assert [r.text for r in replies] == ["yes", "no", "yes", "yes", "yes", "yes"]
    body = endpoint.bodies[1]
    assert body["response_format"]["json_schema"]["schema"]["properties"]["reply"]["enum"] == list(CHOICES)
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("tiny", 0, 64)


def test_free_text_is_asked_for_without_a_schema_and_kept_as_it_is():
    with serve(lambda _: replied('{"reply": "x"}')) as endpoint:
        [reply] = asker(endpoint.base_url).ask([prompt()])
    assert reply.text == '{"reply": "x"}'
    assert "response_format" not in endpoint.bodies[-1]


@pytest.mark.parametrize(
    ("refuses", "left"),
    [
        (("response_format",), {"temperature", "max_tokens"}),
        (("temperature",), {"response_format"}),
        (("response_format", "temperature"), set()),
    ],
)
@pytest.mark.parametrize("status", [400, 422])
def test_an_endpoint_that_refuses_a_parameter_is_asked_without(refuses, left, status):
    def reply(body: dict[str, Any]) -> Sent:
        return refused(status) if any(name in body for name in refuses) else replied("yes")

    with serve(reply) as endpoint:
        replies = asker(endpoint.base_url).ask([prompt(), prompt()], choices=CHOICES)
    assert [r.text for r in replies] == ["yes", "yes"]
    assert all(left == set(body) - {"model", "messages"} for body in endpoint.bodies[-2:])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_sent_again(status):
    waiting = [refused(status), refused(status)]
    with serve(after_opening(lambda _: waiting.pop() if waiting else replied("no"))) as endpoint:
        [reply] = asker(endpoint.base_url).ask([prompt()], choices=CHOICES)
    assert (reply.text, len(endpoint.asked)) == ("no", 3)


def test_retries_are_bounded_and_one_failure_costs_one_reply():
    def reply(body: dict[str, Any]) -> Sent:
        return refused(500, "out of order") if body["messages"][-1]["content"] == "bad" else replied("no")

    with serve(reply) as endpoint:
        replies = asker(endpoint.base_url).ask([prompt("bad"), prompt("good")], choices=CHOICES)
    assert endpoint.asked.count("bad") == 3
    assert replies[1] == Reply("no")
    assert replies[0].text is None
    assert "500" in str(replies[0].reason)
    assert "out of order" in str(replies[0].reason)


def test_a_prompt_that_is_refused_is_not_sent_again():
    with serve(after_opening(lambda _: refused(400, "too long"))) as endpoint:
        [reply] = asker(endpoint.base_url).ask([prompt()], choices=CHOICES)
    assert len(endpoint.asked) == 1
    assert "too long" in str(reply.reason)


def test_what_takes_too_long_is_given_up():
    done = Event()

    def reply(_: dict[str, Any]) -> Sent:
        done.wait(10)
        return replied("yes")

    with serve(after_opening(reply)) as endpoint:
        [slow] = asker(endpoint.base_url, timeout=0.1, retries=0).ask([prompt()], choices=CHOICES)
        done.set()
    assert (slow.text, slow.reason) == (None, "Request timed out.")


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ((200, "<html>welcome</html>", {"content-type": "text/html"}), "no chat completion"),
        ((200, "{", {}), "JSON|chat completion|Expecting"),
        ((200, "[1]", {}), "chat completion"),
        ((200, '{"choices": []}', {}), "no chat completion"),
        ((200, '{"choices": [3]}', {}), "no chat completion"),
        (replied(None), "replied nothing"),
        (replied(None, finish="length"), "cut at 64 tokens .* larger judge.max_tokens"),
    ],
)
def test_what_is_no_reply_is_none(sent, reason):
    with serve(after_opening(lambda _: sent)) as endpoint:
        [reply] = asker(endpoint.base_url).ask([prompt()], choices=CHOICES)
    assert reply.text is None
    assert re.search(reason, str(reply.reason)), reply.reason


@pytest.mark.parametrize("text", ["Yes, indeed.", '{"verdict": "yes"}', '["yes"]', '{"reply": 1}', "{"])
def test_a_reply_of_another_form_comes_as_it_is(text):
    with serve(lambda _: replied(text)) as endpoint:
        [reply] = asker(endpoint.base_url).ask([prompt()], choices=CHOICES)
    assert reply == Reply(text)


@pytest.mark.parametrize("key", [None, "sk-secret"])
def test_a_refused_key_is_one_line_that_does_not_show_it(key, monkeypatch):
    monkeypatch.delenv("TEST_KEY", raising=False)
    if key:
        monkeypatch.setenv("TEST_KEY", key)
    with (
        serve(lambda _: refused(401, "wrong key sk-secret")) as endpoint,
        pytest.raises(ModelError, match=r"cannot be asked: .*401") as error,
    ):
        asker(endpoint.base_url, api_key_env="TEST_KEY").ask([prompt()], choices=CHOICES)
    assert len(endpoint.bodies) == 1
    assert endpoint.keys == [f"Bearer {key or 'none'}"]
    assert f"TEST_KEY {'holds a key that is refused' if key else 'is not set'}" in str(error.value)
    assert key is None or key not in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_model_is_said_to_be_one():
    with (
        serve(lambda _: refused(404, "no such model")) as endpoint,
        pytest.raises(ModelError, match=r"no such model.*check judge\.model"),
    ):
        asker(endpoint.base_url).ask([prompt()])


def test_nobody_there():
    with serve(lambda _: replied("yes")) as endpoint:
        pass
    with pytest.raises(ModelError, match=f"'tiny' at {endpoint.base_url} cannot be asked: .*start the server"):
        asker(endpoint.base_url, retries=0).ask([prompt()])


def test_an_endpoint_that_goes_away_is_not_asked_forever():
    with (
        serve(after_opening(lambda _: refused(500))) as endpoint,
        pytest.raises(ModelError, match="run the same command again"),
    ):
        asker(endpoint.base_url, retries=0).ask([prompt()] * 500)
    assert IN_A_ROW <= len(endpoint.asked) < 2 * IN_A_ROW


def test_a_key_that_expires_ends_the_asking_at_once():
    with serve(after_opening(lambda _: refused(401))) as endpoint, pytest.raises(ModelError, match="401"):
        asker(endpoint.base_url, concurrency=1).ask([prompt()] * 50)
    assert len(endpoint.asked) < 5


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("tacitly.engines.openai_asker.find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"pip install 'tacitly\[api\]'"):
        asker("http://localhost/v1")


def test_a_reply_is_asked_for_at_most_three_times_and_the_refusal_is_said():
    fake = FakeAsker("maybe")
    [reply] = ask_until_accepted(fake, [prompt()], lambda _, text: None, complaint="yes or no?")
    assert reply == Reply(None, "it replied 'maybe'")
    assert [len(talk) for talk in fake.asked] == [1, 3, 5]
    assert [message["content"] for message in fake.asked[2]] == ["Is it?", "maybe", "yes or no?", "maybe", "yes or no?"]


def test_only_what_was_refused_is_asked_again():
    fake = FakeAsker(lambda said: {"a": "1", "b": "?", "c": Reply(None, "gone")}.get(said, "2"))
    replies = ask_until_accepted(
        fake,
        [prompt("a"), prompt("b"), prompt("c")],
        lambda _, text: text if text.isdigit() else None,
        complaint="again",
    )
    assert replies == [Reply("1"), Reply("2"), Reply(None, "gone")]
    assert len(fake.asked) == 4


@pytest.fixture(scope="module", params=[True, False], ids=["chat", "base"])
def local(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LocalAsker:
    model = language_model(tmp_path_factory.mktemp("local"), chat=request.param)
    return LocalAsker("tiny", lambda: model, max_tokens=5, batch_size=3)


def test_a_local_model_takes_the_choice_that_it_most_likely_begins_with(local: LocalAsker):
    import torch

    prompts = [prompt(text) for text in ("a", "bb", "ccc", "dd", "e")]
    replies = local.ask(prompts, choices=CHOICES)
    model, form = local._model, local._format
    for one, reply in zip(prompts, replies, strict=True):
        text = form.render(one)
        ids, likely = form.token_ids(text), {}
        for choice in CHOICES:
            written = form.answer_ids(text, choice)
            logits = model.model(torch.tensor([[*ids, *written]])).logits[0].log_softmax(-1)
            places = zip(range(len(ids) - 1, len(ids) + len(written) - 1), written, strict=True)
            likely[choice] = sum(logits[i, token].item() for i, token in places)
        assert reply.text == max(likely, key=likely.__getitem__)


def test_a_local_model_writes_at_most_so_many_tokens(local: LocalAsker):
    replies = local.ask([prompt("a"), prompt("b")])
    assert all(reply.text is not None and len(reply.text.encode()) <= 15 for reply in replies)
    assert local.ask([]) == local.ask([], choices=CHOICES) == []


def test_a_prompt_without_room_has_a_reason(local: LocalAsker):
    long, short = local.ask([prompt("x" * 300), prompt("x")], choices=CHOICES)
    assert "do not fit its context of 256" in str(long.reason)
    assert short.text in CHOICES
