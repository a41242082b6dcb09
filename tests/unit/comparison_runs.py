"""Two finished tiny studies over the same questions, for the tests of the comparison."""

import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tacitly.run_folder import RunFolder
from tacitly.study import run_study
from tests.tiny import save_model

N = 60
SAMPLES = {"base": 6, "tuned": 7}
PARTS = ("trained", "trained", "held_out", "elsewhere", "")


def write_questions(path: Path, *, answers: str = string.ascii_lowercase, n: int = N, training: bool = True) -> Path:
    """Questions that any of some letters answers, as random models write them; two to an entity, with its part."""
    rows: list[dict[str, Any]] = [
        {"id": f"q{i:02}", "question": f"What is number {i}?", "answers": list(answers), "entity": f"number {i // 2}"}
        for i in range(n)
    ]
    for i, row in enumerate(rows):
        if training and PARTS[i // 2 % 5]:
            row["training"] = PARTS[i // 2 % 5]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def run(model: Path, questions: Path, out: Path, **more: object) -> Path:
    """A study of a tiny model; settings with two underscores for the dot."""
    settings = {
        "task.name": "file",
        "task.path": str(questions),
        "model.name": str(model),
        "generate.max_new_tokens": 6,
        "capture.positions": ["last_q_token", "exact_answer_last_token", "-6", "-1"],
        "probe.families": [],  # they are tested on their own, and take longer than all the rest
        **{name.replace("__", "."): value for name, value in more.items() if name != "until"},
    }
    run_study("demo", overrides=settings, out=out, until=more.get("until"))  # type: ignore[arg-type]
    return out


def plant(folder: Path, *, right: float, n_answers: int, seed: int, parts: Mapping[str, str] | None = None) -> None:
    """Give the answers of a run other labels, words and probabilities, so that its methods have something to tell.

    Args:
        folder: A run without probes.
        right: The share of the right answers; one in twelve is unknown.
        n_answers: How many different exact answers it gives.
        seed: Draws them.
        parts: What questions say of their entity's part in the training, in place of what they said.
    """
    rng = np.random.default_rng(seed)
    with RunFolder.open(folder, version="0") as view:
        questions = view.table("questions")
        labels, spans, answers = (
            view.table(n).sort_values("answer_id", ignore_index=True) for n in ("labels", "spans", "answers")
        )  # so that what is drawn does not depend on the order in which answers were finished
        labels["correct"] = (rng.random(len(labels)) < right).tolist()
        labels["correct"] = labels["correct"].astype("boolean").mask(rng.random(len(labels)) < 1 / 12)
        drawn = rng.permutation(np.arange(len(spans)) % n_answers)
        spans["given"] = [
            None if text is None else f"answer {i}" for text, i in zip(spans["given"], drawn, strict=True)
        ]
        for question, part in (parts or {}).items():
            meta = json.dumps({"training": part} if part else {})
            questions.loc[questions["question_id"] == question, "meta"] = meta
        answers["token_logprobs"] = [-rng.exponential(0.5, size=len(ids)) for ids in answers["token_ids"]]
        for name, table in (("labels", labels), ("spans", spans), ("answers", answers)):
            first, *others = view.files(name)
            view.write_table(first, table)
            view.forget(others)
        view.write_table("questions.parquet", questions)
        view.commit()


@dataclass(frozen=True)
class Models:
    """Two models of one shape."""

    base: Path
    tuned: Path


def make_models(folder: Path) -> Models:
    return Models(save_model(folder / "base-model", seed=0), save_model(folder / "tuned-model", seed=2))


def make_pair(folder: Path) -> None:
    """Finished studies `base` and `tuned` with planted labels, which differ in all that a comparison could mix up.

    Each gives at least 15 different answers, so that figures by answer are defined; some answers of the tuned model
    have no sixth token from their end; the base run places two questions elsewhere than the tuned run does.
    """
    models, questions = make_models(folder), write_questions(folder / "questions.jsonl")
    planted: Sequence[tuple[str, Path, dict[str, Any]]] = (
        (
            "base",
            models.base,
            {"right": 0.4, "n_answers": 19, "seed": 1, "parts": {"q00": "elsewhere", "q08": "trained"}},
        ),
        ("tuned", models.tuned, {"right": 0.65, "n_answers": 16, "seed": 2, "parts": {}}),
    )
    for name, model, labels in planted:
        settings = {"generate__samples": SAMPLES[name]}
        run(model, questions, folder / name, until="activations", **settings)
        plant(folder / name, **labels)
        run(model, questions, folder / name, **settings)
