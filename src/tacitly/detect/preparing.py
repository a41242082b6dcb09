"""A given answer as the model reads it: after the prompt with which the detector's study asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from tacitly.activations.positions import LAST_QUESTION
from tacitly.detect.records import GivenAnswer
from tacitly.detect.tokens import AnswerTokens, Tokens
from tacitly.errors import SettingsError, TaskError
from tacitly.models.load import LanguageModel
from tacitly.models.prompts import PromptFormat
from tacitly.probes.asking import Asking
from tacitly.probes.own_model import ask_alike


@dataclass(frozen=True, slots=True)
class PreparedAnswer:
    """An answer with all that reading it takes.

    Attributes:
        given: The answer as it was given.
        prompt_ids: The tokens of its prompt.
        tokens: Its own.
        choices: Its question's closed set, or nothing.
    """

    given: GivenAnswer
    prompt_ids: tuple[int, ...]
    tokens: AnswerTokens
    choices: tuple[str, ...]

    @property
    def token_indices(self) -> tuple[int, ...]:
        """Where the answer's own tokens stand among the captured ones."""
        return tuple(range(LAST_QUESTION + 1, LAST_QUESTION + 1 + len(self.tokens.token_ids)))

    def up_to(self, index: int) -> tuple[int, ...]:
        """Prompt and answer up to one of the captured tokens (`tacitly.activations.positions`)."""
        end = () if self.tokens.end_id is None else (self.tokens.end_id,)
        return (*self.prompt_ids, *self.tokens.token_ids, *end)[: len(self.prompt_ids) + index]


@dataclass(frozen=True, slots=True)
class Preparer:
    """Puts questions as a study put them.

    Attributes:
        asking: How it asked.
        language_model: The model.
        form: How that is asked.
        tokens: Finds the tokens of answers.
    """

    asking: Asking
    language_model: LanguageModel
    form: PromptFormat
    tokens: Tokens

    @classmethod
    def of(cls, asking: Asking, language_model: LanguageModel) -> Self:
        """Prepare as a study did; the model's tokenizer is given the study's chat template."""
        form = ask_alike(asking, language_model)
        return cls(asking, language_model, form, Tokens(language_model, form, (*asking.stop, *form.stop)))

    def prepare(self, given: GivenAnswer) -> PreparedAnswer:
        """Render an answer's prompt, and find its tokens.

        Raises:
            TaskError: The answer lacks what the study showed with every question, has more than that, is of other
                tokens than the model's, or does not fit its context.
        """
        choices = self.asking.choices(given.question, given=given.choices)
        self._require_needed(given, choices)
        try:
            messages = self.asking.messages(given.question, context=given.context, choices=choices)
        except SettingsError as error:
            raise TaskError(f"{given.where}: {error}") from None
        prompt = self.form.render(messages)
        prompt_ids = tuple(self.form.token_ids(prompt))
        tokens = self.tokens.read(given, prompt, prompt_ids)
        length, room = len(prompt_ids) + len(tokens.token_ids) + 1, self.language_model.context_length
        if room is not None and length > room:
            raise TaskError(
                f"{given.where} takes {length} tokens with its prompt", allowed=f"{room} in all", remedy="shorten it"
            )
        return PreparedAnswer(given, prompt_ids, tokens, choices)

    def _require_needed(self, given: GivenAnswer, choices: Sequence[str]) -> None:
        for name, value in (("context", given.context), ("choices", choices)):
            if name in self.asking.needs and not value:
                raise TaskError(
                    f"{given.where} has no {name!r}, which the detector's study showed with every question",
                    allowed="what the model was shown",
                    remedy=f"add {name!r}",
                )
        if given.context is not None and not self.asking.shows_context:
            raise TaskError(
                f"{given.where} has a 'context', which no question of the detector's study had",
                allowed="the question alone",
                remedy="leave it out, or train a detector on questions with a context",
            )
