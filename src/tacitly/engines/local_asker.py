"""Asking a language model that runs here."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from tacitly.engines.asker import Prompt, Reply

if TYPE_CHECKING:
    from tacitly.models.load import LanguageModel
    from tacitly.models.prompts import PromptFormat


class LocalAsker:
    """Asks a Hugging Face causal language model, opened at the first question.

    Of a closed set the reply is the choice that the model most likely begins with, found by reading each choice after
    the prompt: what decoding that is held to the set would write. Otherwise the most likely reply is written.

    Args:
        name: The model's name, for labels and reports.
        open_model: Opens it.
        chat_template: `auto`, `plain`, or a Jinja file.
        max_tokens: The most tokens of a reply.
        batch_size: The most prompts at once.
    """

    def __init__(
        self,
        name: str,
        open_model: "Callable[[], LanguageModel]",
        *,
        chat_template: str = "auto",
        max_tokens: int = 64,
        batch_size: int = 32,
    ) -> None:
        self.name = name
        self.max_tokens = max_tokens
        self.batch_size = batch_size
        self._open_model = open_model
        self._chat_template = chat_template

    def ask(self, prompts: Sequence[Prompt], *, choices: Sequence[str] = ()) -> list[Reply]:
        """Ask everything; a prompt that the model has no room for gets a reason instead."""
        texts = [self._format.render([dict(message) for message in prompt]) for prompt in prompts]
        ids = [tuple(self._format.token_ids(text)) for text in texts]
        context = self._model.context_length
        room = max((len(self._format.answer_ids("", choice)) for choice in choices), default=self.max_tokens)
        fitting = [i for i in range(len(ids)) if context is None or len(ids[i]) + room <= context]
        replies = [Reply(None, f"the prompt's {len(some)} tokens do not fit its context of {context}") for some in ids]
        asked = {i: (texts[i], ids[i]) for i in fitting}
        for i, text in (self._choose(asked, choices) if choices else self._write(asked)).items():
            replies[i] = Reply(text)
        return replies

    @cached_property
    def _model(self) -> "LanguageModel":
        return self._open_model()

    @cached_property
    def _format(self) -> "PromptFormat":
        from tacitly.models.prompts import PromptFormat

        return PromptFormat.choose(self._model.tokenizer, chat_template=self._chat_template)

    def _choose(self, asked: dict[int, tuple[str, tuple[int, ...]]], choices: Sequence[str]) -> dict[int, str]:
        from tacitly.engines.base import Written
        from tacitly.engines.torch_engine import TorchEngine

        written = [
            Written(
                key=str(i),
                prompt_ids=ids,
                token_ids=tuple(self._format.answer_ids(text, choice)),
                text=choice,
                end_id=None,
                sample=k,
            )
            for i, (text, ids) in asked.items()
            for k, choice in enumerate(choices)
        ]
        likelihood: dict[int, list[float]] = {i: [0.0] * len(choices) for i in asked}
        for batch in TorchEngine(self._model).read_answers(written, batch_size=self.batch_size):
            for read in batch:
                likelihood[int(read.key)][read.sample] = sum(read.logprobs)
        return {i: choices[max(range(len(choices)), key=one.__getitem__)] for i, one in likelihood.items()}

    def _write(self, asked: dict[int, tuple[str, tuple[int, ...]]]) -> dict[int, str]:
        from tacitly.engines.base import Request, Sampling
        from tacitly.engines.torch_engine import TorchEngine

        requests = [Request(key=str(i), prompt_ids=ids) for i, (_, ids) in asked.items()]
        sampling = Sampling(max_new_tokens=self.max_tokens, stop=self._format.stop)
        engine = TorchEngine(self._model)
        batches = engine.generate(requests, sampling=sampling, batch_size=self.batch_size) if requests else ()
        return {int(one.key): one.text for batch in batches for one in batch}
