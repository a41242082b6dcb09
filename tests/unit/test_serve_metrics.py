"""Counts for Prometheus, and whether the server is there."""

from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from tacitly.serve.metrics import Metrics, metrics_router

pytestmark = pytest.mark.unit


def read(metrics: Metrics) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_all_is_counted_apart() -> None:
    metrics = Metrics()
    metrics.replied("/v1/score", 200)
    metrics.replied("/v1/score", 200)
    metrics.replied("other", 404)
    metrics.read(40)
    metrics.wrote()
    metrics.wrote(4)
    metrics.scored(7)
    metrics.judged("doubt")
    metrics.failed()
    metrics.refused()
    metrics.watch(active=lambda: 3, waiting=lambda: 2)
    found = read(metrics)
    assert found["tacitly_requests_total", "/v1/score", "200"] == 2
    assert found["tacitly_requests_total", "other", "404"] == 1
    assert [found["tacitly_tokens_total", kind] for kind in ("prompt", "written", "scored")] == [40, 5, 7]
    verdicts = ("trust", "doubt", "abstain")
    assert [found["tacitly_answers_total", verdict] for verdict in verdicts] == [0, 1, 0]
    assert (found["tacitly_scoring_failures_total",], found["tacitly_refused_total",]) == (1, 1)
    assert (found["tacitly_streams",], found["tacitly_waiting",]) == (3, 2)
    assert found["process_resident_memory_bytes",] > 0


def test_two_servers_in_one_process_count_apart_and_not_for_others() -> None:
    first, second = Metrics(), Metrics()
    first.failed()
    assert read(first)["tacitly_scoring_failures_total",] == 1
    assert read(second)["tacitly_scoring_failures_total",] == 0
    assert REGISTRY.get_sample_value("tacitly_scoring_failures_total") is None


def test_the_routes_answer() -> None:
    app = FastAPI()
    metrics = Metrics()
    app.include_router(metrics_router(SimpleNamespace(metrics=metrics)))
    client = TestClient(app)
    assert client.get("/health").json() == {"status": "ok"}
    reply = client.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE tacitly_requests_total counter" in reply.text
