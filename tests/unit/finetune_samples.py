"""What the tests of fine-tuning share: a few questions, and settings for a tiny model."""

import json
from pathlib import Path
from typing import Any

from tacitly.finetune_settings import FinetuneSettings
from tests.tiny import save_model

TRAIN = {
    "max_steps": 6, "save_steps": 2, "log_steps": 2, "max_length": 96, "lora_r": 4, "score_examples": 4,
    "learning_rate": 5e-3, "eval_examples": 8,
}  # fmt: skip


def write_questions(path: Path) -> Path:
    """48 questions about 12 entities, with answers of many lengths."""
    rows = [
        {
            "id": f"q{i}",
            "question": f"What is thing {i % 12}?",
            "answers": [f"Thing {i % 12} is a thing. It is the {i}th row. " + "It goes on. " * (i % 7)],
            "entity": f"thing {i % 12}",
        }
        for i in range(48)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def sample_settings(folder: Path, architecture: str = "llama", **train: Any) -> FinetuneSettings:
    """Settings for those questions and a tiny model, both written to a folder."""
    return FinetuneSettings(
        task={"name": "file", "path": write_questions(folder / "questions.jsonl")},
        model={"name": str(save_model(folder / "model", architecture))},
        train={**TRAIN, **train},
    )


def changed(settings: FinetuneSettings, part: str = "train", **values: Any) -> FinetuneSettings:
    """The settings with others in one part."""
    return settings.model_copy(update={part: getattr(settings, part).model_copy(update=values)})
