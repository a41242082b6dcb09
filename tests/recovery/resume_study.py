"""The study that `test_resume.py` runs in a process of its own, and kills."""

from pathlib import Path

import torch

from tacitly import collect
from tacitly.collect import answers, labels, questions, states
from tacitly.study import run_study

LOADED = (collect, answers, labels, questions, states)  # imported before the fork, so that a start costs nothing


def work(recipe: Path, out: Path) -> None:
    """Run it up to the labels."""
    torch.set_num_threads(1)
    run_study(recipe, out=out, until="labels")
