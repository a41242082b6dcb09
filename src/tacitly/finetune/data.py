"""What is learned and what is held out: questions split by entity, and their examples."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np

from tacitly.errors import ModelError, SettingsError, TaskError
from tacitly.finetune.examples import Example, ExampleCounts, ExampleMaker
from tacitly.models.load import LanguageModel, load_model
from tacitly.models.prompts import PromptFormat
from tacitly.progress import Progress
from tacitly.records import Question
from tacitly.settings import FinetuneSettings
from tacitly.tasks.base import Task
from tacitly.tasks.catalog import load_task
from tacitly.tasks.entity_split import EntitySplit

# Each choice at random has a stream of its own, so that changing one leaves the others.
_SPLIT, _LEARNED, _EVALUATED, _SCORED = range(4)


@dataclass(frozen=True)
class FinetuneData:
    """The questions of a fine-tuning, the model that learns from them, and the format that both are brought to.

    Attributes:
        questions: Every answered question of the task.
        split: Which entities are trained on.
    """

    settings: FinetuneSettings
    task: Task
    questions: tuple[Question, ...]
    split: EntitySplit
    language_model: LanguageModel
    form: PromptFormat

    @classmethod
    def read(cls, settings: FinetuneSettings, *, progress: Progress) -> "FinetuneData":
        """Read the task and open the model.

        Raises:
            UserError: If there are no questions, the split is empty, or the model cannot be opened.
        """
        asked = settings.task
        progress.begin("reading the questions", None)
        task = load_task(asked.name, path=asked.path, limit=asked.limit, prompt=asked.prompt, seed=settings.seed)
        questions = tuple(q for q in task.questions() if q.answers and q.answers[0].strip())
        for line in task.notes:
            progress.note(line)
        if not questions:
            raise TaskError(f"task {asked.name!r} has no answered questions", remedy="check task.path and task.limit")
        split = EntitySplit.draw(questions, held_out=settings.train.held_out, rng=_rng(settings, _SPLIT))
        progress.begin("loading the model", None)
        language_model = load_model(
            settings.model.name,
            revision=settings.model.revision,
            dtype=settings.model.dtype,
            note=progress.note,
            quantization=_four_bit() if settings.train.quantize_4bit else None,
        )
        context = language_model.context_length
        if context is not None and settings.train.max_length > context:
            raise SettingsError(
                f"setting 'train.max_length' is {settings.train.max_length}", allowed=f"at most the model's {context}"
            )
        system_prompt = settings.model.system_prompt
        form = PromptFormat.choose(
            language_model.tokenizer,
            task.system_prompt if system_prompt is None else system_prompt or None,
            chat_template=settings.model.chat_template,
        )
        if not form.has_template:
            progress.note("the model has no chat template; it learns the plain 'Q: / A:' form")
        return cls(settings, task, questions, split, language_model, form)

    @cached_property
    def digest(self) -> str:
        """A sha256 over questions, answers and entities."""
        total = sha256()
        for q in self.questions:
            total.update("\x1f".join((q.question_id, q.question, *q.answers, q.entity)).encode())
        return total.hexdigest()

    def part(self, name: str) -> list[Question]:
        """The questions whose entity is `trained` on or `held_out`."""
        return [q for q in self.questions if self.split.entities[q.entity] == name]

    @cached_property
    def learned(self) -> tuple[list[Example], ExampleCounts]:
        """What is trained on: with `train.max_steps`, a random part that is large enough for them."""
        train = self.settings.train
        trained = self.part("trained")
        if train.max_steps is not None:
            room = train.max_steps * train.batch_size * train.gradient_accumulation * _processes()
            trained = self._draw(trained, room, _LEARNED)
        return self._examples(trained, "trained on")

    @cached_property
    def evaluated(self) -> tuple[list[Example], ExampleCounts]:
        """What gives the loss on held-out entities."""
        return self._examples(
            self._draw(self.part("held_out"), self.settings.train.eval_examples, _EVALUATED), "held out"
        )

    @cached_property
    def scored(self) -> list[Question]:
        """Held-out questions that are answered before and after."""
        return self._draw(self.part("held_out"), self.settings.train.score_examples, _SCORED)

    @cached_property
    def seen(self) -> EntitySplit:
        """The split to write down: with `train.max_steps`, not all of the trained part is learned from."""
        drawn = {example.question_id for example in self.learned[0]}
        return self.split.used((q.entity for q in self.questions if q.question_id in drawn), self.questions)

    def counts(self) -> dict[str, Any]:
        """The split's sizes, and what became of the answers, for the record."""
        entities = list(self.split.entities.values())
        return {
            "task": self.task.name,
            "digest": self.digest,
            "questions": {part: len(self.part(part)) for part in ("trained", "held_out")},
            "entities": {part: entities.count(part) for part in ("trained", "held_out")},
            "learned_entities": list(self.seen.entities.values()).count("trained"),
            "learned": asdict(self.learned[1]),
            "evaluated": asdict(self.evaluated[1]),
            "scored": len(self.scored),
            "system_prompt": self.form.system_prompt,
            "format": "chat template" if self.form.has_template else "Q: / A:",
        }

    def _draw(self, questions: Sequence[Question], wanted: int, stream: int) -> list[Question]:
        if wanted >= len(questions):
            return list(questions)
        chosen = np.sort(_rng(self.settings, stream).choice(len(questions), wanted, replace=False))
        return [questions[i] for i in chosen]

    def _examples(self, questions: list[Question], what: str) -> tuple[list[Example], ExampleCounts]:
        maker = ExampleMaker(self.form, self.language_model.end_ids, self.settings.train.max_length)
        examples = [e for q in questions if (e := maker.make(q, self.task.prompt(q))) is not None]
        if not examples:
            raise TaskError(
                f"no question that would be {what} fits into train.max_length={self.settings.train.max_length} tokens",
                remedy="raise train.max_length",
            )
        return examples, ExampleCounts.of(examples, len(questions))


def _rng(settings: FinetuneSettings, stream: int) -> np.random.Generator:
    return np.random.default_rng([settings.seed, stream])


def _processes() -> int:
    import os

    return int(os.environ.get("WORLD_SIZE", "1"))


def _four_bit() -> Any:
    """QLoRA's 4-bit NormalFloat with double quantisation (Dettmers et al., 2023)."""
    from importlib.util import find_spec

    import torch
    from transformers import BitsAndBytesConfig

    if find_spec("bitsandbytes") is None:
        raise ModelError(
            "train.quantize_4bit needs bitsandbytes", remedy="install it with `pip install 'tacitly[qlora]'`"
        )
    compute = torch.bfloat16 if torch.accelerator.is_available() else torch.float32
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=compute
    )
