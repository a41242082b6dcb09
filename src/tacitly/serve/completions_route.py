"""`/v1/completions`: a text is gone on with, as it is."""

import asyncio

from fastapi import APIRouter
from openai.types import Completion
from starlette.requests import Request
from starlette.responses import Response

from tacitly.chat import MAX_NEW_TOKENS
from tacitly.serve.answering import Wanted
from tacitly.serve.asking import ask_text
from tacitly.serve.conversing import STREAMED, reply
from tacitly.serve.documenting import body_of, errors
from tacitly.serve.errors import ApiError
from tacitly.serve.gate import json_value
from tacitly.serve.models_route import require_model
from tacitly.serve.replies import CompletionReplies
from tacitly.serve.schemas import CompletionRequest, read_request, require
from tacitly.serve.service import Service


def completions_router(service: Service) -> APIRouter:
    """The route, for one model."""
    router = APIRouter(tags=["text"])
    limits = service.limits

    @router.post(
        "/v1/completions",
        summary="Go on with a text, with scores",
        response_model=Completion,
        responses={200: STREAMED, **errors(400, 401, 404, 413, 415, 422, 429)},
        openapi_extra=body_of(CompletionRequest),
    )
    async def completions(request: Request) -> Response:
        """The text is read as it is, without the model's template; so the reply has a caution."""
        asked = read_request(CompletionRequest, await json_value(request))
        require_model(service, asked.model)
        texts = _texts(asked.prompt)
        require("n", asked.n, limits.answers)
        if len(texts) * asked.n > limits.answers:
            raise ApiError(
                422,
                f"'prompt' has {len(texts)} texts for 'n' = {asked.n}; allowed: {limits.answers} answers in all",
                param="prompt",
                code="over_limit",
            )
        if asked.choose is not None and len(texts) > 1:
            raise ApiError(422, "'choose' is for answers to one text; allowed: one 'prompt'", param="choose")
        require("max_tokens", asked.length or 1, limits.new_tokens)
        prompts = [await asyncio.to_thread(ask_text, service, text, drawn=asked.heat > 0) for text in texts]
        wanted = Wanted(
            prompts=prompts,
            n=asked.n,
            max_tokens=asked.length or min(limits.new_tokens, MAX_NEW_TOKENS),
            temperature=asked.heat,
            top_p=asked.top_p,
            stop=asked.stops,
            seed=asked.seed,
        )
        options = asked.stream_options
        replies = CompletionReplies(
            service.model_name, asked.logprobs is not None, options is not None and options.include_usage, "cmpl"
        )
        return await reply(request, service, wanted, replies, stream=asked.stream, choose=asked.choose is not None)

    return router


def _texts(prompt: str | list[str] | list[int]) -> list[str] | list[list[int]]:
    """One prompt or several; what is empty is refused as one."""
    if isinstance(prompt, str):
        return [prompt]
    texts = [one for one in prompt if isinstance(one, str)]
    return texts or [[one for one in prompt if isinstance(one, int)]]
