"""Small runs with sampled answers of a tiny model, for the tests of resampling, merging and choosing."""

import json
from pathlib import Path
from typing import Any

from tacitly.progress import Progress
from tacitly.study import StudyResult, run_study

QUESTIONS = 30
ACCEPTED = "abcdefghijklm0123456789"


def write_questions(folder: Path, *, number: int = QUESTIONS, answers: str = ACCEPTED) -> Path:
    """Questions that a tiny model answers at random; an answer that holds one of `answers` is right."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "questions.jsonl"
    rows = [
        {"id": f"q{i}", "question": f"What is number {i}?", "answers": list(answers), "entity": f"e{i % 20}"}
        for i in range(number)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def sample_study(
    model: Path,
    out: Path,
    *,
    path: Path,
    until: str | None = "activations",
    progress: Progress | None = None,
    **more: object,
) -> StudyResult:
    """A study with three samples of each answer; `generate__seed=1` sets `generate.seed`."""
    settings: dict[str, Any] = {
        "task.name": "file",
        "task.path": str(path),
        "task.locator": "first_line",
        "model.name": str(model),
        "generate.max_new_tokens": 6,
        "generate.batch_size": 16,
        "generate.samples": 3,
        "self_evaluation.of": [],
        **{name.replace("__", "."): value for name, value in more.items()},
    }
    return run_study("demo", overrides=settings, out=out, until=until, progress=progress)
