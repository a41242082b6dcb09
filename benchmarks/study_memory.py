"""Does a study's memory grow with its questions: the peak of a study of 5,000 over that of one of 500.

Both are whole studies by the command line, each a process of its own, with the embedded model, all layers, the
default 15 positions, a detector and a report. So that 5,000 questions take minutes, they are short ("Which is larger,
37 or 48?", in the plain form after two examples, answered by a number), the model is not asked about its own answers,
and no further kinds of probes are trained; everything else is a study's default. Answers so short lack the positions
from -8 to -4 or so; the store and the tables have room for them all the same. The peak of a process hardly differs
from round to round, and the large study takes as long as all of `generate`: `make bench` makes one round, `--rounds`
more. About 10 minutes.
"""

import json
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import yaml

from benchmarks.children import run_child
from benchmarks.machine import describe_machine
from benchmarks.rounds import Options, Result, Side, alternate, compare

FEW, MANY = 500, 5_000
PROMPT = "Which is larger, 12 or 7?\nA: 12\n\nQ: Which is larger, 30 or 55?\nA: 55\n\nQ: {question}"


@dataclass(frozen=True, slots=True)
class MemorySide:
    """A study of so many questions."""

    folder: Path
    questions: int

    def peak(self, round_: int) -> float:
        """Run it and say its peak resident memory in MB."""
        recipe = self.folder / f"{self.questions}.yaml"
        path = self.folder / f"{self.questions}.jsonl"
        path.write_text("".join(f"{json.dumps(row)}\n" for row in make_questions(self.questions)))
        settings = {
            "task": {"name": "file", "path": str(path), "prompt": PROMPT},
            "model": {"name": "embedded", "chat_template": "plain"},
            "generate": {"max_new_tokens": 8},
            "self_evaluation": {"of": []},
            "probe": {"families": []},
        }
        recipe.write_text(yaml.safe_dump(settings))
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=f"round-{round_}-") as out:
            return run_child(["-m", "tacitly", "study", str(recipe), "--out", out]).peak_mb


def make_questions(count: int) -> list[dict[str, object]]:
    """Rows for the task `file`: which of two numbers is larger; no pair comes twice.

    Example:
        >>> len({row["question"] for row in make_questions(5_000)})
        5000
    """
    pairs = [(a, b) for a, b in product(range(11, 99), repeat=2) if a != b]
    order = np.random.default_rng(0).permutation(len(pairs))[:count]
    return [
        {
            "question": f"Which is larger, {a} or {b}?",
            "answers": [str(max(a, b))],
            "choices": [str(a), str(b)],
        }
        for a, b in (pairs[i] for i in order)
    ]


def measure(options: Options) -> list[Result]:
    """Measure `memory`."""
    few, many = options.size(FEW, 30), options.size(MANY, 60)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sides = {"ours": Side(MemorySide(folder, many).peak), "peer": Side(MemorySide(folder, few).peak)}
        found = alternate(sides, rounds=options.rounds)
    note = f"peak resident memory of whole studies of {many} and of {few} questions"
    return [
        compare(
            "memory", ours=found["ours"], peer=found["peer"], unit="MB", of="ours/peer", machine=describe_machine(),
            note=note,
        )
    ]  # fmt: skip
