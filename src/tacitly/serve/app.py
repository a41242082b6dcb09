"""The application: all routes behind the gate."""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from tacitly.serve.chat_route import chat_router
from tacitly.serve.completions_route import completions_router
from tacitly.serve.documenting import install_description
from tacitly.serve.errors import install_handlers
from tacitly.serve.gate import Gate
from tacitly.serve.layers_route import layers_router
from tacitly.serve.limits import Limits
from tacitly.serve.metrics import metrics_router
from tacitly.serve.models_route import models_router
from tacitly.serve.page_route import page_router
from tacitly.serve.score_route import score_router
from tacitly.serve.service import Service

SUMMARY = "A language model whose answers come with their detector's scores, in OpenAI's form."

NO_TELEMETRY: Any = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""Exceptions with their words would go wherever the environment says; nothing of a request leaves this process."""


def create_app(service: Service, *, limits: Limits | None = None, api_key: str | None = None) -> FastAPI:
    """Put everything together.

    Args:
        service: What writes and scores; started and stopped by whoever made it.
        limits: Of requests; by default the service's.
        api_key: What clients must know; None where only this machine can ask.
    """
    limits = limits or service.limits
    app = FastAPI(
        title="tacitly",
        summary=SUMMARY,
        version=version("tacitly"),
        openapi_url=None,
        telemetry=NO_TELEMETRY,
    )
    install_handlers(app)
    for router in (
        chat_router(service),
        completions_router(service),
        models_router(service),
        score_router(service, limits),
        layers_router(service, limits),
        metrics_router(service),
        page_router(),
    ):
        app.include_router(router)
    app.add_middleware(Gate, api_key=api_key, limits=limits, metrics=service.metrics)
    install_description(app)
    return app
