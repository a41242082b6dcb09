"""`/v1/layers`: what each layer says at each token of an answer that exists already."""

import asyncio
import json
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from tacitly.detect.preparing import PreparedAnswer
from tacitly.detect.records import ScoredAnswer
from tacitly.detect.token_scores import NO_TOKEN_SCORES, LayerScores
from tacitly.errors import TaskError
from tacitly.probes.token_probes import TokenProbes
from tacitly.serve.documenting import body_of, errors
from tacitly.serve.errors import ApiError
from tacitly.serve.gate import json_value
from tacitly.serve.given import GivenRequest, read_given
from tacitly.serve.limits import Limits
from tacitly.serve.scoring import Desk, Scores, Wish


class PieceReply(BaseModel):
    """A token's part of the answer."""

    text: str = Field(description="The text; all of them joined are the answer.")
    start: int = Field(description="Its first character in the answer,")
    end: int = Field(description="and one past its last.")


class LayersReply(BaseModel):
    """What each layer says at each token."""

    site: str = Field(description="Where the states were read.")
    layers: list[int] = Field(description="The layers, from the lowest; 0 is the embedding output.")
    layer: int = Field(description="The one that gives an answer its scores.")
    tokens: list[PieceReply]
    p_correct: list[list[float | None]] = Field(
        description="For each layer, for each token: the calibrated probability that the answer is right."
    )
    error: str | None = Field(description="Why there are no scores.")


def layers_router(service: Scores, limits: Limits) -> APIRouter:
    """The route.

    Args:
        service: What scores.
        limits: How much may be asked.
    """
    router = APIRouter(tags=["scores"])
    desk = Desk(service, limits)

    @router.post(
        "/v1/layers",
        summary="Score every layer at every token",
        response_model=LayersReply,
        responses=errors(400, 401, 413, 415, 422, 429),
        openapi_extra=body_of(GivenRequest),
    )
    async def layers(request: Request) -> Response:
        """One answer that the model wrote elsewhere."""
        asked = read_given(GivenRequest, await json_value(request), limits)
        probes = service.scorer.detector.tokens
        if probes is None:
            raise ApiError(422, NO_TOKEN_SCORES, code="no_token_scores")
        async with desk.turn(request):
            prepared = (await desk.prepare([Wish(asked.given())]))[0]
            if isinstance(prepared, ScoredAnswer):
                raise ApiError(422, str(prepared.error), param="answer", code="invalid_value")
            said = await _said(desk, service, prepared, probes)
        content = await asyncio.to_thread(lambda: json.dumps(said).encode("ascii"))
        return Response(content, media_type="application/json")

    return router


async def _said(desk: Desk, service: Scores, answer: PreparedAnswer, probes: TokenProbes) -> dict[str, Any]:
    try:
        found = await desk.run(lambda scorer: scorer.score_layers(answer))
    except TaskError as error:
        raise ApiError(422, str(error), param="answer", code="invalid_value") from None
    except Exception as error:  # its words may quote the answer
        service.metrics.failed()
        found = LayerScores(probes.site, probes.layers, probes.layer, (), ((),) * len(probes.layers))
        return {**found.as_dict(), "error": f"scoring failed ({type(error).__name__})"}
    service.metrics.scored(len(found.tokens))
    return {**found.as_dict(), "error": None}
