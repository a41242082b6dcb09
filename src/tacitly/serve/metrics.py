"""Counts of what a server does, for Prometheus, and whether it is there; never a text of a client's."""

from collections.abc import Callable
from typing import Any, Protocol

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.responses import Response

from tacitly.probes.verdict import VERDICTS, Verdict
from tacitly.serve.documenting import errors

KINDS = ("prompt", "written", "scored")


class Metrics:
    """The counts of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._replies = self._counter("tacitly_requests", "Replies by route and status.", "route", "status")
        self._tokens = self._counter("tacitly_tokens", "Tokens of prompts, written, and scored.", "kind")
        self._answers = self._counter("tacitly_answers", "Judged answers by verdict.", "verdict")
        self._failures = self._counter("tacitly_scoring_failures", "Answers whose scoring failed.")
        self._refused = self._counter("tacitly_refused", "Requests refused since the server was full.")
        self._active = Gauge("tacitly_streams", "Answers being written.", registry=self.registry)
        self._waiting = Gauge("tacitly_waiting", "Requests that wait for their turn.", registry=self.registry)
        ProcessCollector(registry=self.registry)
        for kind in KINDS:
            self._tokens.labels(kind)
        for verdict in VERDICTS:
            self._answers.labels(verdict)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, registry=self.registry)

    def replied(self, route: str, status: int) -> None:
        """A reply has begun; `route` is the address as it is declared."""
        self._replies.labels(route, str(status)).inc()

    def read(self, tokens: int) -> None:
        """A prompt of so many tokens is taken on."""
        self._tokens.labels("prompt").inc(tokens)

    def wrote(self, tokens: int = 1) -> None:
        """So many tokens of answers are written."""
        self._tokens.labels("written").inc(tokens)

    def scored(self, tokens: int) -> None:
        """So many tokens of existing answers are scored."""
        self._tokens.labels("scored").inc(tokens)

    def judged(self, verdict: Verdict) -> None:
        """An answer has a verdict."""
        self._answers.labels(verdict).inc()

    def failed(self) -> None:
        """An answer could not be scored."""
        self._failures.inc()

    def refused(self) -> None:
        """A request was turned away: the server is full."""
        self._refused.inc()

    def watch(self, *, active: Callable[[], float], waiting: Callable[[], float]) -> None:
        """Say where the numbers of answers being written and of waiting requests are found, when they are asked for."""
        self._active.set_function(active)
        self._waiting.set_function(waiting)

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self.registry)


class Counted(Protocol):
    """What has counts."""

    @property
    def metrics(self) -> Metrics:
        """The counts."""
        ...


def metrics_router(service: Counted) -> APIRouter:
    """`/health` and `/metrics`."""
    router = APIRouter(tags=["server"])

    @router.get("/health", summary="Whether the server is there")
    async def health() -> dict[str, Any]:
        """Answers without a key, and whatever else is going on."""
        return {"status": "ok"}

    @router.get("/metrics", summary="Counts for Prometheus", response_class=Response, responses=errors(401))
    async def counts() -> Response:
        """Requests by route and status, tokens, answers by verdict, failures, answers being written, the process."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return router
