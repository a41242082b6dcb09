"""Answers to held-out questions before and after training, and how near they come to the references."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from tacitly.engines.base import Request, Sampling
from tacitly.engines.torch_engine import TorchEngine
from tacitly.errors import TrainingError, UserError
from tacitly.models.load import LanguageModel
from tacitly.models.prompts import PromptFormat
from tacitly.progress import Progress
from tacitly.records import Question

FILE = "answers.parquet"


def read_answers(folder: Path) -> pd.DataFrame | None:
    """What was asked and answered so far; None where nothing was.

    Raises:
        TrainingError: If the table is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{str(path)!r} is damaged ({type(error).__name__})", remedy="restore it, or start anew with another --out"
        ) from None


@dataclass(frozen=True)
class HeldOutQuestions:
    """Questions about held-out entities, as the model reads them.

    Attributes:
        questions: The questions; the first accepted answer is the reference.
        prompts: Their rendered prompts.
        max_new_tokens: The most tokens of an answer.
        stop: Strings that end one.
    """

    questions: Sequence[Question]
    prompts: Sequence[str]
    max_new_tokens: int
    stop: tuple[str, ...]

    def ask(self, language_model: LanguageModel, form: PromptFormat, progress: Progress, *, when: str) -> list[str]:
        """The model's greedy answers, in the questions' order."""
        progress.begin(f"answers {when} training", len(self.questions))
        requests = [
            Request(key=question.question_id, prompt_ids=tuple(form.token_ids(prompt)))
            for question, prompt in zip(self.questions, self.prompts, strict=True)
        ]
        found: dict[str, str] = {}
        sampling = Sampling(max_new_tokens=self.max_new_tokens, stop=self.stop)
        with torch.no_grad():  # other than a loaded model's, an adapter's weights have gradients
            for batch in TorchEngine(language_model).generate(requests, sampling=sampling):
                found |= {generation.key: generation.text for generation in batch}
                progress.advance(len(batch))
        return [found[question.question_id] for question in self.questions]


def similarity_scores(answers: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    """Mean similarity of answers to their references: token F1, ROUGE-L, and the cosine of sentence embeddings.

    Both texts are cut to their first whole sentences, as the judges of these names cut them: a reference may be pages
    long, an answer is not.

    Returns:
        `{"answers": n, "token_f1": mean, "rouge_l": mean, "embedding": mean}`; a measure whose package is not installed
        is None, with the reason under `reason`.
    """
    from tacitly.judges.similarity import beginning, rouge_l, token_f1

    answers, references = [beginning(text) for text in answers], [beginning(text) for text in references]
    scores: dict[str, Any] = {"answers": len(answers)}
    measures: dict[str, Callable[[], list[float]]] = {
        "token_f1": lambda: [token_f1(a, r) for a, r in zip(answers, references, strict=True)],
        "rouge_l": lambda: [rouge_l(a, r) for a, r in zip(answers, references, strict=True)],
        "embedding": lambda: _embedding(answers, references),
    }
    for name, measure in measures.items():
        try:
            scores[name] = round(float(np.mean(measure())), 4) if answers else None
        except UserError as error:
            scores[name] = None
            scores["reason"] = str(error)
    return scores


def _embedding(answers: Sequence[str], references: Sequence[str]) -> list[float]:
    from tacitly.models.embedder import Embedder

    return list(Embedder().similarities(answers, references))
