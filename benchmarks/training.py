"""Our fine-tuning against a bare PEFT and AdamW loop on the same batches: `python benchmarks/training.py QUESTIONS`.

QUESTIONS is a file that the task `file` reads, or an archive of MedQuAD. Each side runs in a process of its own, in
turn, so that its peak memory is its own. Writes `training` (tokens a second) and `training_memory` (MB) to
`benchmarks/results.json`; both ratios are ours over the bare loop's.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line sets it, for both sides

import torch

from tacitly.finetune.data import FinetuneData
from tacitly.models.quiet import library_notes_off
from tacitly.progress import RecordedProgress
from tacitly.recipes import load_finetune_recipe
from tacitly.settings import FinetuneSettings
from tacitly.tasks.entity_split import FILE as SPLIT

RESULTS = Path(__file__).with_name("results.json")
STEPS = 16


def _settings(questions: Path) -> FinetuneSettings:
    task = "medquad" if ".tar" in questions.name or questions.suffix in {"", ".zip"} else "file"
    steps = {"train.max_steps": STEPS, "train.eval_steps": None, "train.save_steps": 10**6}
    return load_finetune_recipe(
        "finetune-medquad-embedded", overrides={"task.name": task, "task.path": str(questions), **steps}
    )


def ours(questions: Path) -> tuple[int, float]:
    """Tokens and seconds of our trainer's steps."""
    from torch.utils.data import SequentialSampler
    from transformers import TrainerCallback

    from tacitly.finetune.trainer import LoraTrainer
    from tacitly.finetune.trainer_setup import make_trainer

    class Clock(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.started = getattr(self, "started", time.perf_counter())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.ended = time.perf_counter()

    LoraTrainer._get_train_sampler = lambda self, dataset=None: SequentialSampler(dataset or self.train_dataset)
    settings = _settings(questions)
    data = FinetuneData.read(settings, progress=RecordedProgress())
    clock = Clock()
    with library_notes_off(), tempfile.TemporaryDirectory() as folder:
        (Path(folder) / SPLIT).touch()  # the last step's checkpoint takes a copy of it
        trainer = make_trainer(
            data.language_model, settings, train=data.learned[0], held_out=data.learned[0][:4],
            folder=Path(folder) / "checkpoints", progress=RecordedProgress(),
        )  # fmt: skip
        trainer.add_callback(clock)
        trainer.train()
    return trainer.tokens_seen, clock.ended - clock.started


def bare(questions: Path) -> tuple[int, float]:
    """Tokens and seconds of the loop that a reader would write by hand."""
    from peft import LoraConfig, get_peft_model
    from transformers import get_cosine_schedule_with_warmup

    settings = _settings(questions)
    data, train = FinetuneData.read(settings, progress=RecordedProgress()), settings.train
    lora = LoraConfig(
        r=train.lora_r, lora_alpha=train.lora_alpha, lora_dropout=train.lora_dropout, target_modules="all-linear",
        task_type="CAUSAL_LM",
    )  # fmt: skip
    with library_notes_off():
        model = get_peft_model(data.language_model.model, lora).train()
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=train.learning_rate, weight_decay=train.weight_decay)
    schedule = get_cosine_schedule_with_warmup(optimizer, 1, STEPS)
    examples, tokens = data.learned[0], 0
    started = time.perf_counter()
    for step in range(STEPS):
        rows = examples[step * train.batch_size : (step + 1) * train.batch_size]
        longest = max(len(e.input_ids) for e in rows)
        pad = [longest - len(e.input_ids) for e in rows]
        ids = torch.tensor([[*e.input_ids, *[0] * p] for e, p in zip(rows, pad, strict=True)])
        labels = torch.tensor([[*e.labels, *[-100] * p] for e, p in zip(rows, pad, strict=True)])
        mask = torch.tensor([[1] * len(e.input_ids) + [0] * p for e, p in zip(rows, pad, strict=True)])
        loss = model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, train.max_grad_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        tokens += int(mask.sum())
    return tokens, time.perf_counter() - started


def _measure(side: str, questions: Path) -> dict[str, float]:
    command = [sys.executable, __file__, str(questions), "--side", side]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(found.stdout.splitlines()[-1]))


def main() -> None:
    """Measure both sides in turn, print, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=["ours", "bare"])
    options = parser.parse_args()
    if options.side:
        tokens, seconds = {"ours": ours, "bare": bare}[options.side](options.questions)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"tokens": tokens, "rate": tokens / seconds, "peak": peak}))
        return
    rounds = [(_measure("ours", options.questions), _measure("bare", options.questions)) for _ in range(options.rounds)]
    assert all(mine["tokens"] == theirs["tokens"] for mine, theirs in rounds), "not the same batches"
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name, key, unit in (("training", "rate", "tokens/s"), ("training_memory", "peak", "MB")):
        mine, theirs = ([side[key] for side in sides] for sides in zip(*rounds, strict=True))
        ratios = [m / t for m, t in zip(mine, theirs, strict=True)]
        results[name] = {
            "ours": statistics.median(mine),
            "peer": statistics.median(theirs),
            "ratio": statistics.median(mine) / statistics.median(theirs),
            "unit": unit,
            "spread": [min(ratios), max(ratios)],
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
        }
        print(f"{name:16} {json.dumps(results[name])}")
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
