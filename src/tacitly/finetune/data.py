"""What is learned and what is held out: questions split by entity, and their examples."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tacitly.errors import ModelError, SettingsError, TaskError
from tacitly.finetune.examples import Example, ExampleCounts, ExampleMaker
from tacitly.finetune_settings import FinetuneSettings
from tacitly.models.adapter import is_adapter
from tacitly.models.load import LanguageModel, load_model
from tacitly.models.prompts import PromptFormat
from tacitly.progress import Progress
from tacitly.records import Question
from tacitly.tasks.base import Task
from tacitly.tasks.catalog import load_task, task_card
from tacitly.tasks.entity_split import EntitySplit

# Each choice at random has a stream of its own, so that changing one leaves the others.
_SPLIT, _LEARNED, _EVALUATED, _SCORED = range(4)


@dataclass(frozen=True)
class FinetuneData:
    """The questions of a fine-tuning, the model that learns from them, and the format that both are brought to.

    Attributes:
        questions: Every answered question of the task.
        split: Which entities are trained on.
        earlier: The split of the model itself, where it is a merged one that was fine-tuned before.
    """

    settings: FinetuneSettings
    task: Task
    questions: tuple[Question, ...]
    split: EntitySplit
    language_model: LanguageModel
    form: PromptFormat
    earlier: EntitySplit | None

    @classmethod
    def read(cls, settings: FinetuneSettings, *, progress: Progress) -> "FinetuneData":
        """Read the task and open the model.

        Raises:
            UserError: If there are no questions, the split is empty, or the model cannot be opened or is an adapter.
        """
        asked, name = settings.task, settings.model.name
        if is_adapter(name):
            raise ModelError(
                f"setting 'model.name' is {name!r}, an adapter that could not carry another",
                allowed="a whole model",
                remedy=f"give {str(Path(name) / 'merged')!r}, which `tacitly finetune ... --merge` writes",
            )
        earlier = EntitySplit.read(Path(name))
        progress.begin("reading the questions", None)
        task = load_task(asked.name, path=asked.path, limit=asked.limit, prompt=asked.prompt, seed=settings.seed)
        questions = tuple(q for q in task.questions() if q.answers and q.answers[0].strip())
        for line in task.notes:
            progress.note(line)
        if not questions:
            raise TaskError(f"task {asked.name!r} has no answered questions", remedy="check task.path and task.limit")
        split = EntitySplit.draw(
            questions,
            held_out=settings.train.held_out,
            rng=_rng(settings, _SPLIT),
            trained=_trained_before(questions, earlier),
        )
        progress.begin("loading the model", None)
        language_model = load_model(
            name,
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
        return cls(settings, task, questions, split, language_model, form, earlier)

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
        """What is trained on: with `train.max_steps`, as many pairs as those take, drawn at random."""
        train = self.settings.train
        room = None
        if train.max_steps is not None:
            room = train.max_steps * train.batch_size * train.gradient_accumulation * processes()
        return self._examples("trained", room, _LEARNED)

    @cached_property
    def evaluated(self) -> tuple[list[Example], ExampleCounts]:
        """What gives the loss on held-out entities."""
        return self._examples("held_out", self.settings.train.eval_examples, _EVALUATED)

    @cached_property
    def scored(self) -> list[Question]:
        """Held-out questions that are answered before and after; they and an answer fit into the context."""
        fitting = (i for i, q in self._shuffled("held_out", _SCORED) if self._fits(q))
        chosen = sorted(islice(fitting, self.settings.train.score_examples))
        return [self.part("held_out")[i] for i in chosen]

    @cached_property
    def seen(self) -> EntitySplit:
        """The split to write down: of the trained part what was learned, now or before.

        With `train.max_steps`, that is not all of it.
        """
        seen = self.split.used(self.learned_entities | _trained_before(self.questions, self.earlier))
        return seen.after(self.earlier) if self.earlier else seen

    @cached_property
    def learned_entities(self) -> set[str]:
        """The entities of what is trained on."""
        drawn = {example.question_id for example in self.learned[0]}
        return {q.entity for q in self.questions if q.question_id in drawn}

    def counts(self) -> dict[str, Any]:
        """The split's sizes, and what became of the answers, for the record."""
        entities, card = list(self.split.entities.values()), task_card(self.task.name)
        return {
            "task": self.task.name,
            "source": card.source,
            "licence": card.licence,
            "digest": self.digest,
            "questions": {part: len(self.part(part)) for part in ("trained", "held_out")},
            "entities": {part: entities.count(part) for part in ("trained", "held_out")},
            "learned_entities": len(self.learned_entities),
            "learned": asdict(self.learned[1]),
            "evaluated": asdict(self.evaluated[1]),
            "scored": len(self.scored),
            "system_prompt": self.form.system_prompt,
            "format": "chat template" if self.form.has_template else "Q: / A:",
        }

    def _fits(self, question: Question) -> bool:
        context = self.language_model.context_length
        prompt = self.form.token_ids(self.form.render(self.task.prompt(question)))
        return context is None or len(prompt) + self.task.max_new_tokens <= context

    def _shuffled(self, part: str, stream: int) -> list[tuple[int, Question]]:
        """The questions of a part in random order, each with its place among them."""
        questions = self.part(part)
        return [(int(i), questions[i]) for i in _rng(self.settings, stream).permutation(len(questions))]

    def _examples(self, part: str, most: int | None, stream: int) -> tuple[list[Example], ExampleCounts]:
        """The examples of a part's questions, in their order; at most so many of those that fit, drawn at random."""
        train = self.settings.train
        maker = ExampleMaker(self.form, self.language_model.end_ids, train.max_length)
        found: dict[int, Example] = {}
        tried = 0
        for i, question in self._shuffled(part, stream):
            if len(found) == most:
                break
            tried += 1
            example = maker.make(question, self.task.prompt(question))
            if example is not None:
                found[i] = example
        if not found:
            what = "trained on" if part == "trained" else "held out"
            raise TaskError(
                f"no question that would be {what} fits into train.max_length={train.max_length} tokens",
                remedy="raise train.max_length",
            )
        examples = [found[i] for i in sorted(found)]
        return examples, ExampleCounts.of(examples, tried)


def _trained_before(questions: Sequence[Question], earlier: EntitySplit | None) -> set[str]:
    return {q.entity for q in questions if earlier.part_of(q) == "trained"} if earlier else set()


def _rng(settings: FinetuneSettings, stream: int) -> np.random.Generator:
    return np.random.default_rng([settings.seed, stream])


def processes() -> int:
    """How many processes `accelerate launch` or `torchrun` started; `train.max_steps` draws enough for all of them."""
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
