"""The values that pass between the stages: frozen, and ignorant of files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

FinishReason = Literal["end_of_turn", "stop_string", "length"]
Split = Literal["train", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, and what would be a right answer.

    Attributes:
        question_id: Unique within a run.
        question: The question's text, without prompt or template.
        answers: The accepted answers; the first is the canonical one.
        entity: What the question is about; groups the folds of `by_entity`.
        choices: The closed set that the task declares for this question, or empty. A choice with several names is
            written `canonical|name|name`.
        split: `"train"` or `"test"` where the task has its own split.
        context: A passage given with the question.
        written: An answer that a model wrote elsewhere, which is read instead of asking anew.
        graded: Whether a person judged that answer right; None where nobody did.
        meta: Anything else worth a column, as strings.
    """

    question_id: str
    question: str
    answers: tuple[str, ...]
    entity: str
    choices: tuple[str, ...] = ()
    split: Split | None = None
    context: str | None = None
    written: str | None = None
    graded: bool | None = None
    meta: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndToken:
    """The token generated right after the answer (end of turn, or the one that completes a stop string)."""

    token_id: int
    logprob: float
    logit: float
    entropy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model wrote; the numbers are per token of `token_ids`, which leaves the end token out.

    Attributes:
        sample: 0 is the greedy answer, 1.. are sampled ones.
        text: The answer as written, decoded from `token_ids`; a stop string is cut off.
        token_logprobs: Natural log-probability of each token at temperature 1.
        token_logits: The raw logit of each token.
        token_entropies: Entropy in nats of the distribution that each token was taken from.
        end: The token after the answer; None when the answer was cut at `max_new_tokens`.
    """

    answer_id: str
    question_id: str
    sample: int
    text: str
    token_ids: tuple[int, ...]
    token_logprobs: tuple[float, ...]
    token_logits: tuple[float, ...]
    token_entropies: tuple[float, ...]
    finish_reason: FinishReason
    end: EndToken | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Whether an answer is right; `correct` is None where the judge cannot tell."""

    correct: bool | None
    refused: bool
    judge: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where in an answer's text the exact answer stands, or why it was not found.

    Attributes:
        start: First character, or None where there is no exact answer.
        end: One past the last character.
        exact_answer: `text[start:end]`, verbatim.
        given: What was given, in canonical form: the choice for a closed set, else the normalised exact answer.
        locator: The locator that found it, or the last one asked.
        reason: Why there is none; None where there is one.
        first_token: Index among the answer's tokens, once aligned.
        last_token: Inclusive index of the last token.
    """

    start: int | None
    end: int | None
    exact_answer: str | None
    given: str | None
    locator: str
    reason: str | None = None
    first_token: int | None = None
    last_token: int | None = None

    @property
    def found(self) -> bool:
        """Whether there is an exact answer."""
        return self.start is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One method's opinion on one answer: higher means more likely correct."""

    answer_id: str
    method: str
    grouping: str
    seed: int
    outer_fold: int
    score: float
