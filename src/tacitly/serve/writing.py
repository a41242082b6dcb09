"""The thread that writes all answers side by side: who may join, who waits, who has gone."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tacitly.engines.base import Request
from tacitly.engines.continuous import ContinuousBatch
from tacitly.serve.errors import ApiError
from tacitly.serve.orders import News, Order, ScoredToken

_LOG = logging.getLogger(__name__)
READ_AT_ONCE = 512  # tokens of new prompts, between two tokens of the answers that are being written
LONGEST_WAIT = 60  # seconds that a client is told to wait at most

Told = dict[Order, list[News | ApiError]]
Scores = Callable[[Float[Tensor, "row layer width"]], Sequence[tuple[float | None, str | None]]]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a request belongs."""

    order: Order
    index: int
    began: float


class Writer:
    """Writes answers for whoever asks, on a thread of its own.

    Args:
        batch: Makes the batch in which answers are written.
        recording: Reads states for as long as answers are written.
        site: The site whose states are scored token by token.
        score: Scores the states of one token of each of several answers: its probability, or why there is none.
        turns: Held while the model runs.
        streams: The most answers at once.
        waiting: The most answers that wait.
        fits: Whether so many answers with so many tokens each, prompts included, fit in memory.
    """

    def __init__(
        self,
        batch: Callable[[], ContinuousBatch],
        *,
        recording: Callable[[], AbstractContextManager[object]],
        site: str,
        score: Scores,
        turns: AbstractContextManager[None],
        streams: int,
        waiting: int,
        fits: Callable[[int, int], bool] = lambda rows, columns: True,  # noqa: ARG005
    ) -> None:
        self._make_batch, self._recording, self._turns = batch, recording, turns
        self._site, self._score, self._fits = site, score, fits
        self._streams, self._most_waiting = streams, waiting
        self._changed = threading.Condition()
        self._queue: deque[tuple[Request, _Place]] = deque()
        self._places: dict[str, _Place] = {}  # of requests that the batch has
        self._reaches: dict[str, int] = {}  # how many tokens each of these may have, its prompt's included
        self._cancelled: list[str] = []
        self._joining: deque[Request] = deque()  # given to the batch, which has not read them yet
        self._newest: dict[str, tuple[int, float]] = {}
        self._seconds = 1.0  # that an answer takes, on the average of the last ones
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    @property
    def active(self) -> int:
        """How many answers are being written."""
        return len(self._places)

    @property
    def waiting(self) -> int:
        """How many answers wait for their turn."""
        return len(self._queue)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Break off all that is being written, tell so, and let no more in."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def submit(self, order: Order) -> None:
        """Take an order.

        Raises:
            ApiError: There is no room: 429, with the seconds after which to try again; or 503 at the end.
        """
        now = time.monotonic()
        with self._changed:
            if self._stopping:
                raise _stopped()
            taken = len(self._places) + len(self._queue)
            if taken + len(order.requests) > self._streams + self._most_waiting:
                raise ApiError(
                    429,
                    f"{len(self._places)} answers are being written and {len(self._queue)} wait; try again later",
                    code="too_many_requests",
                    headers={"Retry-After": str(self._wait_seconds())},
                )
            self._queue.extend((request, _Place(order, i, now)) for i, request in enumerate(order.requests))
            self._changed.notify()

    def cancel(self, order: Order) -> None:
        """Give up what is left of an order; of one that is finished, nothing."""
        with self._changed:
            if any(place.order is order for _, place in self._queue):
                self._queue = deque(item for item in self._queue if item[1].order is not order)
            gone = [request.key for request in order.requests if request.key in self._places]
            for key in gone:
                del self._places[key]
            self._cancelled += gone
            self._changed.notify()

    def _wait_seconds(self) -> int:
        rounds = 1 + len(self._queue) / self._streams
        return max(1, min(LONGEST_WAIT, math.ceil(rounds * self._seconds)))

    @torch.inference_mode()
    def _run(self) -> None:
        batch: ContinuousBatch | None = None
        with self._recording():
            while self._next(batch):
                try:
                    with self._turns:
                        batch = batch or self._make_batch()
                        self._write(batch)
                except Exception as error:  # whatever it is, the next answers may be written
                    _LOG.error("writing failed: %s", type(error).__name__)
                    self._break_off(ApiError(500, "the model failed at this; other requests go on"), queued=False)
                    batch = None
                if batch and not batch.busy and not self._joining:
                    batch = None  # with the memory that its longest answers took
        self._break_off(_stopped(), queued=True)

    def _next(self, batch: ContinuousBatch | None) -> bool:
        """Wait for something to write, let it in, and those out who have gone; False at the end."""
        with self._changed:
            while not (self._stopping or self._places or self._queue or self._cancelled):
                self._changed.wait()
            if self._stopping:
                return False
            gone = set(self._cancelled)
            self._cancelled.clear()
            self._joining = deque(request for request in self._joining if request.key not in gone)
            for key in gone:
                self._forget(key)
                if batch is not None:
                    batch.cancel(key)
            self._admit()
            return True

    def _admit(self) -> None:
        """Move requests from the queue to the batch: at most what one pass over prompts reads, so that others go on."""
        longest, prompts = 0, set[tuple[int, ...]]()
        while self._queue and len(self._places) < self._streams:
            request, place = self._queue[0]
            longest = max(longest, len(request.prompt_ids))
            prompts.add(request.prompt_ids)
            if len(prompts) > 1 and len(prompts) * longest > READ_AT_ONCE:
                break
            new = request.sampling.max_new_tokens if request.sampling else 0
            reach = max(longest + new, *self._reaches.values(), 0)
            if self._places and not self._fits(len(self._places) + 1, reach):
                break
            self._queue.popleft()
            self._places[request.key], self._reaches[request.key] = place, longest + new
            self._joining.append(request)

    def _write(self, batch: ContinuousBatch) -> None:
        """Write one more token of every answer, and tell of those that were read."""
        batch.fill(self._joining)  # nothing is finished by it: a last token is read before an answer is
        self._note(batch)
        if not batch.active:
            return
        finished = {generation.key: generation for generation in batch.step()}
        told: Told = {}
        requests, scores = self._scores(batch)
        for request, (p_correct, error) in zip(requests, scores, strict=True):
            place = self._places.get(request.key)
            if place is None:
                continue
            token = ScoredToken(*self._newest[request.key], p_correct, error)
            news = News(place.index, token, finished.get(request.key))
            told.setdefault(place.order, []).append(news)
        self._note(batch)
        with self._changed:
            for key in finished:
                self._leave(key)
        _tell(told)

    def _note(self, batch: ContinuousBatch) -> None:
        for request, token, logprob in batch.newest():
            self._newest[request.key] = token, logprob

    def _scores(self, batch: ContinuousBatch) -> tuple[list[Request], Sequence[tuple[float | None, str | None]]]:
        """The answers of which a token was read, and what is to be said of it."""
        requests, states = batch.fed(self._site)
        return requests, self._score(states)

    def _leave(self, key: str) -> None:
        place = self._places.pop(key, None)
        if place is not None:
            self._seconds += 0.1 * (time.monotonic() - place.began - self._seconds)
        self._forget(key)

    def _forget(self, key: str) -> None:
        self._newest.pop(key, None)
        self._reaches.pop(key, None)

    def _break_off(self, error: ApiError, *, queued: bool) -> None:
        with self._changed:
            places = [*self._places.values(), *(place for _, place in self._queue if queued)]
            if queued:
                self._queue.clear()
            for kept in (self._places, self._reaches, self._newest):
                kept.clear()
            self._joining.clear()
        _tell({place.order: [error] for place in places})


def _stopped() -> ApiError:
    return ApiError(503, "the server is being stopped", code="stopping")


def _tell(told: Mapping[Order, Sequence[News | ApiError]]) -> None:
    """Hand news to the loops of those who wait for it, each loop woken once."""
    loops = {order.loop for order in told}
    for loop in loops:
        mine = [(order, news) for order, news in told.items() if order.loop is loop]
        with suppress(RuntimeError):  # a loop that is closed has nobody left who waits
            loop.call_soon_threadsafe(_deliver, mine)


def _deliver(told: Sequence[tuple[Order, Sequence[News | ApiError]]]) -> None:
    for order, some in told:
        for news in some:
            order.tell(news)
