"""From a task's messages to the text that the model reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from tacitly.errors import ModelError

Message = dict[str, str]
PLAIN_STOP = "\n"
_ANSWER = "TheAnswerStandsHere"  # no template holds it, and none changes letters


@dataclass(frozen=True, slots=True)
class PromptFormat:
    r"""How one model is asked.

    Attributes:
        tokenizer: The model's tokenizer, whose chat template is used where it has one.
        system_prompt: Put before everything else; None for no system message.

    Example:
        >>> PromptFormat.plain([{"role": "user", "content": "Where is Lyon?"}])
        'Q: Where is Lyon?\nA:'
    """

    tokenizer: PreTrainedTokenizerBase
    system_prompt: str | None = None

    @classmethod
    def choose(
        cls, tokenizer: PreTrainedTokenizerBase, system_prompt: str | None = None, *, chat_template: str = "auto"
    ) -> "PromptFormat":
        """The format of the setting `model.chat_template`; the tokenizer is given the template.

        Args:
            tokenizer: The model's.
            system_prompt: Put before everything else.
            chat_template: `auto` for the tokenizer's own, `plain` for the Q/A form, or a path to a Jinja template.

        Raises:
            ModelError: If there is no such file.
        """
        if chat_template == "plain":
            tokenizer.chat_template = None
        elif chat_template != "auto":
            try:
                tokenizer.chat_template = Path(chat_template).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ModelError(
                    f"setting 'model.chat_template' is {chat_template!r}, which cannot be read ({error})",
                    allowed="auto, plain, or a file with a Jinja template",
                ) from None
        return cls(tokenizer, system_prompt)

    @property
    def has_template(self) -> bool:
        """Whether the model has a chat template; without one it is asked in a plain Q/A form."""
        return bool(getattr(self.tokenizer, "chat_template", None))

    @property
    def stop(self) -> tuple[str, ...]:
        """Stop strings that the form needs: the line's end where there is no template."""
        return () if self.has_template else (PLAIN_STOP,)

    def render(self, prompt: str | Sequence[Message]) -> str:
        """The whole text up to where the answer begins."""
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
        if not self.has_template:
            plain = self.plain(messages)
            return f"{self.system_prompt}\n\n{plain}" if self.system_prompt else plain
        if self.system_prompt is None:
            return self._apply(messages)
        try:
            return self._apply([{"role": "system", "content": self.system_prompt}, *messages])
        except ModelError:  # Gemma's template refuses a system message
            first = {**messages[0], "content": f"{self.system_prompt}\n\n{messages[0]['content']}"}
            return self._apply([first, *messages[1:]])

    def closing(self) -> str:
        """What the template writes after an answer, up to where the next turn would begin; empty without a template.

        Raises:
            ModelError: If the template fails, or does not write an answer as it is.
        """
        if not self.has_template:
            return ""
        turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _ANSWER}]
        whole = self._apply(turns, open_turn=False)
        _, found, closing = whole.rpartition(_ANSWER)
        if not found:
            raise ModelError(
                "the chat template does not write an answer as it is, so its end cannot be learned",
                remedy="set model.chat_template to another, or to plain",
            )
        return closing

    def closing_ids(self) -> list[int]:
        """The same as tokens."""
        return list(self.tokenizer(self.closing(), add_special_tokens=False)["input_ids"])

    def answer_ids(self, prompt: str, answer: str, *, prompt_ids: Sequence[int] | None = None) -> list[int]:
        """An answer's tokens as they would follow a rendered prompt, whose own are found where they are not given."""
        lead = "" if self.has_template or prompt[-1:].isspace() or answer[:1].isspace() else " "
        before = self.token_ids(prompt) if prompt_ids is None else list(prompt_ids)
        whole = self.token_ids(prompt + lead + answer)
        if whole[: len(before)] == before:
            return whole[len(before) :]
        return list(self.tokenizer(lead + answer, add_special_tokens=False)["input_ids"])

    def token_ids(self, text: str) -> list[int]:
        """The rendered text as tokens; a template writes its own special tokens."""
        ids: Any = self.tokenizer(text, add_special_tokens=not self.has_template)["input_ids"]
        # A base tokenizer may close the text with an end token, after which nothing could be asked.
        while ids and not self.has_template and ids[-1] == self.tokenizer.eos_token_id:
            ids = ids[:-1]
        return list(ids)

    def _apply(self, messages: Sequence[Message], *, open_turn: bool = True) -> str:
        try:
            return str(
                self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=open_turn)
            )
        except (TemplateError, TypeError, KeyError) as error:
            raise ModelError(
                f"the chat template fails: {' '.join(str(error).split())[:200]}",
                remedy="set model.chat_template to another, or to plain",
            ) from None

    @staticmethod
    def plain(messages: Sequence[Message]) -> str:
        """`Q: ... A: ...` blocks, the last one open."""
        blocks = [("A: " if m["role"] == "assistant" else "Q: ") + m["content"] for m in messages]
        text = ""
        for message, block in zip(messages, blocks, strict=True):
            text += block + ("\n\n" if message["role"] == "assistant" else "\n")
        return text + "A:"
