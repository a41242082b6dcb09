"""From answered questions to token sequences whose loss counts the answer only."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from tacitly.errors import ModelError
from tacitly.models.prompts import Message, PromptFormat
from tacitly.records import Question

IGNORED = -100
_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]]*(?=\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One sequence to train on.

    Attributes:
        input_ids: Prompt, answer, end token.
        labels: As `input_ids`, with -100 for the prompt, which has no loss.
        cut: Whether the answer was cut at a sentence's end to fit.
    """

    question_id: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    cut: bool


@dataclass(frozen=True)
class ExampleMaker:
    """Writes question and answer as the model will be asked later, in the same format.

    Attributes:
        form: How the model is asked.
        end_ids: The tokens that end a turn.
        max_length: The most tokens of a sequence.
    """

    form: PromptFormat
    end_ids: frozenset[int]
    max_length: int

    def make(self, question: Question, prompt: str | list[Message]) -> Example | None:
        """One example; None where not even the answer's first sentence fits.

        Args:
            question: Its first accepted answer is what is learned.
            prompt: What a study would ask, without template.

        Raises:
            ModelError: If nothing in the model's format ends an answer.
        """
        text = self.form.render(prompt)
        prompt_ids = self.form.token_ids(text)
        answer = question.answers[0].strip()
        if not self.form.has_template:  # a plain answer ends with its line
            answer = " ".join(answer.split())
        room = self.max_length - len(prompt_ids) - len(self.end)
        answer_ids = self.form.answer_ids(text, answer)
        cut = len(answer_ids) > room
        for shorter in _shorter(answer, self._reach(answer, room)) if cut and room > 0 else ():
            answer_ids = self.form.answer_ids(text, shorter)
            if len(answer_ids) <= room:
                break
        if len(answer_ids) > room or not answer_ids:
            return None
        learned = (*answer_ids, *self.end)
        return Example(
            question_id=question.question_id,
            input_ids=(*prompt_ids, *learned),
            labels=(*[IGNORED] * len(prompt_ids), *learned),
            cut=cut,
        )

    def _reach(self, answer: str, room: int) -> int:
        """About how many characters fit into `room` tokens."""
        offsets = self.form.tokenizer(answer, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        return int(offsets[min(room, len(offsets)) - 1][1]) + 1

    @cached_property
    def end(self) -> list[int]:
        """The template's tokens after an answer, up to the one that ends a turn; else the tokenizer's end token.

        Raises:
            ModelError: If nothing in the model's format ends an answer.
        """
        tokenizer = self.form.tokenizer
        closing = self.form.closing_ids()
        for i, token in enumerate(closing):
            if token in self.end_ids:
                return closing[: i + 1]
        if tokenizer.eos_token_id is None:
            raise ModelError(
                "the tokenizer has no end token, so the model cannot learn where an answer ends",
                remedy="set the tokenizer's eos_token, or give model.chat_template a template that ends turns",
            )
        return [int(tokenizer.eos_token_id)]


def _shorter(answer: str, reach: int) -> Iterable[str]:
    """The answer cut at each sentence's end within its first `reach` characters, longest first."""
    ends = [match.end() for match in _SENTENCE_END.finditer(answer)]
    return (answer[:end] for end in reversed(ends) if end <= min(reach, len(answer) - 1))


@dataclass(frozen=True, slots=True)
class ExampleCounts:
    """What became of the answered questions of one part.

    Attributes:
        examples: How many are trained on, or evaluated.
        cut: Of these, how many answers were cut at a sentence's end.
        too_long: Questions left out, because not even their answer's first sentence fits.
        tokens: Tokens in all, prompts and answers.
        learned_tokens: Tokens with a loss.
    """

    examples: int
    cut: int
    too_long: int
    tokens: int
    learned_tokens: int

    @classmethod
    def of(cls, examples: list[Example], asked: int) -> "ExampleCounts":
        """Count."""
        return cls(
            examples=len(examples),
            cut=sum(e.cut for e in examples),
            too_long=asked - len(examples),
            tokens=sum(len(e.input_ids) for e in examples),
            learned_tokens=sum(label != IGNORED for e in examples for label in e.labels),
        )
