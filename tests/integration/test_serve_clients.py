"""The server as users run it, with the embedded model: the official client, `curl`, and many at once."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from benchmarks.made_detector import make_detector

from tacitly.chat import Chat
from tacitly.errors import ModelError
from tacitly.models import embedded
from tacitly.models.load import LanguageModel, load_model
from tacitly.probes.asking import Asking

pytestmark = pytest.mark.integration

PATIENCE = 600  # seconds after which a test gives up on what never comes
QUESTIONS = ("Which organ does hepatitis affect?", "What is the capital of France?", "Name a colour of the sky.")
ASKING = Asking(
    system_prompt="Answer in one short sentence.", locator=("novel_phrase", "first_line"), max_new_tokens=20
)


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    try:
        return load_model("embedded")
    except ModelError as error:
        if not embedded.is_ready() and "could not fetch" in str(error):
            pytest.skip(f"the embedded model cannot be fetched here: {error}")
        raise


@pytest.fixture(scope="module")
def detector(model: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("detector")
    make_detector(model, asking=ASKING).save(folder)
    return folder


@pytest.fixture(scope="module")
def url(detector: Path) -> Iterator[str]:
    """Where a server listens that was started from the command line."""
    arguments = [sys.executable, "-m", "tacitly", "serve", "--detector", str(detector), "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "TACITLY_API_KEY"}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("serving embedded on http://127.0.0.1:")
        yield line.split()[-1]
        process.terminate()
        assert process.wait(PATIENCE) == 0


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=PATIENCE) as client:
        yield client


@pytest.fixture(scope="module")
def expected(model: LanguageModel, detector: Path) -> dict[str, Any]:
    partner = Chat(model, detector)
    return {question: partner.ask(question) for question in QUESTIONS}


def say(question: str) -> dict[str, Any]:
    return {"model": "embedded", "messages": [{"role": "user", "content": question}]}


def same(choice: Any, reply: Any) -> None:
    said = choice.tacitly if hasattr(choice, "tacitly") else choice["tacitly"]
    assert said["verdict"] == reply.verdict
    assert said["p_correct"] == pytest.approx(reply.p_correct, abs=1e-3)
    assert said["exact_answer"] == (reply.span.exact_answer if reply.span else None)


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_official_client_gets_what_chat_answers(
    client: openai.OpenAI, expected: dict[str, Any], question: str
) -> None:
    [choice] = client.chat.completions.create(**say(question)).choices
    assert choice.message.content == expected[question].answer
    same(choice, expected[question])


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_official_client_gets_the_same_word_by_word(
    client: openai.OpenAI, expected: dict[str, Any], question: str
) -> None:
    text, scores = "", []
    for chunk in client.chat.completions.create(**say(question), stream=True):
        [choice] = chunk.choices
        text += choice.delta.content or ""
        scores += [token["p_correct"] for token in (choice.model_extra or {}).get("tacitly", {}).get("tokens", [])]
    assert text == expected[question].answer
    assert all(0 < score < 1 for score in scores)
    assert len(scores) >= len(text.split())
    same(choice, expected[question])


def test_many_ask_at_once_through_the_client_s_other_half(url: str, expected: dict[str, Any]) -> None:
    async def ask(client: openai.AsyncOpenAI, question: str, *, stream: bool) -> tuple[str, str]:
        if not stream:
            [choice] = (await client.chat.completions.create(**say(question))).choices
            return question, choice.message.content or ""
        text = ""
        async for chunk in await client.chat.completions.create(**say(question), stream=True):
            text += chunk.choices[0].delta.content or ""
        return question, text

    async def ask_all() -> list[tuple[str, str]]:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=PATIENCE) as client:
            return await asyncio.gather(*(ask(client, QUESTIONS[i % 3], stream=i % 2 == 0) for i in range(18)))

    for question, text in asyncio.run(ask_all()):
        assert text == expected[question].answer


def curl(url: str, body: dict[str, Any], *options: str) -> str:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    arguments = ["curl", "-sS", "-N", *options, url, "-H", "Content-Type: application/json", "-d", json.dumps(body)]
    return subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout


def test_curl_gets_what_the_client_gets(url: str, expected: dict[str, Any]) -> None:
    question = QUESTIONS[0]
    [choice] = json.loads(curl(f"{url}/v1/chat/completions", say(question)))["choices"]
    assert choice["message"]["content"] == expected[question].answer
    same(choice, expected[question])
    streamed = curl(f"{url}/v1/chat/completions", {**say(question), "stream": True})
    *events, done, end = streamed.split("\n\n")
    assert (done, end) == ("data: [DONE]", "")
    choices = [json.loads(event.removeprefix("data: "))["choices"][0] for event in events]
    assert "".join(one["delta"].get("content", "") for one in choices) == expected[question].answer
    same(choices[-1], expected[question])


def test_curl_goes_on_with_a_text_and_has_a_text_scored(url: str, expected: dict[str, Any]) -> None:
    body = {"model": "embedded", "prompt": "The capital of France is", "max_tokens": 4}
    [choice] = json.loads(curl(f"{url}/v1/completions", body))["choices"]
    assert choice["text"] == "".join(token["text"] for token in choice["tacitly"]["tokens"])
    question = QUESTIONS[1]
    scored = json.loads(curl(f"{url}/v1/score", {"question": question, "answer": expected[question].answer}))
    assert scored["exact_answer"] == expected[question].span.exact_answer
    assert 0 < scored["p_correct"] < 1


def test_curl_is_refused_in_openai_s_form(url: str) -> None:
    refused = json.loads(curl(f"{url}/v1/chat/completions", {**say("?"), "max_tokens": 0}))
    assert refused["error"]["param"] == "max_tokens"


def test_an_answer_that_nobody_waits_for_is_given_up(url: str, client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(**say("Tell a long story."), stream=True, max_tokens=1024)
    next(iter(stream))
    assert streams(client) >= 1
    stream.close()
    while streams(client):
        pass


def streams(client: openai.OpenAI) -> float:
    text = client.with_options(base_url=str(client.base_url).removesuffix("/v1/")).get("/metrics", cast_to=str)
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith("tacitly_streams ")))
