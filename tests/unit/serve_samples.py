"""A server of a tiny random model with a detector made by hand, and what is asked of it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from openai import OpenAI
from openai.types.chat import ChatCompletionChunk

from tacitly.models.load import LanguageModel
from tacitly.probes.detector import Detector
from tacitly.probes.detector_header import TokenHeader
from tacitly.probes.token_probes import TokenProbes
from tacitly.serve.answering import Answer, Answers, Prompt, Wanted
from tacitly.serve.app import create_app
from tacitly.serve.asking import ask_messages
from tacitly.serve.limits import Limits
from tacitly.serve.schemas import Message
from tacitly.serve.service import Service
from tests.unit.detect_samples import ASKING, WIDTH, made_detector, tiny
from tests.unit.gate_samples import PATIENCE, running

QUESTION = "Which lake is deep?"
LIMITS = Limits(prompt_tokens=160, new_tokens=64, streams=8, waiting=8)
LONG = ASKING.model_copy(update={"max_new_tokens": 24})


def with_token_scores(detector: Detector, *, layer: int = 2) -> Detector:
    layers = (0, 1, 2, 3)
    header = TokenHeader(
        site="residual",
        layer=layer,
        layers=layers,
        width=WIDTH,
        C=0.01,
        before=0.2,
        after=0.5,
        slopes=(1.0,) * len(layers),
        intercepts=(0.0,) * len(layers),
        answers=9,
        tokens=40,
        grouping="by_answer",
    )
    coefficients = np.random.default_rng(0).normal(size=(len(layers), WIDTH)) / 4
    return detector.reading_tokens(TokenProbes(header, coefficients, np.zeros(len(layers))))


def made_service(model: LanguageModel, detector: Detector | None = None, limits: Limits = LIMITS) -> Service:
    return Service(detector or with_token_scores(made_detector(model, asking=LONG)), model, limits=limits)


@contextmanager
def started(service: Service) -> Iterator[Service]:
    service.start()
    try:
        yield service
    finally:
        service.stop()
        service.writer.join()


def made_model(folder: Path, **kwargs: object) -> LanguageModel:
    return tiny(folder / "a-tiny-model", **kwargs)


@dataclass(frozen=True)
class Server:
    """A server that runs, and its clients."""

    service: Service
    url: str

    @cached_property
    def client(self) -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, timeout=PATIENCE)


@contextmanager
def serving(service: Service, api_key: str | None = None) -> Iterator[Server]:
    with started(service), running(create_app(service, api_key=api_key), service.limits) as served:
        server = Server(service, f"http://127.0.0.1:{served.port}")
        yield server
        server.client.close()


def lone(service: Service, question: str) -> Prompt:
    """A question put as the detector's study put its own."""
    return ask_messages(service, [Message(role="user", content=question)], drawn=False)


def wanted(*prompts: Prompt, **changes: object) -> Wanted:
    plain = {"n": 1, "max_tokens": 24, "temperature": 0.0, "top_p": 1.0, "stop": (), "seed": None}
    return Wanted(prompts=prompts, **{**plain, **changes})


async def answer(service: Service, asked: Wanted) -> list[Answer]:
    return await Answers(service, asked).all()


def answers(service: Service, *asked: Wanted) -> list[list[Answer]]:
    """What is answered when all are asked at once."""

    async def all_of_them() -> list[list[Answer]]:
        return await asyncio.gather(*(answer(service, one) for one in asked))

    return asyncio.run(all_of_them())


def say(text: str = QUESTION, **more: Any) -> dict[str, Any]:
    return {"model": "a-tiny-model", "messages": [{"role": "user", "content": text}], **more}


def ask(server: Server, text: str = QUESTION, **more: Any) -> Any:
    return server.client.chat.completions.create(**say(text, **more))


def chunks(server: Server, text: str = QUESTION, **more: Any) -> list[ChatCompletionChunk]:
    return list(ask(server, text, stream=True, **more))
