"""The runs of a comparison as plain dictionaries, and their figures the slow way."""

import json
import math
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from tacitly.experiments.error_types import SampledAnswer, count_samples, error_types
from tacitly.run_folder import RunFolder
from tests.unit.comparison_runs import SAMPLES


def _value(cell: Any) -> Any:
    return None if pd.isna(cell) else cell


class Side:
    """One run as plain dictionaries by question id."""

    def __init__(self, folder: Path) -> None:
        view = RunFolder.view(folder)
        answers = view.table("answers").set_index("answer_id")
        labels = view.table("labels").set_index("answer_id")["correct"]
        spans = view.table("spans").set_index("answer_id")
        self.metrics: dict[str, Any] = view.json("metrics.json")
        self.entity = view.table("questions").set_index("question_id")["entity"].to_dict()
        self.part = {
            q: json.loads(meta).get("training")
            for q, meta in view.table("questions").set_index("question_id")["meta"].items()
        }
        greedy = answers[answers["sample"] == 0]
        self.right = {
            row.question_id: None if pd.isna(labels[key]) else bool(labels[key]) for key, row in greedy.iterrows()
        }
        self.sure = {}
        for key, row in greedy.iterrows():
            first, last = spans.loc[key, "first_token"], spans.loc[key, "last_token"]
            tokens = row.token_logprobs if pd.isna(first) else row.token_logprobs[int(first) : int(last) + 1]
            self.sure[row.question_id] = math.exp(sum(tokens) / len(tokens)) if len(tokens) else None
        known = answers[(answers["sample"] > 0) & (answers["sample"] <= min(SAMPLES.values()))]
        self.types: dict[str, tuple[str, ...] | None] = {}
        for question, sampled in known.groupby("question_id"):
            found = [SampledAnswer(correct=_value(labels[k]), given=_value(spans["given"][k])) for k in sampled.index]
            counts = count_samples(found)
            self.types[str(question)] = None if counts is None else error_types(counts)
        question = greedy["question_id"]
        self.scores = view.table("scores").assign(question=lambda s: s["answer_id"].map(question))

    def scored(self, method: str, grouping: str) -> dict[str, tuple[float, int]]:
        mine = self.scores[(self.scores["method"] == method) & (self.scores["grouping"] == grouping)]
        return {row.question: (row.score, row.outer_fold) for row in mine.itertuples()}

    def auroc(self, scored: dict[str, tuple[float, int]], among: list[str]) -> float | None:
        total = mass = 0.0
        for fold in {scored[q][1] for q in among}:
            here = [q for q in among if scored[q][1] == fold]
            right, wrong = ([scored[q][0] for q in here if self.right[q] is kind] for kind in (True, False))
            if right and wrong:
                wins = [1.0 if r > w else 0.5 if r == w else 0.0 for r, w in product(right, wrong)]
                total += len(here) * sum(wins) / len(wins)
                mass += len(here)
        return total / mass if mass else None


def asked(sides: tuple[Side, Side], part: str) -> list[str]:
    base, tuned = sides
    return sorted(q for q in base.entity if part == "all" or (tuned.part[q] or base.part[q]) == part)
