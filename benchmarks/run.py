"""Ours against the usual way, in one process, alternating: `python benchmarks/run.py [--only NAME] [--rounds N]`.

Writes `benchmarks/results.json`: `{name: {"ours", "peer", "ratio", "unit", "spread", "machine"}}`; ratio is peer over
ours, of the medians, so more than 1 means that ours is faster.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line sets it, for both sides

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tacitly.engines.base import Request, Sampling
from tacitly.engines.torch_engine import TorchEngine
from tacitly.models.load import LanguageModel, load_model
from tacitly.models.prompts import PromptFormat
from tacitly.probes.logistic import LogisticProbe
from tacitly.probes.penalties import RANKING_C
from tacitly.tasks.catalog import load_task

RESULTS = Path(__file__).with_name("results.json")
NEW_TOKENS = 24
QUESTIONS = 64
PEER_BATCH = 32


def _requests(lm: LanguageModel, limit: int) -> list[Request]:
    task = load_task("medfacts", limit=limit)
    form = PromptFormat(lm.tokenizer, task.system_prompt)
    return [
        Request(key=q.question_id, prompt_ids=tuple(form.token_ids(form.render(task.prompt(q)))))
        for q in task.questions()
    ]


def _ours(lm: LanguageModel, requests: list[Request], capture: tuple[str, ...] = ()) -> Callable[[], None]:
    def run() -> None:
        for _ in TorchEngine(lm).generate(requests, sampling=Sampling(max_new_tokens=NEW_TOKENS), capture=capture):
            pass

    return run


def _generate(lm: LanguageModel, requests: list[Request], batch: int) -> Callable[[], None]:
    ordered = sorted(requests, key=lambda r: len(r.prompt_ids))

    def run() -> None:
        for start in range(0, len(ordered), batch):
            prompts = [list(r.prompt_ids) for r in ordered[start : start + batch]]
            padded = lm.tokenizer.pad({"input_ids": prompts}, padding_side="left", return_tensors="pt")
            lm.model.generate(**padded, max_new_tokens=NEW_TOKENS, do_sample=False)

    return run


def generate() -> tuple[Callable[[], None], Callable[[], None]]:
    """Our engine against `model.generate` at batch 32, sorted by length."""
    lm = load_model("embedded")
    requests = _requests(lm, QUESTIONS)
    return _ours(lm, requests), _generate(lm, requests, PEER_BATCH)


def capture() -> tuple[Callable[[], None], Callable[[], None]]:
    """Answers with the residual stream of every layer, against answers alone (a ratio under 1 is the cost)."""
    lm = load_model("embedded")
    requests = _requests(lm, QUESTIONS)
    return _ours(lm, requests, ("residual",)), _ours(lm, requests)


def probe_fits() -> tuple[Callable[[], None], Callable[[], None]]:
    """Twenty logistic probes of 600 answers and width 576, against scikit-learn's."""
    rng = np.random.default_rng(0)
    states = rng.normal(size=(20, 600, 576)).astype(np.float32)
    correct = states[:, :, 0] + rng.normal(size=(20, 600)) > 0

    def ours() -> None:
        for features, labels in zip(states, correct, strict=True):
            LogisticProbe(C=RANKING_C).fit(features, labels)

    def peer() -> None:
        for features, labels in zip(states, correct, strict=True):
            make_pipeline(StandardScaler(), LogisticRegression(C=RANKING_C, max_iter=1000)).fit(features, labels)

    return ours, peer


BENCHMARKS = {"generate": generate, "capture": capture, "probe_fits": probe_fits}


def measure(name: str, *, rounds: int) -> dict[str, object]:
    """Run one benchmark: a warm-up of each, then both in turn."""
    ours, peer = BENCHMARKS[name]()
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    for round_ in range(rounds + 1):
        for which, run in (("ours", ours), ("peer", peer)):
            started = time.perf_counter()
            run()
            if round_:
                seconds[which].append(time.perf_counter() - started)
    ratios = [p / o for o, p in zip(seconds["ours"], seconds["peer"], strict=True)]
    return {
        "ours": statistics.median(seconds["ours"]),
        "peer": statistics.median(seconds["peer"]),
        "ratio": statistics.median(seconds["peer"]) / statistics.median(seconds["ours"]),
        "unit": "s",
        "spread": [min(ratios), max(ratios)],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
    }


def main() -> None:
    """Measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=sorted(BENCHMARKS))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    print(f"{'':12} {'ours':>9} {'peer':>9} {'ratio':>7}   spread")
    for name in [options.only] if options.only else BENCHMARKS:
        result = results[name] = measure(name, rounds=options.rounds)
        low, high = result["spread"]  # type: ignore[misc]
        print(
            f"{name:12} {result['ours']:8.2f}s {result['peer']:8.2f}s {result['ratio']:6.2f}x   {low:.2f} to {high:.2f}"
        )
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
