"""An answer's tokens: given, or found by encoding its text."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tacitly.detect.records import GivenAnswer
from tacitly.engines.decoding import decode
from tacitly.errors import TaskError
from tacitly.models.load import LanguageModel
from tacitly.models.prompts import PromptFormat


@dataclass(frozen=True, slots=True)
class AnswerTokens:
    """An answer as the model reads it.

    Attributes:
        text: Its text, in which spans count.
        token_ids: Its tokens, without the token that ends it.
        end_id: That token; None where the answer was cut.
    """

    text: str
    token_ids: tuple[int, ...]
    end_id: int | None


@dataclass(frozen=True)
class Tokens:
    """Turns answers into tokens.

    Attributes:
        language_model: Whose tokens.
        form: How it is asked.
        stop: Strings that ended its answers.
    """

    language_model: LanguageModel
    form: PromptFormat
    stop: tuple[str, ...] = ()

    def read(self, given: GivenAnswer, prompt: str, prompt_ids: Sequence[int]) -> AnswerTokens:
        """The tokens of an answer.

        Of a text they are those that would follow the prompt, and the end of the turn after them. Of tokens they are
        what was generated: the end token stands apart, and a stop string is cut off.

        Args:
            given: The answer.
            prompt: The rendered prompt that it follows,
            prompt_ids: and its tokens.

        Raises:
            TaskError: A token does not exist, or text and tokens are of different answers.
        """
        if given.token_ids is None:
            text = given.answer or ""
            ids = self.form.answer_ids(prompt, text, prompt_ids=prompt_ids) if text else ()
            return AnswerTokens(text, tuple(ids), self._closing_id)
        self._require_known(given)
        found = self._cut(given.token_ids)
        if given.answer is None:
            return found
        if given.answer not in found.text or given.answer.strip() != found.text.strip():
            raise TaskError(
                f"{given.where}: 'answer' is {_short(given.answer)!r}, but 'token_ids' say {_short(found.text)!r}",
                allowed="the text that the tokens decode to",
                remedy="leave one of them out",
            )
        return AnswerTokens(given.answer, found.token_ids, found.end_id)

    @cached_property
    def _closing_id(self) -> int | None:
        return next((i for i in self.form.closing_ids() if i in self.language_model.end_ids), None)

    def _require_known(self, given: GivenAnswer) -> None:
        size = self.language_model.model.config.get_text_config(decoder=True).vocab_size
        for token_id in given.token_ids or ():
            if not 0 <= token_id < size:
                raise TaskError(
                    f"{given.where}: 'token_ids' holds {token_id}, which the model does not have",
                    allowed=f"0 to {size - 1}",
                    remedy="give the ids of the detector's own model, or the answer's text",
                )

    def _cut(self, ids: tuple[int, ...]) -> AnswerTokens:
        tokenizer = self.language_model.tokenizer
        end = None
        if ids and ids[-1] in self.language_model.end_ids:
            ids, end = ids[:-1], ids[-1]
        text = decode(tokenizer, ids)
        at = min((place for place in map(text.find, self.stop) if place >= 0), default=None)
        if at is None:
            return AnswerTokens(text, ids, end)
        kept = self._covering(text[:at], ids)
        return AnswerTokens(text[:at], ids[:kept], ids[kept] if kept < len(ids) else end)

    def _covering(self, text: str, ids: Sequence[int]) -> int:
        """The fewest leading tokens whose text begins with this one."""
        counts = range(len(ids))
        return next((n for n in counts if decode(self.language_model.tokenizer, ids[:n]).startswith(text)), len(ids))


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
