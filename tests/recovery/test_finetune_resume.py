"""Killed at random steps, a fine-tuning goes on and ends with the weights of one that was left alone."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.tiny import save_model

pytestmark = pytest.mark.recovery

KILLS = 3
STEPS = 60


def start(recipe: Path, out: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tacitly", "finetune", str(recipe), "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ})


def whole(out: Path) -> set[str]:
    return {path.parent.name for path in out.glob("checkpoints/checkpoint-*/whole.json")}


def test_killed_at_random_steps_a_fine_tuning_ends_with_the_same_weights(tmp_path: Path) -> None:
    rows = [
        {"question": f"What is thing {i}?", "answers": [f"Thing {i} is number {i * i}."], "entity": f"e{i % 30}"}
        for i in range(120)
    ]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    settings = {
        "task": {"name": "file", "path": str(tmp_path / "questions.jsonl")},
        "model": {"name": str(save_model(tmp_path / "model"))},
        "train": {
            "max_steps": STEPS,
            "save_steps": 4,
            "log_steps": 4,
            "lora_r": 4,
            "score_examples": 0,
            "max_length": 96,
        },
    }
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(settings))
    assert start(recipe, tmp_path / "alone").wait() == 0
    moments, killed = random.Random(0), 0
    for _ in range(KILLS):
        before = whole(tmp_path / "killed")
        process = start(recipe, tmp_path / "killed")
        while process.poll() is None and not whole(tmp_path / "killed") - before:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.5))
        killed += process.poll() is None
        process.kill()
        process.wait()
    assert killed == KILLS, "the training is too short for this many kills"
    assert start(recipe, tmp_path / "killed").wait() == 0
    weights = [(tmp_path / name / "adapter_model.safetensors").read_bytes() for name in ("alone", "killed")]
    assert weights[0] == weights[1]
    records = [json.loads((tmp_path / name / "finetune.json").read_text()) for name in ("alone", "killed")]
    assert records[0]["losses"] == records[1]["losses"]
