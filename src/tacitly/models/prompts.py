"""From a task's messages to the text that the model reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

Message = dict[str, str]
PLAIN_STOP = "\n"


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
        except TemplateError:  # Gemma's template refuses a system message
            first = {**messages[0], "content": f"{self.system_prompt}\n\n{messages[0]['content']}"}
            return self._apply([first, *messages[1:]])

    def token_ids(self, text: str) -> list[int]:
        """The rendered text as tokens; a template writes its own special tokens."""
        ids: Any = self.tokenizer(text, add_special_tokens=not self.has_template)["input_ids"]
        # A base tokenizer may close the text with an end token, after which nothing could be asked.
        while ids and not self.has_template and ids[-1] == self.tokenizer.eos_token_id:
            ids = ids[:-1]
        return list(ids)

    def _apply(self, messages: Sequence[Message]) -> str:
        text = self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        return str(text)

    @staticmethod
    def plain(messages: Sequence[Message]) -> str:
        """`Q: ... A: ...` blocks, the last one open."""
        blocks = [("A: " if m["role"] == "assistant" else "Q: ") + m["content"] for m in messages]
        text = ""
        for message, block in zip(messages, blocks, strict=True):
            text += block + ("\n\n" if message["role"] == "assistant" else "\n")
        return text + "A:"
