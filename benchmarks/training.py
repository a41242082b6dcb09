"""Our fine-tuning against a bare PEFT and AdamW loop on the same batches.

The questions are some of MedQuAD's where its archive lies beside the checkout, else of `medfacts`. Each side runs in
a process of its own, in turn, so that its peak memory is its own: `training` compares tokens a second, without start
and loading, `training_memory` the peak of the whole process; both ratios are ours over the bare loop's. About 4
minutes.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line sets it, for both sides

import torch

from benchmarks.children import run_child
from benchmarks.machine import describe_machine
from benchmarks.rounds import Options, Result, Side, alternate, compare
from tacitly.finetune.data import FinetuneData
from tacitly.models.quiet import library_notes_off
from tacitly.progress import RecordedProgress
from tacitly.recipes import load_finetune_recipe
from tacitly.settings import FinetuneSettings
from tacitly.tasks.catalog import load_task
from tacitly.tasks.entity_split import FILE as SPLIT

ROOT = Path(__file__).parents[1]
MEDQUAD = ROOT / "../shared/data/medquad.tar.xz"
QUESTIONS, STEPS = 200, 8


def _settings(questions: Path, steps: int) -> FinetuneSettings:
    train = {"train.max_steps": steps, "train.eval_steps": None, "train.save_steps": 10**6}
    return load_finetune_recipe(
        "finetune-medquad-embedded", overrides={"task.name": "file", "task.path": str(questions), **train}
    )


def ours(questions: Path, steps: int) -> tuple[int, float]:
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
    settings = _settings(questions, steps)
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


def bare(questions: Path, steps: int) -> tuple[int, float]:
    """Tokens and seconds of the loop that a reader would write by hand."""
    from peft import LoraConfig, get_peft_model
    from transformers import get_cosine_schedule_with_warmup

    settings = _settings(questions, steps)
    data, train = FinetuneData.read(settings, progress=RecordedProgress()), settings.train
    lora = LoraConfig(
        r=train.lora_r, lora_alpha=train.lora_alpha, lora_dropout=train.lora_dropout, target_modules="all-linear",
        task_type="CAUSAL_LM",
    )  # fmt: skip
    with library_notes_off():
        model = get_peft_model(data.language_model.model, lora).train()
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=train.learning_rate, weight_decay=train.weight_decay)
    schedule = get_cosine_schedule_with_warmup(optimizer, 1, steps)
    examples, tokens = data.learned[0], 0
    started = time.perf_counter()
    for step in range(steps):
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


def _side(side: str, questions: Path, steps: int) -> dict[str, float]:
    some = ["--side", side, "--steps", str(steps)]
    child = run_child(["-m", "benchmarks.training", str(questions.resolve()), *some], cwd=ROOT)
    return dict(json.loads(child.output.splitlines()[-1])) | {"peak": child.peak_mb}


def _write_questions(folder: Path) -> Path:
    """Some questions with their answers as a file that both sides read quickly."""
    medquad = {"name": "medquad", "path": MEDQUAD} if MEDQUAD.exists() else {"name": "medfacts"}
    task = load_task(**medquad, limit=QUESTIONS)
    path = folder / f"{task.name}.jsonl"
    rows = [{"question": q.question, "answers": [q.answers[0]], "entity": q.entity} for q in task.questions()]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def measure(options: Options) -> list[Result]:
    """Measure `training` and `training_memory`.

    Raises:
        RuntimeError: The sides did not learn from the same batches.
    """
    peaks: dict[str, list[float]] = {"ours": [], "bare": []}
    tokens, steps = set(), options.size(STEPS, 2)

    def rate(side: str, questions: Path) -> float:
        told = _side(side, questions, steps)
        peaks[side].append(told["peak"])
        tokens.add(told["tokens"])
        return told["rate"]

    with tempfile.TemporaryDirectory() as folder:
        questions = _write_questions(Path(folder))
        sides = {"ours": Side(lambda _: rate("ours", questions)), "bare": Side(lambda _: rate("bare", questions))}
        found = alternate(sides, rounds=options.rounds)
    if len(tokens) != 1:
        raise RuntimeError(f"the sides did not learn from the same batches: {sorted(tokens)} tokens")
    note = f"{steps} steps, {tokens.pop():.0f} tokens of {questions.name}"
    about: dict[str, Any] = {"of": "ours/peer", "machine": describe_machine(), "note": note}
    return [
        compare("training", ours=found["ours"], peer=found["bare"], unit="tokens/s", **about),
        compare("training_memory", ours=peaks["ours"], peer=peaks["bare"], unit="MB", **about),
    ]


def main() -> None:
    """Measure one side, in this process, and print it as JSON."""
    parser = argparse.ArgumentParser(description="One side of the benchmark `training`.")
    parser.add_argument("questions", type=Path)
    parser.add_argument("--side", choices=["ours", "bare"], required=True)
    parser.add_argument("--steps", type=int, default=STEPS)
    given = parser.parse_args()
    tokens, taken = {"ours": ours, "bare": bare}[given.side](given.questions, given.steps)
    print(json.dumps({"tokens": tokens, "rate": tokens / taken}))


if __name__ == "__main__":
    main()
