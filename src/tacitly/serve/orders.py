"""What a client has asked for, and what it is told while that is written."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from tacitly.engines.base import Generation, Request
from tacitly.serve.errors import ApiError


@dataclass(frozen=True, slots=True)
class ScoredToken:
    """A token of an answer.

    Attributes:
        token_id: The token.
        logprob: Its log-probability at temperature 1.
        p_correct: What the detector says once it is read; None where it says nothing,
        error: and why.
    """

    token_id: int
    logprob: float
    p_correct: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What has happened to one answer.

    Attributes:
        index: Which of the answers of an order.
        token: A token of it that was read; it may be one that ends the answer and is no part of it.
        generation: The whole answer, once it is finished.
    """

    index: int
    token: ScoredToken | None = None
    generation: Generation | None = None


class Order:
    """The answers of one request, each to be told of as it grows.

    Args:
        requests: What to write; keys are unique among all that is being written.
        loop: Where the one who reads the news runs.
    """

    def __init__(self, requests: Sequence[Request], loop: asyncio.AbstractEventLoop) -> None:
        self.requests = tuple(requests)
        self.loop = loop
        self._news: asyncio.Queue[News | ApiError] = asyncio.Queue()

    def tell(self, news: News | ApiError) -> None:
        """Add news; called in the loop."""
        self._news.put_nowait(news)

    async def news(self) -> AsyncIterator[News]:
        """What happens, until all answers are finished.

        Raises:
            ApiError: The writing was broken off.
        """
        left = len(self.requests)
        while left:
            news = await self._news.get()
            if isinstance(news, ApiError):
                raise news
            left -= news.generation is not None
            yield news
