"""What the API's description (`/openapi.json`) says beside what FastAPI finds out: bodies, and errors."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response


class ErrorWords(BaseModel):
    """What is wrong."""

    message: str = Field(description="What is wrong, what is allowed, and the remedy.")
    type: str = Field(
        description="`invalid_request_error`, `authentication_error`, `rate_limit_error` or `server_error`."
    )
    param: str | None = Field(description="The field that it is about, with dots between names.")
    code: str | None = Field(description="For programs.")


class ErrorReply(BaseModel):
    """Every reply that is not 200."""

    error: ErrorWords


_WORDS = {
    400: "The body is no JSON.",
    401: "The API key is missing or wrong.",
    404: "There is no such model.",
    413: "The body is too large.",
    415: "The body is not said to be JSON.",
    422: "A field is unknown, missing, or holds what is not allowed; `param` names it.",
    429: "The server is full; `Retry-After` says in how many seconds to try again.",
}


def install_description(app: FastAPI) -> None:
    """Give an application whose routes are all there the address `/openapi.json`.

    The description is made and written once: making it holds up everyone for a quarter of a second.
    """
    content = json.dumps(app.openapi()).encode("ascii")

    async def description(_: Request) -> Response:
        return Response(content, media_type="application/json")

    app.add_route("/openapi.json", description, methods=["GET"], include_in_schema=False)


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The replies of a route beside its own."""
    return {status: {"model": ErrorReply, "description": _WORDS[status]} for status in statuses}


def body_of(kind: type[BaseModel], *, many: int | None = None) -> dict[str, Any]:
    """The body of a route, which the gate reads and the route checks.

    Args:
        kind: What it holds.
        many: How many of these it may hold as a list instead.
    """
    one = _inlined(kind)
    schema = one if many is None else {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": many}]}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _inlined(kind: type[BaseModel]) -> dict[str, Any]:
    """A model's schema with all that it names put in its place."""
    schema = kind.model_json_schema()
    inlined: dict[str, Any] = _without_names(schema, schema.pop("$defs", {}))
    return inlined


def _without_names(part: Any, named: Mapping[str, Any]) -> Any:
    if isinstance(part, list):
        return [_without_names(one, named) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _without_names(named[part["$ref"].rpartition("/")[2]], named)
    return {name: _without_names(one, named) for name, one in part.items()}
