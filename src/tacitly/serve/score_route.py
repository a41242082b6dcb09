"""`/v1/score`: what the detector says of answers that exist already."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from tacitly.detect.token_scores import TokenScores
from tacitly.serve.documenting import body_of, errors
from tacitly.serve.errors import ApiError
from tacitly.serve.gate import json_value
from tacitly.serve.given import ScoreRequest, read_given
from tacitly.serve.limits import Limits
from tacitly.serve.scoring import Desk, Scores, Wish


class TokenReply(BaseModel):
    """What the detector says once a token is read."""

    text: str = Field(description="The token's part of the answer; all of them joined are the answer.")
    start: int = Field(description="Its first character in the answer,")
    end: int = Field(description="and one past its last.")
    p_correct: float | None = Field(description="The calibrated probability that the answer is right.")


class ScoreReply(BaseModel):
    """What the detector says of one answer."""

    id: str | None = Field(description="As it was given; by default the answer's number.")
    p_correct: float | None = Field(description="The calibrated probability that the answer is right.")
    verdict: str | None = Field(description="`trust`, `doubt` or `abstain`.")
    exact_answer: str | None = Field(description="The part of the answer that answers the question.")
    start: int | None = Field(description="Its first character in the answer,")
    end: int | None = Field(description="and one past its last.")
    scored: str | None = Field(description="What the probability is of: `exact_answer`, or `any_answer`.")
    site: str | None = Field(description="Where the states were read,")
    layer: int | None = Field(description="the layer; 0 is the embedding output,")
    position: str | None = Field(description="and the token position.")
    reason: str | None = Field(description="Why something is null.")
    error: str | None = Field(description="Why the answer could not be looked at; all else is null then.")
    tokens: list[TokenReply] | None = Field(default=None, description="Where `tokens` was asked for.")
    tokens_error: str | None = Field(
        default=None, description="Why tokens have no score, where `tokens` was asked for."
    )


def score_router(service: Scores, limits: Limits) -> APIRouter:
    """The route.

    Args:
        service: What scores.
        limits: How much may be asked.
    """
    router = APIRouter(tags=["scores"])
    desk = Desk(service, limits)

    @router.post(
        "/v1/score",
        summary="Score existing answers",
        response_model=ScoreReply | list[ScoreReply],
        responses=errors(400, 401, 413, 415, 422, 429),
        openapi_extra=body_of(ScoreRequest, many=limits.score_answers),
    )
    async def score(request: Request) -> Response:
        """Answers that the model wrote elsewhere, one or a list of them; the reply has the same form.

        An answer that cannot be looked at has an `error` in its place, and the others go on.
        """
        value = await json_value(request)
        wishes = _wishes(value, limits)
        async with desk.turn(request):
            found = await desk.score(request, wishes)
        content = await asyncio.to_thread(_as_json, found, wishes, single=not isinstance(value, list))
        return Response(content, media_type="application/json")

    return router


def _wishes(value: object, limits: Limits) -> list[Wish]:
    if not isinstance(value, list):
        return [_wish(read_given(ScoreRequest, value, limits), 1, "")]
    if not 1 <= len(value) <= limits.score_answers:
        words = f"the list has {len(value):,} answers; allowed: 1 to {limits.score_answers:,}; send them in parts"
        raise ApiError(422, words, code="over_limit")
    return [_wish(read_given(ScoreRequest, one, limits, start=str(i)), i + 1, str(i)) for i, one in enumerate(value)]


def _wish(asked: ScoreRequest, number: int, where: str) -> Wish:
    return Wish(asked.given(asked.id or str(number)), asked.tokens, where)


def _as_json(found: Sequence[TokenScores], wishes: Sequence[Wish], *, single: bool) -> bytes:
    """The reply; made in pieces, between which other threads come in."""
    parts = [json.dumps(_as_dict(one, tokens=wish.tokens)) for one, wish in zip(found, wishes, strict=True)]
    return (parts[0] if single else f"[{','.join(parts)}]").encode("ascii")


def _as_dict(found: TokenScores, *, tokens: bool) -> dict[str, Any]:
    said = found.answer.as_dict()
    if tokens:
        said |= {"tokens": [asdict(one) for one in found.tokens], "tokens_error": found.error}
    return said
