"""Two finished tiny studies over the same questions, for the tests of the comparison."""

import json
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tacitly.study import run_study
from tests.tiny import save_model

N = 45
SAMPLES = 6
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
        "capture.positions": ["last_q_token", "exact_answer_last_token", "-1"],
        **{name.replace("__", "."): value for name, value in more.items() if name != "until"},
    }
    run_study("demo", overrides=settings, out=out, until=more.get("until"))  # type: ignore[arg-type]
    return out


@dataclass(frozen=True)
class Models:
    """Two models of one shape."""

    base: Path
    tuned: Path


def make_models(folder: Path) -> Models:
    return Models(save_model(folder / "base-model", seed=0), save_model(folder / "tuned-model", seed=2))
