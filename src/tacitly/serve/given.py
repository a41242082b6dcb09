"""Answers that a client sends to be scored, checked before anything is computed."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tacitly.detect.records import GivenAnswer
from tacitly.serve.errors import ApiError, field_error
from tacitly.serve.limits import Limits

_ANSWER_NEEDED = "'answer' and 'token_ids' are missing; allowed: one of them, or both"

TokenIds = Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(fail_fast=True)]
Choices = Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=200, fail_fast=True)]


class GivenRequest(BaseModel):
    """An answer that the model wrote elsewhere."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: str = Field(min_length=1, description="The bare question, without prompt or template.")
    answer: str | None = Field(default=None, description="What the model wrote, as text. It counts as finished.")
    token_ids: TokenIds | None = Field(
        default=None,
        description="The same as tokens: with the end token if the model wrote one, without if the answer was cut.",
    )
    context: str | None = Field(
        default=None, description="The passage that came with the question, where the detector's study showed one."
    )
    choices: Choices | None = Field(
        default=None, description="The question's closed set; by default what the detector knows of it."
    )

    def given(self, name: str = "1") -> GivenAnswer:
        """As the scorer takes it."""
        return GivenAnswer(
            id=name,
            question=self.question.strip(),
            answer=self.answer,
            token_ids=None if self.token_ids is None else tuple(self.token_ids),
            context=(self.context or "").strip() or None,
            choices=tuple(dict.fromkeys(choice for one in self.choices or () if (choice := one.strip()))),
        )


class ScoreRequest(GivenRequest):
    """An answer to be scored."""

    id: str | None = Field(default=None, max_length=200, description="Names it in the reply; by default its number.")
    tokens: bool = Field(default=False, description="Whether each token is scored too.")


M = TypeVar("M", bound=GivenRequest)


def read_given(kind: type[M], value: object, limits: Limits, *, start: str = "") -> M:
    """Read an answer that is to be scored.

    Args:
        kind: What is allowed.
        value: What the client sent.
        limits: How much of it.
        start: What stands before the names of fields, for one of several answers.

    Raises:
        ApiError: 422, with the field's name and what is allowed.
    """
    try:
        one = kind.model_validate(value)
    except ValidationError as error:
        raise field_error(error.errors(include_url=False, include_input=False), start=start) from None
    before = f"{start}." if start else ""
    if not one.question.strip():
        raise _wrong(f"{before}question", "is empty; allowed: a text")
    if one.answer is None and one.token_ids is None:
        raise ApiError(422, _ANSWER_NEEDED, param=f"{before}answer", code="missing_field")
    texts = {
        "question": one.question,
        "answer": one.answer,
        "context": one.context,
        "choices": "".join(one.choices or []),
    }
    lengths = {name: len(text) for name, text in texts.items() if text}
    if sum(lengths.values()) > limits.prompt_characters:
        longest = max(lengths, key=lambda name: lengths[name])
        most = f"{limits.prompt_characters:,} characters in the texts of one answer"
        raise _wrong(f"{before}{longest}", f"has {lengths[longest]:,} characters; allowed: {most}; shorten it")
    if len(one.token_ids or ()) > limits.score_tokens:
        raise _wrong(f"{before}token_ids", f"has {len(one.token_ids or ()):,} tokens; allowed: {limits.score_tokens:,}")
    return one


def _wrong(name: str, problem: str) -> ApiError:
    return ApiError(422, f"{name!r} {problem}", param=name, code="invalid_value")
