"""Scoring existing answers beside those that are being written: a few at a time, and one request after the other."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from starlette.requests import Request

from tacitly.detect.preparing import PreparedAnswer
from tacitly.detect.records import GivenAnswer, ScoredAnswer
from tacitly.detect.scorer import Scorer
from tacitly.detect.token_scores import TokenScores
from tacitly.engines.passes import in_passes
from tacitly.errors import TaskError
from tacitly.serve.errors import ApiError
from tacitly.serve.limits import Limits
from tacitly.serve.metrics import Metrics

T = TypeVar("T")

TOKENS_AT_ONCE = 512  # in one pass, between two tokens of the answers that are being written
_GONE = 499  # what servers note for a client that did not wait; nobody reads it


class Scores(Protocol):
    """What scoring needs of the service."""

    @property
    def scorer(self) -> Scorer:
        """What scores."""
        ...

    @property
    def model_lock(self) -> AbstractContextManager[Any]:
        """Held by whoever runs the model."""
        ...

    @property
    def metrics(self) -> Metrics:
        """The counts."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """One answer that a client wants scored.

    Attributes:
        given: The answer.
        tokens: Whether each of its tokens is scored too.
        where: The name of its fields, for messages.
    """

    given: GivenAnswer
    tokens: bool = False
    where: str = ""


class Desk:
    """Where requests for scores wait for their turn.

    Args:
        service: What scores.
        limits: How much may be asked.

    Attributes:
        waiting: How many requests are here, the one whose turn it is too.
    """

    def __init__(self, service: Scores, limits: Limits) -> None:
        self._service, self._limits = service, limits
        self._turn = asyncio.Lock()
        self.waiting = 0

    @asynccontextmanager
    async def turn(self, request: Request) -> AsyncIterator[None]:
        """Wait for a turn, and keep it for the length of a block.

        Raises:
            ApiError: 429, if too many wait already.
        """
        if self.waiting >= self._limits.scoring:
            self._service.metrics.refused()
            raise ApiError(429, "too many requests for scores at once; try again later", headers={"Retry-After": "1"})
        self.waiting += 1
        try:
            async with self._turn:
                await require_client(request)
                yield
        finally:
            self.waiting -= 1

    async def prepare(self, wishes: Sequence[Wish]) -> dict[int, PreparedAnswer | ScoredAnswer]:
        """Make tokens of answers; what cannot be looked at says why.

        Raises:
            ApiError: 422, if one is too long.
        """
        return await asyncio.to_thread(lambda: {i: self._prepare(one) for i, one in enumerate(wishes)})

    def _prepare(self, wish: Wish) -> PreparedAnswer | ScoredAnswer:
        try:
            one = self._service.scorer.prepare(wish.given)
        except TaskError as error:
            return ScoredAnswer(id=wish.given.id, error=str(error))
        length, most = len(one.prompt_ids) + len(one.tokens.token_ids), self._limits.score_tokens
        if length > most:
            name = f"{wish.where}.answer" if wish.where else "answer"
            raise ApiError(
                422,
                f"{name!r} takes {length:,} tokens with its prompt; allowed: {most:,}; shorten it",
                param=name,
                code="over_limit",
            )
        return one

    async def run(self, model_pass: Callable[[Scorer], T]) -> T:
        """Run the model, on a thread, while nothing else does."""

        def run() -> T:
            with self._service.model_lock:
                return model_pass(self._service.scorer)

        return await asyncio.to_thread(run)

    async def score(self, request: Request, wishes: Sequence[Wish]) -> list[TokenScores]:
        """Score answers; one whose scoring fails says so.

        Raises:
            ApiError: 422, if one is too long.
        """
        prepared = await self.prepare(wishes)
        found = {i: TokenScores(one, error=one.error) for i, one in prepared.items() if isinstance(one, ScoredAnswer)}
        ready = {i: one for i, one in prepared.items() if isinstance(one, PreparedAnswer)}
        for tokens in (False, True):
            some = {i: one for i, one in ready.items() if wishes[i].tokens == tokens}
            for window in _passes(some):
                await require_client(request)
                answers = [some[i] for i in window]
                found |= dict(zip(window, await self._judge(answers, tokens=tokens), strict=True))
        return [found[i] for i in range(len(wishes))]

    async def _judge(self, answers: Sequence[PreparedAnswer], *, tokens: bool) -> list[TokenScores]:
        metrics = self._service.metrics
        try:
            found = await self.run(lambda scorer: scorer.judge(answers, tokens=tokens))
        except Exception as error:  # its words may quote an answer
            reason = f"scoring failed ({type(error).__name__})"
            for _ in answers:
                metrics.failed()
            return [TokenScores(ScoredAnswer(id=one.given.id, error=reason), error=reason) for one in answers]
        metrics.scored(sum(len(one.tokens.token_ids) for one in answers))
        for one in found:
            if one.answer.verdict is not None:
                metrics.judged(one.answer.verdict)
        return found


async def require_client(request: Request) -> None:
    """Stop working for a client that has gone away.

    Raises:
        ApiError: It has.
    """
    if await request.is_disconnected():
        raise ApiError(_GONE, "the client went away")


def _passes(answers: dict[int, PreparedAnswer]) -> Iterator[list[int]]:
    """The answers' numbers, longest first, as many together as fit one pass."""

    def length(number: int) -> int:
        return len(answers[number].prompt_ids) + len(answers[number].tokens.token_ids) + 1

    ordered = sorted(answers, key=length, reverse=True)
    return in_passes(ordered, length, most=len(ordered), tokens=TOKENS_AT_ONCE)
