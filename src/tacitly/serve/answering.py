"""From a prompt to answers with scores: what both ways of asking for text have in common."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal, TypeVar

from starlette.requests import Request as HttpRequest

from tacitly.appraisal import Appraisal
from tacitly.engines.base import Generation, Request, Sampling
from tacitly.serve.errors import ApiError
from tacitly.serve.orders import News, Order
from tacitly.serve.service import Service
from tacitly.serve.token_stream import Piece, TokenStream

T = TypeVar("T")
_GONE = 499  # what servers note for a client that did not wait; nobody reads it
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked.

    Attributes:
        token_ids: As the model reads it.
        question: The question in it, for whoever looks for the exact answer.
        caution: Why the detector's scores may mean less.
    """

    token_ids: tuple[int, ...]
    question: str
    caution: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """How answers are to be written.

    Attributes:
        prompts: The prompts, each for `n` answers.
        n: How many.
        temperature: 0 for the most likely tokens.
        seed: Of drawn answers; None for another one each time.
    """

    prompts: Sequence[Prompt]
    n: int
    max_tokens: int
    temperature: float
    top_p: float
    stop: tuple[str, ...]
    seed: int | None

    def requests(self, context: int | None) -> list[Request]:
        """What the engine is asked."""
        number = next(_numbers)
        made: list[Request] = []
        seed = secrets.randbits(63) if self.seed is None else self.seed % 2**64
        for i, prompt in enumerate(self.prompts):
            room = self.max_tokens if context is None else min(self.max_tokens, context - len(prompt.token_ids))
            sampling = Sampling(
                max_new_tokens=room,
                temperature=self.temperature or 1.0,
                top_p=self.top_p,
                stop=self.stop,
                seed=seed,
            )
            made += [
                Request(
                    key=f"{number}.{i}.{k}",
                    prompt_ids=prompt.token_ids,
                    sample=k if self.temperature > 0 else 0,
                    sampling=sampling,
                    drawn_as="",
                )
                for k in range(1, self.n + 1)
            ]
        return made


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an answer that is being written.

    Attributes:
        index: Which answer.
        pieces: What it goes on with.
    """

    index: int
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class Whole:
    """The end of an answer.

    Attributes:
        index: Which answer.
        pieces: What was held back of it.
        written: The answer.
        said: What the detector says of it.
        prompt: What was asked.
    """

    index: int
    pieces: list[Piece]
    written: Generation
    said: Appraisal
    prompt: Prompt

    @property
    def finish_reason(self) -> Literal["stop", "length"]:
        """Why it ends, in OpenAI's words."""
        return "length" if self.written.finish_reason == "length" else "stop"


@dataclass(slots=True)
class Answer:
    """A whole answer with all of its pieces."""

    whole: Whole
    pieces: list[Piece] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its text."""
        return "".join(piece.text for piece in self.pieces)


class Answers:
    """The answers to one request, from the moment when they are taken on.

    Args:
        service: What writes and scores.
        wanted: What is asked.

    Raises:
        ApiError: There is no room.
    """

    def __init__(self, service: Service, wanted: Wanted) -> None:
        self._service, self._wanted = service, wanted
        self._order = Order(wanted.requests(service.language_model.context_length), asyncio.get_running_loop())
        tokenizer = service.language_model.tokenizer
        self._streams = [TokenStream(tokenizer, wanted.stop) for _ in self._order.requests]
        self._tokens = 0
        try:
            service.writer.submit(self._order)
        except ApiError:
            service.metrics.refused()
            raise
        service.metrics.read(self.prompt_tokens)

    @property
    def prompt_tokens(self) -> int:
        """How many tokens were read."""
        return sum(len(prompt.token_ids) for prompt in self._wanted.prompts)

    @property
    def new_tokens(self) -> int:
        """How many tokens were written by now, those that ended answers included."""
        return self._tokens

    def give_up(self) -> None:
        """Write no more of them."""
        self._service.writer.cancel(self._order)

    async def parts(self) -> AsyncIterator[Part | Whole]:
        """What there is to tell, as it comes."""
        async for news in self._order.news():
            if news.token is not None:
                self._tokens += 1
                self._service.metrics.wrote()
            if news.generation is not None:
                yield await self._whole(news, news.generation)
            elif news.token is not None:
                pieces = self._streams[news.index].add(news.token)
                if pieces:
                    yield Part(news.index, pieces)

    async def all(self) -> list[Answer]:
        """All answers, once they are written."""
        pieces: list[list[Piece]] = [[] for _ in self._streams]
        wholes: dict[int, Whole] = {}
        async for part in self.parts():
            pieces[part.index] += part.pieces
            if isinstance(part, Whole):
                wholes[part.index] = part
        return [Answer(wholes[i], some) for i, some in enumerate(pieces)]

    async def _whole(self, news: News, written: Generation) -> Whole:
        stream = self._streams[news.index]
        ends = stream.tokens >= len(written.token_ids)  # what was read last is no part of the answer
        certain = [] if ends or news.token is None else stream.add(news.token)
        pieces = [*certain, *stream.finish(written.text, len(written.token_ids))]
        prompt = self._wanted.prompts[news.index // self._wanted.n]
        said = await asyncio.to_thread(self._service.appraise, prompt.question, written)
        self._service.metrics.judged(said.verdict)
        return Whole(news.index, pieces, written, said, prompt)


async def unless_gone(request: HttpRequest, work: Awaitable[T]) -> T:
    """Wait for something, but only as long as the client does.

    Raises:
        ApiError: The client has gone.
    """
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_has_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ApiError(_GONE, "the client has gone")
    finally:
        for one in (task, gone):
            one.cancel()


async def _has_gone(request: HttpRequest) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
