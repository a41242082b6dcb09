"""Killed at any step, a fine-tuning goes on and ends with the weights of one that was left alone."""

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.tiny import save_model

pytestmark = pytest.mark.recovery

KILLS = 3
STEPS = 120


def start(recipe: Path, out: Path, **environment: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tacitly", "finetune", str(recipe), "--out", str(out)]
    given = {**os.environ, **environment}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=given)


def start_two(recipe: Path, out: Path) -> "list[subprocess.Popen[bytes]]":
    """Two processes that train together, as `accelerate launch --cpu` starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    cpu = {"ACCELERATE_USE_CPU": "true", "CUDA_VISIBLE_DEVICES": ""}
    return [start(recipe, out, RANK=rank, LOCAL_RANK=rank, **shared, **cpu) for rank in ("0", "1")]


def whole(out: Path) -> set[str]:
    return {path.parent.name for path in out.glob("checkpoints/checkpoint-*/whole.json")}


def losses(out: Path) -> dict[str, list[list[float]]]:
    record = out / "finetune.json"
    return json.loads(record.read_text())["losses"] if record.is_file() else {}


def kill_before_a_checkpoint(recipe: Path, out: Path) -> None:
    """Leave a training that has written its first evaluation, and no whole checkpoint."""
    while not losses(out) or whole(out):
        shutil.rmtree(out, ignore_errors=True)
        process = start(recipe, out)
        while process.poll() is None and not losses(out):
            time.sleep(0.005)
        process.kill()
        process.wait()


def write_recipe(folder: Path) -> Path:
    rows = [
        {"question": f"What is thing {i}?", "answers": [f"Thing {i} is number {i * i}."], "entity": f"e{i % 30}"}
        for i in range(120)
    ]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    settings = {
        "task": {"name": "file", "path": str(folder / "questions.jsonl")},
        "model": {"name": str(save_model(folder / "model"))},
        "train": {
            "max_steps": STEPS,
            "save_steps": 6,
            "log_steps": 6,
            "lora_r": 4,
            "score_examples": 0,
            "max_length": 96,
        },
    }
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(settings))
    return recipe


def weights(out: Path) -> bytes:
    return (out / "adapter_model.safetensors").read_bytes()


def test_killed_at_random_steps_a_fine_tuning_ends_with_the_same_weights(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    assert start(recipe, tmp_path / "alone").wait() == 0
    kill_before_a_checkpoint(recipe, tmp_path / "killed")
    moments, killed = random.Random(0), 0
    for _ in range(KILLS):
        before = whole(tmp_path / "killed")
        process = start(recipe, tmp_path / "killed")
        while process.poll() is None and not whole(tmp_path / "killed") - before:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.1))
        killed += process.poll() is None
        process.kill()
        process.wait()
    assert killed, "the training is too short to be killed"
    assert start(recipe, tmp_path / "killed").wait() == 0
    assert weights(tmp_path / "alone") == weights(tmp_path / "killed")
    assert losses(tmp_path / "alone") == losses(tmp_path / "killed")


def test_two_processes_learn_together_and_go_on_together(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    assert [process.wait() for process in start_two(recipe, tmp_path / "alone")] == [0, 0]
    pair = start_two(recipe, tmp_path / "killed")
    while pair[0].poll() is None and "checkpoint-18" not in whole(tmp_path / "killed"):  # in the second epoch
        time.sleep(0.005)
    for process in pair:
        process.kill()
        process.wait()
    assert not (tmp_path / "killed" / "adapter_model.safetensors").exists()
    assert [process.wait() for process in start_two(recipe, tmp_path / "killed")] == [0, 0]
    assert weights(tmp_path / "alone") == weights(tmp_path / "killed")
    assert losses(tmp_path / "alone") == losses(tmp_path / "killed")
