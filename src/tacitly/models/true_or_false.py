"""How a model is asked whether its own answer is true, as tokens."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from tacitly.models.prompts import PromptFormat

Order = Literal["true_first", "false_first"]
TRUE, FALSE = "True", "False"


@dataclass(frozen=True)
class TrueOrFalse:
    """The question whether an answer is true, in a model's own format.

    A chat model reads it as the user's turn and answers in its own; another one goes on writing.

    Args:
        format: How the model is asked.

    Reference:
        Kadavath et al. (2022), "Language Models (Mostly) Know What They Know", section 3: a proposed answer, and a
        choice of `(A) True` or `(B) False`.
    """

    format: PromptFormat

    def text(self, question: str, answer: str, order: Order) -> str:
        r"""What is asked, rendered.

        Example:
            >>> from types import SimpleNamespace
            >>> asked = TrueOrFalse(PromptFormat(SimpleNamespace(chat_template=None)))
            >>> asked.text("Where is Lyon?", "In France.", "true_first").split("\n")[2:]
            ['Is the possible answer:', ' (A) True', ' (B) False', 'The possible answer is:']
        """
        first, second = (TRUE, FALSE) if order == "true_first" else (FALSE, TRUE)
        text = (
            f"Question: {question}\nPossible answer: {answer}\nIs the possible answer:\n (A) {first}\n (B) {second}\n"
            "The possible answer is:"
        )
        if self.format.has_template:
            return self.format.render(text)
        return f"{self.format.system_prompt}\n\n{text}" if self.format.system_prompt else text

    def token_ids(self, question: str, answer: str, order: Order) -> tuple[int, ...]:
        """The same as tokens."""
        return tuple(self.format.token_ids(self.text(question, answer, order)))

    @cached_property
    def letters(self) -> tuple[tuple[int, ...], tuple[int, int]] | None:
        """What is written before the letter of an option, and the tokens of the letters A and B.

        These are the tokens in which `(A)` and `(B)` first differ where they follow the question. None where they do
        not differ in one token: both letters are unknown to the tokenizer, or one begins like the other.
        """
        a, b = self._after("(A)"), self._after("(B)")
        shared = next((i for i, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), None)
        return None if shared is None else (a[:shared], (a[shared], b[shared]))

    @cached_property
    def completions(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """`True` and `False` as they would follow the question; None where the tokenizer cannot tell them apart."""
        true, false = self._after(TRUE), self._after(FALSE)
        return None if not true or not false or true == false else (true, false)

    @cached_property
    def true_token(self) -> int | None:
        """The token of `True` alone, without what may stand before it; None where that is not one token."""
        ids = self.format.tokenizer(TRUE, add_special_tokens=False)["input_ids"]
        return int(ids[0]) if len(ids) == 1 else None

    def _after(self, words: str) -> tuple[int, ...]:
        return tuple(self.format.answer_ids(self.text("?", "?", "true_first"), words))
