"""What clients may ask for when they want text: OpenAI's parameters, and `choose`."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from tacitly.serve.errors import ApiError, field_error

M = TypeVar("M", bound=BaseModel)

MOST_STOPS = 4
FIRST_ONLY = Field(fail_fast=True)  # a long list of wrong values would cost an error for each
MODEL_NAME = Field(max_length=500, description="As `/v1/models` names it.")
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
StopString = Annotated[str, Field(min_length=1, max_length=200)]

IGNORED = (
    "user",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
)
"""What says something about a request, and nothing about its reply."""

_NEUTRAL: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {
        "audio": (),
        "best_of": (1,),
        "echo": (False,),
        "frequency_penalty": (0,),
        "function_call": ("none",),
        "functions": ([],),
        "logit_bias": ({},),
        "modalities": (["text"],),
        "moderation": (),
        "parallel_tool_calls": (True, False),
        "prediction": (),
        "presence_penalty": (0,),
        "reasoning_effort": ("none",),
        "response_format": ({"type": "text"},),
        "service_tier": ("auto", "default"),
        "store": (False,),
        "suffix": ("",),
        "tool_choice": ("none", "auto"),
        "tools": ([],),
        "top_logprobs": (0,),
        "verbosity": ("medium",),
        "web_search_options": (),
    }
)
"""What is not done here, with the values that ask for nothing."""


class StreamOptions(BaseModel):
    """What a stream has besides."""

    model_config = ConfigDict(extra="forbid", strict=True)

    include_usage: bool = Field(default=False, description="A last chunk with the numbers of tokens.")
    include_obfuscation: bool | None = Field(default=None, description="Without effect.")


class Writing(BaseModel):
    """What both ways of asking for text have in common."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    model: str = MODEL_NAME
    max_tokens: int | None = Field(default=None, ge=1, description="The most tokens of an answer.")
    n: int = Field(default=1, ge=1, description="How many answers.")
    temperature: float | None = Field(
        default=None,
        ge=0,
        le=2,
        description="0 for the most likely tokens, on which the detector learned: what one answer has by default. "
        "Several are drawn at 1 by default.",
    )
    top_p: float = Field(default=1.0, gt=0, le=1, description="Draw from the most likely tokens with this probability.")
    stop: StopString | Annotated[list[StopString], Field(max_length=MOST_STOPS, fail_fast=True)] = Field(
        default=[], description="Strings that end an answer and are no part of it."
    )
    seed: Seed | None = Field(default=None, description="Draws the same answers again.")
    stream: bool = Field(default=False, description="Send tokens as they come, as server-sent events.")
    stream_options: StreamOptions | None = Field(default=None, description="Only with `stream`.")
    choose: Literal["probe"] | None = Field(
        default=None,
        description="Return only the one of `n` answers that the detector trusts most. Not with `stream`, unless "
        "`n` is 1.",
    )
    user: Any = Field(default=None, description="Without effect.")
    metadata: Any = Field(default=None, description="Without effect.")
    safety_identifier: Any = Field(default=None, description="Without effect.")
    prompt_cache_key: Any = Field(default=None, description="Without effect.")
    prompt_cache_options: Any = Field(default=None, description="Without effect.")
    prompt_cache_retention: Any = Field(default=None, description="Without effect.")

    @model_validator(mode="before")
    @classmethod
    def _without_neutral(cls, value: object) -> object:
        """Leave out what is null, and what asks for nothing."""
        if not isinstance(value, dict):
            return value
        return {name: one for name, one in value.items() if one is not None and not cls._is_neutral(name, one)}

    @classmethod
    def _is_neutral(cls, name: str, value: object) -> bool:
        if name in cls.model_fields:
            return False
        return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in _NEUTRAL.get(name, ()))

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.stream_options is not None and not self.stream:
            raise _wrong("stream_options", "should be left out without 'stream'")
        if self.choose is not None and self.stream and self.n > 1:
            raise _wrong("choose", "should be left out with 'stream' and more than one answer ('n')")
        return self

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop strings."""
        return tuple(dict.fromkeys([self.stop] if isinstance(self.stop, str) else self.stop))

    @property
    def heat(self) -> float:
        """The temperature, said or not."""
        return self.temperature if self.temperature is not None else float(self.n > 1)


class TextPart(BaseModel):
    """A part of a message."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["text"]
    text: str


class Message(BaseModel):
    """A message of a conversation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[TextPart], FIRST_ONLY]
    name: str | None = Field(default=None, max_length=200, description="Without effect.")

    @property
    def text(self) -> str:
        """All of its text."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class ChatRequest(Writing):
    """A conversation that is to be gone on with."""

    messages: list[Message] = Field(
        min_length=1, fail_fast=True, description="The last one is the user's, and is the question."
    )
    max_completion_tokens: int | None = Field(default=None, ge=1, description="The same as `max_tokens`.")
    logprobs: bool = Field(default=False, description="The log-probability of each token.")

    @field_validator("messages")
    @classmethod
    def _ends_with_question(cls, messages: list[Message]) -> list[Message]:
        if messages[-1].role != "user":
            raise ValueError("should end with a message of the role 'user'")
        return messages

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if None not in (self.max_tokens, self.max_completion_tokens) and self.max_tokens != self.max_completion_tokens:
            raise _wrong("max_completion_tokens", "should be the same as 'max_tokens', or one of them left out")
        return self

    @property
    def length(self) -> int | None:
        """The most tokens of an answer, where the client says so."""
        return self.max_tokens or self.max_completion_tokens


class CompletionRequest(Writing):
    """Text that is to be gone on with."""

    prompt: str | Annotated[list[str], FIRST_ONLY] | Annotated[list[int], FIRST_ONLY] = Field(
        description="A text, several, or one as token ids."
    )
    logprobs: Literal[0] | None = Field(default=None, description="0 for the log-probability of each token.")

    @property
    def length(self) -> int | None:
        """The most tokens of an answer, where the client says so."""
        return self.max_tokens


def read_request(kind: type[M], value: object) -> M:
    """Read what a client sent.

    Raises:
        ApiError: 422, with the field's name and what is allowed.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise field_error(_plain(error.errors(include_url=False, include_input=False))) from None


def _plain(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The first error, at a name that a client knows; where several kinds of values may stand, all of them."""
    places = [
        (one["ctx"]["field"],) if one["type"] == "together" else tuple(p for p in one["loc"] if not _is_kind(p))
        for one in errors
    ]
    inner = [place for place in places if place[: len(places[0])] == places[0]]
    deepest = max(inner, key=len)  # the kind of value that fits best fails last
    there = [one for one, place in zip(errors, places, strict=True) if place == deepest]
    words = [str(one["msg"]) for one in there]
    joined = " or ".join([words[0], *(word.removeprefix("Input should be ") for word in words[1:])])
    return [{**there[0], "loc": deepest, "msg": joined}]


def _is_kind(part: object) -> bool:
    """Whether a part of a place is not a name, but one of the kinds of values that may stand there."""
    return isinstance(part, str) and (part in ("str", "int", "constrained-str") or "[" in part)


def require(name: str, value: int, most: int) -> None:
    """Refuse a number over a limit of this server.

    Raises:
        ApiError: 422.
    """
    if value > most:
        raise ApiError(422, f"{name!r} is {value}; allowed: at most {most:,}", param=name, code="over_limit")


def _wrong(field: str, words: str) -> PydanticCustomError:
    return PydanticCustomError("together", "Input {words}", {"field": field, "words": words})
