"""The questions that are asked: those of two tasks, each asked as a study asks it."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from tacitly.collect.bench import Bench
from tacitly.collect.questions import read_task
from tacitly.engines.base import Generation, Request, Sampling
from tacitly.engines.torch_engine import TorchEngine
from tacitly.models.load import LanguageModel
from tacitly.progress import RecordedProgress
from tacitly.records import Question
from tacitly.run_folder import RunFolder
from tacitly.settings import StudySettings

CITIES = Path(__file__).parents[1] / "../shared/data/cities.csv"
MODEL = "embedded"


@dataclass(frozen=True)
class Asked:
    """The questions of one task and their prompts, from the same functions that a study calls."""

    settings: StudySettings
    language_model: LanguageModel

    @cached_property
    def _bench(self) -> Bench:
        with tempfile.TemporaryDirectory() as folder, RunFolder.open(folder, version="bench", create=True) as run:
            return Bench(self.settings, run, RecordedProgress(), self.open_model)

    def open_model(self, *_: Any, **__: Any) -> LanguageModel:
        """Give the model that is loaded already."""
        return self.language_model

    @cached_property
    def _read(self) -> tuple[list[Question], list[str]]:
        return read_task(self._bench)

    @property
    def questions(self) -> list[Question]:
        """What is asked."""
        return self._read[0]

    @cached_property
    def prompts(self) -> list[tuple[int, ...]]:
        """Each question's prompt as tokens."""
        return [tuple(self._bench.format.token_ids(text)) for text in self._read[1]]

    def answer_ids(self) -> list[tuple[int, ...]]:
        """The tokens of each question's first accepted answer."""
        pairs = zip(self.questions, self._read[1], strict=True)
        return [tuple(self._bench.format.answer_ids(text, question.answers[0])) for question, text in pairs]

    @property
    def end_id(self) -> int | None:
        """The token that ends an answer's turn."""
        return next((i for i in self._bench.format.closing_ids() if i in self.language_model.end_ids), None)

    @property
    def sampling(self) -> Sampling:
        """How a study of this task has its answers written."""
        stop = (*self._bench.task.stop, *self._bench.format.stop)
        return Sampling(max_new_tokens=self._bench.max_new_tokens, stop=tuple(dict.fromkeys(stop)))

    def generate(self, samples: Sequence[int] = (0,)) -> list[Generation]:
        """Let our engine write these samples of every question."""
        requests = [
            Request(key=question.question_id, prompt_ids=prompt, sample=sample)
            for question, prompt in zip(self.questions, self.prompts, strict=True)
            for sample in samples
        ]
        engine, chosen = TorchEngine(self.language_model), self.settings.generate
        batches = engine.generate(requests, sampling=self.sampling, batch_size=chosen.batch_size, memory=chosen.memory)
        return [one for batch in batches for one in batch]


def ask(questions: int, language_model: LanguageModel) -> list[Asked]:
    """Questions on cities and medical facts, half of each; of medical facts alone where there is no file of cities.

    The tasks differ: that of cities is asked openly, after some forty tokens of prompt, and answered in a sentence;
    that of medical facts after four examples, in 120 tokens, and answered in a few words.
    """
    model = {"name": MODEL}
    if not CITIES.exists():
        return [Asked(StudySettings(model=model, task={"name": "medfacts", "limit": questions}), language_model)]
    half = questions // 2
    cities = {"name": "cities", "path": CITIES, "limit": half}
    facts = {"name": "medfacts", "limit": questions - half}
    return [Asked(StudySettings(model=model, task=task), language_model) for task in (cities, facts)]


def name_tasks(asked: Sequence[Asked]) -> str:
    """How many questions of which tasks, for a note."""
    return " and ".join(f"{len(one.questions)} of {one.settings.task.name}" for one in asked)


def batches(prompts: Sequence[tuple[int, ...]], size: int) -> Iterator[list[tuple[int, ...]]]:
    """Prompts sorted by length, in batches: what one does before `model.generate`."""
    ordered = sorted(prompts, key=len)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def pad(
    language_model: LanguageModel, texts: Sequence[tuple[int, ...]], *, side: Literal["left", "right"]
) -> dict[str, Any]:
    """A batch of texts as a model takes it."""
    padded = language_model.tokenizer.pad(
        {"input_ids": [list(text) for text in texts]}, padding_side=side, return_tensors="pt"
    )
    return {name: values.to(language_model.device) for name, values in padded.items()}


def generate_plainly(
    language_model: LanguageModel, prompts: Sequence[tuple[int, ...]], *, max_new_tokens: int, **kwargs: Any
) -> list[tuple[int, ...]]:
    """What `model.generate` writes for a batch: the tokens chosen for each row, the end token with them."""
    ends = language_model.end_ids
    padded = pad(language_model, prompts, side="left")
    model: Any = language_model.model
    written = model.generate(
        **padded, max_new_tokens=max_new_tokens, eos_token_id=sorted(ends), **{"do_sample": False} | kwargs
    )
    found = []
    for row in written[:, padded["input_ids"].shape[1] :].tolist():
        length = next((i + 1 for i, token in enumerate(row) if token in ends), len(row))
        found.append(tuple(row[:length]))
    return found


def chosen_ids(generation: Generation) -> tuple[int, ...]:
    """The tokens that were chosen for an answer of ours, the end token with them."""
    return (*generation.token_ids, *((generation.end.token_id,) if generation.end else ()))
