"""Every refusal and failure in the form that OpenAI's clients read, and never with a request's text in a log."""

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tacitly.text import shortened

_LOG = logging.getLogger(__name__)
_FAILED = "the server failed at this request; nothing is known to be wrong with the request itself"
_WORDS = {
    404: "there is nothing at this address; allowed: the addresses in /openapi.json",
    405: "this address does not take this method",
    503: "the server cannot take this request now; try again later",
}


class ApiError(Exception):
    """A request that gets no reply but the reason.

    Args:
        status: Of HTTP.
        message: What is wrong, what is allowed, and the remedy; without the texts of the request.
        param: The field that it is about.
        code: For programs.
        headers: Of the reply.

    Example:
        >>> error_body(ApiError(422, "n is 9; allowed: 1 to 8", param="n"))["error"]["type"]
        'invalid_request_error'
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.headers = dict(headers or {})


def error_body(error: ApiError) -> dict[str, Any]:
    """What an error's reply says."""
    return {"error": {"message": error.message, "type": _type(error.status), "param": error.param, "code": error.code}}


def error_bytes(error: ApiError) -> bytes:
    """The same in JSON, whatever characters it holds."""
    return json.dumps(error_body(error)).encode("ascii")


def error_reply(error: ApiError) -> Response:
    """The reply to a request."""
    return Response(error_bytes(error), status_code=error.status, headers=error.headers, media_type="application/json")


def field_error(errors: Sequence[Mapping[str, Any]], *, start: str = "") -> ApiError:
    """The first of pydantic's errors as a reply: the field's dotted name, and what is allowed.

    Args:
        errors: As `ValidationError.errors()` gives them; the values in them are not repeated.
        start: What stands before the names.

    Example:
        >>> field_error([{"loc": ("n",), "type": "less_than_equal", "msg": "Input should be less than 9"}]).message
        "'n': should be less than 9"
    """
    first = errors[0] if errors else {"loc": (), "msg": "Input should be another", "type": ""}
    name = ".".join([*([start] if start else []), *map(str, first["loc"])])
    shown = shortened(name)
    if first["type"] == "extra_forbidden":
        return ApiError(422, f"{shown!r} is not supported; leave it out", param=shown, code="unsupported_field")
    if first["type"] == "missing":
        return ApiError(422, f"{shown!r} is missing", param=shown, code="missing_field")
    words = str(first["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return ApiError(422, f"{shown or 'the body'!r}: {words}", param=shown or None, code="invalid_value")


def unexpected(error: BaseException) -> ApiError:
    """The reply to a failure that nobody foresaw; the log gets its type, since its words may quote a request."""
    _LOG.error("a request failed: %s", type(error).__name__)
    return ApiError(500, _FAILED)


def as_api_error(error: Exception) -> ApiError:
    """Any exception as what the client is told."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, RequestValidationError):
        errors = [{**one, "loc": tuple(one["loc"])[1:]} for one in error.errors()]  # without "query", "path"
        return field_error(errors)
    if isinstance(error, HTTPException):
        words = _WORDS.get(error.status_code) or HTTPStatus(error.status_code).phrase.lower()
        return ApiError(error.status_code, words, headers=error.headers)
    return unexpected(error)


def install_handlers(app: FastAPI) -> None:
    """Let an application answer with OpenAI's form, whatever goes wrong in it.

    What no handler here catches is caught by the gate (`tacitly.serve.gate`), outside of all routes.
    """

    async def answer(_: Request, error: Exception) -> Response:
        return error_reply(as_api_error(error))

    for kind in (ApiError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)


def _type(status: int) -> str:
    if status in (401, 403):
        return "authentication_error"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate_limit_error"
    return "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
