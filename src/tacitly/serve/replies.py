"""What clients get, in OpenAI's form; what a detector says stands in a field that ordinary clients leave alone."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from openai.types import Completion, CompletionChoice, CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

from tacitly.serve.answering import Answer, Answers, Part, Whole
from tacitly.serve.token_stream import Piece

DONE = b"data: [DONE]\n\n"


def as_json(reply: BaseModel) -> bytes:
    """A reply as it is sent: nothing that was not set."""
    return reply.model_dump_json(exclude_unset=True).encode()


def as_event(reply: BaseModel) -> bytes:
    """A chunk as a server-sent event."""
    return b"data: " + as_json(reply) + b"\n\n"


@dataclass(frozen=True)
class Replies:
    """The replies to one request.

    Attributes:
        model: The model's name.
        logprobs: Whether tokens come with their log-probabilities.
        usage: Whether a stream ends with the numbers of tokens.
        prefix: What the reply's id begins with.
    """

    model: str
    logprobs: bool = False
    usage: bool = False
    prefix: str = "chatcmpl"
    created: int = field(default_factory=lambda: int(time.time()))
    token: str = field(default_factory=lambda: secrets.token_hex(12))

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": f"{self.prefix}-{self.token}", "object": kind, "created": self.created, "model": self.model}


class ChatReplies(Replies):
    """The replies to a conversation."""

    def opening(self, index: int) -> ChatCompletionChunk:
        """The first chunk of an answer."""
        return self._chunk({"index": index, "delta": {"role": "assistant", "content": ""}, "finish_reason": None})

    def part(self, part: Part | Whole) -> ChatCompletionChunk:
        """A chunk with some text."""
        choice = {
            "index": part.index,
            "delta": {"content": _text(part.pieces)},
            "finish_reason": None,
            "tacitly": tokens_of(part.pieces),
        }
        if self.logprobs:
            choice["logprobs"] = _chat_logprobs(part.pieces)
        return self._chunk(choice)

    def ending(self, whole: Whole, *, chosen_from: int | None = None) -> ChatCompletionChunk:
        """The last chunk of an answer."""
        said = {**verdict_of(whole), **_chosen(chosen_from)}
        return self._chunk({"index": whole.index, "delta": {}, "finish_reason": whole.finish_reason, "tacitly": said})

    def total(self, answers: Answers) -> ChatCompletionChunk:
        """The chunk after all others, with the numbers of tokens."""
        chunk = {**self._head("chat.completion.chunk"), "choices": [], "usage": usage_of(answers)}
        return ChatCompletionChunk.model_validate(chunk)

    def whole(self, answers: Answers, chosen: Sequence[Answer], *, chosen_from: int | None = None) -> ChatCompletion:
        """The reply in one."""
        choices = []
        for index, answer in enumerate(chosen):
            choice: dict[str, Any] = {
                "index": index,
                "message": {"role": "assistant", "content": answer.text, "refusal": None},
                "finish_reason": answer.whole.finish_reason,
                "logprobs": _chat_logprobs(answer.pieces) if self.logprobs else None,
                "tacitly": {**tokens_of(answer.pieces), **verdict_of(answer.whole), **_chosen(chosen_from)},
            }
            choices.append(choice)
        return ChatCompletion.model_validate(
            {**self._head("chat.completion"), "choices": choices, "usage": usage_of(answers)}
        )

    def _chunk(self, choice: dict[str, Any]) -> ChatCompletionChunk:
        chunk = {**self._head("chat.completion.chunk"), "choices": [choice], **({"usage": None} if self.usage else {})}
        return ChatCompletionChunk.model_validate(chunk)


class CompletionReplies(Replies):
    """The replies to a text that is gone on with."""

    def part(self, part: Part | Whole) -> Completion:
        """A chunk with some text."""
        text = _text(part.pieces)
        choice: dict[str, Any] = {"index": part.index, "text": text, "tacitly": tokens_of(part.pieces)}
        if self.logprobs:
            choice["logprobs"] = _text_logprobs(part.pieces)
        return self._chunk(CompletionChoice.model_construct(None, **choice))

    def ending(self, whole: Whole, *, chosen_from: int | None = None) -> Completion:
        """The last chunk of an answer."""
        said = {**verdict_of(whole), **_chosen(chosen_from)}
        choice = {"index": whole.index, "text": "", "finish_reason": whole.finish_reason, "tacitly": said}
        return self._chunk(CompletionChoice.model_validate(choice))

    def total(self, answers: Answers) -> Completion:
        """The chunk after all others, with the numbers of tokens."""
        return Completion.model_validate({**self._head("text_completion"), "choices": [], "usage": usage_of(answers)})

    def whole(self, answers: Answers, chosen: Sequence[Answer], *, chosen_from: int | None = None) -> Completion:
        """The reply in one."""
        choices = [
            {
                "index": index,
                "text": answer.text,
                "finish_reason": answer.whole.finish_reason,
                "logprobs": _text_logprobs(answer.pieces) if self.logprobs else None,
                "tacitly": {**tokens_of(answer.pieces), **verdict_of(answer.whole), **_chosen(chosen_from)},
            }
            for index, answer in enumerate(chosen)
        ]
        return Completion.model_validate(
            {**self._head("text_completion"), "choices": choices, "usage": usage_of(answers)}
        )

    def _chunk(self, choice: CompletionChoice) -> Completion:
        usage: dict[str, Any] = {"usage": None} if self.usage else {}
        return Completion.model_construct(None, **self._head("text_completion"), choices=[choice], **usage)


def tokens_of(pieces: Sequence[Piece]) -> dict[str, Any]:
    """The score of each token, and why there is none where there is none."""
    said: dict[str, Any] = {
        "tokens": [
            {"text": piece.text, "p_correct": None if piece.token is None else piece.token.p_correct}
            for piece in pieces
        ]
    }
    errors = [piece.token.error for piece in pieces if piece.token is not None and piece.token.error is not None]
    return {**said, "error": errors[0]} if errors else said


def verdict_of(whole: Whole) -> dict[str, Any]:
    """What the detector says of a finished answer."""
    said, span = whole.said, whole.said.span
    words = {
        "p_correct": said.p_correct,
        "verdict": said.verdict,
        "exact_answer": span.exact_answer if span else None,
        "start": span.start if span else None,
        "end": span.end if span else None,
        "scored": said.scored,
        "reason": said.reason,
    }
    return words if whole.prompt.caution is None else {**words, "caution": whole.prompt.caution}


def usage_of(answers: Answers) -> CompletionUsage:
    """The numbers of tokens."""
    read, written = answers.prompt_tokens, answers.new_tokens
    return CompletionUsage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)


def _chosen(chosen_from: int | None) -> dict[str, int]:
    return {} if chosen_from is None else {"chosen_from": chosen_from}


def _text(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def _chat_logprobs(pieces: Sequence[Piece]) -> dict[str, Any]:
    content = [
        {"token": piece.text, "logprob": piece.token.logprob, "bytes": list(piece.text.encode()), "top_logprobs": []}
        for piece in pieces
        if piece.token is not None
    ]
    return {"content": content, "refusal": None}


def _text_logprobs(pieces: Sequence[Piece]) -> dict[str, Any]:
    known = [piece for piece in pieces if piece.token is not None]
    return {
        "tokens": [piece.text for piece in known],
        "token_logprobs": [piece.token.logprob for piece in known if piece.token is not None],
    }
