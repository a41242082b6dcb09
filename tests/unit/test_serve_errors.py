"""Every refusal in OpenAI's form; nothing of a request in a log."""

import json
import logging

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tacitly.serve.errors import ApiError, as_api_error, error_body, error_bytes, field_error, install_handlers
from tacitly.serve.gate import Gate

pytestmark = pytest.mark.unit

SECRET = "the patient's name is Quillon"


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    n: int = Field(ge=1, le=8)
    words: list[str] = []


def made_app() -> FastAPI:
    app = FastAPI()
    install_handlers(app)

    @app.get("/api")
    async def api() -> None:
        raise ApiError(429, "full; try again later", headers={"Retry-After": "3"})

    @app.get("/failing")
    async def failing() -> None:
        raise RuntimeError(SECRET)

    @app.get("/typed")
    async def typed(n: int) -> int:
        return n

    @app.get("/http")
    async def http() -> None:
        raise HTTPException(418, detail=SECRET)

    @app.get("/inner")
    async def inner() -> None:
        Wanted.model_validate({"n": SECRET})

    app.add_middleware(Gate)
    return app


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(made_app())


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/api", 429, "rate_limit_error"),
        ("/failing", 500, "server_error"),
        ("/inner", 500, "server_error"),
        ("/typed?n=x", 422, "invalid_request_error"),
        ("/http", 418, "invalid_request_error"),
        ("/nothing", 404, "invalid_request_error"),
    ],
)
def test_whatever_goes_wrong_has_openai_s_form(client: TestClient, path: str, status: int, kind: str) -> None:
    reply = client.get(path)
    assert reply.status_code == status
    assert set(reply.json()) == {"error"}
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
    assert reply.json()["error"]["type"] == kind
    assert "Quillon" not in reply.text


def test_another_method_is_told_which_are_allowed(client: TestClient) -> None:
    reply = client.delete("/api")
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET")
    assert "does not take this method" in reply.json()["error"]["message"]


def test_headers_and_field_names_come_with_an_error(client: TestClient) -> None:
    assert client.get("/api").headers["retry-after"] == "3"
    error = client.get("/typed?n=x").json()["error"]
    assert error["param"] == "n"
    assert "integer" in error["message"]


def test_a_failure_leaves_its_type_in_the_log_and_nothing_else(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert client.get("/failing").status_code == 500
    assert "a request failed: RuntimeError" in caplog.text
    assert "Quillon" not in caplog.text
    assert not any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize(
    ("value", "param", "words"),
    [
        ({"n": 9}, "n", "'n': should be less than or equal to 8"),
        ({"n": "x"}, "n", "'n': should be a valid integer"),
        ({}, "n", "'n' is missing"),
        ({"n": 1, "words": ["a", 2]}, "words.1", "'words.1': should be a valid string"),
        ({"n": 1, "colour": 2}, "colour", "'colour' is not supported; leave it out"),
        ([], None, "the body"),
    ],
)
def test_a_field_s_error_names_it_and_says_what_is_allowed(value: object, param: str | None, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Wanted.model_validate(value)
    error = field_error(caught.value.errors())
    assert (error.status, error.param) == (422, param)
    assert words in error.message


def test_a_long_name_is_shortened_and_one_of_several_has_its_number() -> None:
    with pytest.raises(ValidationError) as caught:
        Wanted.model_validate({"n": 1, "x" * 5000: 1})
    error = field_error(caught.value.errors(), start="3")
    assert error.param is not None
    assert error.param.startswith("3.xxx")
    assert len(error.message) < 200


@given(st.text(), st.integers(400, 599), st.none() | st.text())
def test_any_words_can_be_sent(words: str, status: int, param: str | None) -> None:
    error = ApiError(status, words + "\ud800", param=param)
    assert json.loads(error_bytes(error)) == error_body(error)


def test_any_exception_becomes_an_error() -> None:
    assert as_api_error(KeyError("x")).status == 500
    assert as_api_error(ApiError(404, "no")).status == 404
