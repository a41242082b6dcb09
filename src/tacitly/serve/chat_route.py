"""`/v1/chat/completions`: a conversation is gone on with."""

import asyncio

from fastapi import APIRouter
from openai.types.chat import ChatCompletion
from starlette.requests import Request
from starlette.responses import Response

from tacitly.chat import MAX_NEW_TOKENS
from tacitly.serve.answering import Wanted
from tacitly.serve.asking import ask_messages
from tacitly.serve.conversing import STREAMED, reply
from tacitly.serve.documenting import body_of, errors
from tacitly.serve.gate import json_value
from tacitly.serve.models_route import require_model
from tacitly.serve.replies import ChatReplies
from tacitly.serve.schemas import ChatRequest, read_request, require
from tacitly.serve.service import Service


def chat_router(service: Service) -> APIRouter:
    """The route, for one model."""
    router = APIRouter(tags=["text"])
    limits, asking = service.limits, service.chat.asking

    @router.post(
        "/v1/chat/completions",
        summary="Answer a question, with scores",
        response_model=ChatCompletion,
        responses={200: STREAMED, **errors(400, 401, 404, 413, 415, 422, 429)},
        openapi_extra=body_of(ChatRequest),
    )
    async def chat_completions(request: Request) -> Response:
        """The last message is the question.

        One message alone is put to the model as the detector's study put its questions; several are put as they are
        given, and the reply has a caution.
        """
        asked = read_request(ChatRequest, await json_value(request))
        require_model(service, asked.model)
        require("n", asked.n, limits.answers)
        name = "max_tokens" if asked.max_tokens else "max_completion_tokens"
        require(name, asked.length or 1, limits.new_tokens)
        drawn = asked.heat > 0
        prompt = await asyncio.to_thread(ask_messages, service, asked.messages, drawn=drawn)
        own = len(asked.messages) == 1
        wanted = Wanted(
            prompts=[prompt],
            n=asked.n,
            max_tokens=asked.length or min(limits.new_tokens, asking.max_new_tokens if own else MAX_NEW_TOKENS),
            temperature=asked.heat,
            top_p=asked.top_p,
            stop=tuple(dict.fromkeys((*asked.stops, *service.chat.form.stop, *(asking.stop if own else ())))),
            seed=asked.seed,
        )
        options = asked.stream_options
        replies = ChatReplies(service.model_name, asked.logprobs, options is not None and options.include_usage)
        return await reply(request, service, wanted, replies, stream=asked.stream, choose=asked.choose is not None)

    return router
