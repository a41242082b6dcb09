"""One reply, or a stream of chunks: what both ways of asking for text do with the answers."""

import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tacitly.serve.answering import Answer, Answers, Wanted, Whole, unless_gone
from tacitly.serve.errors import ApiError, error_body
from tacitly.serve.replies import DONE, ChatReplies, CompletionReplies, as_event, as_json
from tacitly.serve.service import Service

MEDIA_TYPE = "text/event-stream"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
STREAMED: dict[str, Any] = {
    "description": "The answers; with `stream`, chunks as server-sent events, the last of them `[DONE]`. What the "
    "detector says stands in each choice's field `tacitly`: `tokens` with `text` and `p_correct`, and at an answer's "
    "end `p_correct`, `verdict`, `exact_answer`, `start`, `end`, `scored`, `reason`.",
    "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
}


async def reply(
    request: Request,
    service: Service,
    wanted: Wanted,
    replies: ChatReplies | CompletionReplies,
    *,
    stream: bool,
    choose: bool,
) -> Response:
    """Have answers written, and send them.

    Args:
        request: Whose they are.
        service: What writes them.
        wanted: What is asked.
        replies: How they are put.
        stream: Whether they are sent token by token.
        choose: Whether only the one is sent that the detector trusts most.

    Raises:
        ApiError: There is no room, or the writing was broken off.
    """
    answers = Answers(service, wanted)
    if stream:
        return _Stream(answers, _events(answers, wanted, replies, choose=choose))
    try:
        found = await unless_gone(request, answers.all())
    finally:
        answers.give_up()
    chosen = [max(found, key=_trust)] if choose else found
    body = replies.whole(answers, chosen, chosen_from=len(found) if choose else None)
    return Response(as_json(body), media_type="application/json")


class _Stream(StreamingResponse):
    """Chunks as they come; whatever ends the reply, its answers are given up."""

    def __init__(self, answers: Answers, events: AsyncIterator[bytes]) -> None:
        super().__init__(events, media_type=MEDIA_TYPE, headers=HEADERS)
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._answers.give_up()


async def _events(
    answers: Answers, wanted: Wanted, replies: ChatReplies | CompletionReplies, *, choose: bool
) -> AsyncIterator[bytes]:
    if isinstance(replies, ChatReplies):
        for index in range(len(wanted.prompts) * wanted.n):
            yield as_event(replies.opening(index))
    try:
        async for part in answers.parts():
            if part.pieces:
                yield as_event(replies.part(part))
            if isinstance(part, Whole):
                yield as_event(replies.ending(part, chosen_from=1 if choose else None))
    except ApiError as error:
        yield b"data: " + json.dumps(error_body(error)).encode() + b"\n\n"
        return
    if replies.usage:
        yield as_event(replies.total(answers))
    yield DONE


def _trust(answer: Answer) -> float:
    p_correct = answer.whole.said.p_correct
    return -1.0 if p_correct is None else p_correct
