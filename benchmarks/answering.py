"""Greedy answers: how fast they are written, how near to the machine's peak, and what reading states on the way costs.

One set of rounds measures all of it: our engine alone, `model.generate`, a bare matrix product, and the stage
`answers` of a study, which reads all layers, locates exact answers and writes shards. About 7 minutes.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.flops import MatrixWork
from benchmarks.machine import MatrixProduct, compare_seconds, describe_machine, settle
from benchmarks.rounds import Options, Result, Side, alternate, compare, deal, seconds
from benchmarks.workload import MODEL, Asked, ask, batches, chosen_ids, generate_plainly, name_tasks
from tacitly.engines.base import Generation
from tacitly.models.load import load_model
from tacitly.run_folder import RunFolder
from tacitly.study import run_study

QUESTIONS = 512
BATCH = 32
PEER_BATCHES = 4  # of a round: 128 questions, others in every round
EQUAL = 0.95  # the least part of the answers that must be the same; the rest may differ after a near-tie


@dataclass
class Answering:
    """What is measured on one set of questions."""

    asked: Sequence[Asked]
    options: Options
    ours: dict[tuple[int, ...], tuple[int, ...]] = field(default_factory=dict)
    peer: dict[tuple[int, ...], tuple[int, ...]] = field(default_factory=dict)
    bytes_per_answer: list[float] = field(default_factory=list)

    def write(self, _: int = 0) -> float:
        """Seconds in which our engine answers everything."""
        written: list[list[Generation]] = []

        def work() -> None:
            written.extend(one.generate() for one in self.asked)
            settle()

        taken = seconds(work)
        for one, generations in zip(self.asked, written, strict=True):
            prompts = {q.question_id: prompt for q, prompt in zip(one.questions, one.prompts, strict=True)}
            self.ours |= {prompts[g.key]: chosen_ids(g) for g in generations}
        return taken

    def write_plainly(self, round_: int) -> float:
        """Seconds in which `model.generate` would answer everything, from some of its batches."""
        everything = [prompt for one in self.asked for prompt in one.prompts]
        size = min(BATCH, max(1, len(everything) // 2))
        whole = list(batches(everything, size))
        dealt = deal(len(whole), per_round=min(PEER_BATCHES, len(whole)), rounds=self.options.rounds, round_=round_)
        model, most = self.asked[0].language_model, max(one.sampling.max_new_tokens for one in self.asked)

        def work() -> None:
            for i in dealt:
                self.peer |= dict(zip(whole[i], generate_plainly(model, whole[i], max_new_tokens=most), strict=True))
            settle()

        return seconds(work) * len(everything) / sum(len(whole[i]) for i in dealt)

    def collect(self, _: int = 0) -> float:
        """Seconds of the stage `answers`, which keeps states and locates; its shards are weighed too."""
        taken, weight = 0.0, 0
        with tempfile.TemporaryDirectory() as folder:
            for one in self.asked:
                out = Path(folder) / one.settings.task.name
                run_study(one.settings, out=out, until="answers", open_model=one.open_model)
                run = RunFolder.view(out)
                taken += run.manifest.stages["answers"].seconds
                weight += sum((out / name).stat().st_size for name in run.files("activations"))
        self.bytes_per_answer.append(weight / sum(len(one.questions) for one in self.asked))
        return taken

    def work(self) -> int:
        """Matrix operations that our answers need."""
        count = MatrixWork.of(self.asked[0].language_model.model)
        return sum(count.of_answers(one.prompts, [len(self.ours[p]) for p in one.prompts]) for one in self.asked)

    def equal(self) -> float:
        """The part of the answers that both wrote alike.

        Raises:
            RuntimeError: Too few are.
        """
        share = sum(self.ours[prompt] == tokens for prompt, tokens in self.peer.items()) / len(self.peer)
        if share < EQUAL:
            raise RuntimeError(f"only {share:.1%} of the answers are those of model.generate")
        return share


def measure(options: Options) -> list[Result]:
    """Measure `generate`, `matrix_peak`, `capture` and `store`, or those of them that are wanted."""
    model, wanted = load_model(MODEL), options.names
    asked = ask(options.size(QUESTIONS, 16), model)
    bench = Answering(asked, options)
    product = MatrixProduct(model.model.dtype, model.device)
    warm = Answering(ask(4, model), options)
    sides: dict[str, Side] = {}
    if wanted != {"store"}:
        sides["ours"] = Side(bench.write, warm.write)
    if "generate" in wanted:
        sides["peer"] = Side(bench.write_plainly, lambda: warm.write_plainly(0))
    if "matrix_peak" in wanted:
        sides["product"] = Side(lambda _: product.rate() / 1e9, product.choose_size)
    if {"capture", "store"} & wanted:
        sides["collect"] = Side(bench.collect, warm.collect)
    found = alternate(sides, rounds=options.rounds)
    return [result for result in _results(bench, product, found) if result.name in wanted]


def _results(bench: Answering, product: MatrixProduct, found: dict[str, list[float]]) -> list[Result]:
    asked, ours, results = bench.asked, found.get("ours"), []
    about: dict[str, Any] = {"machine": describe_machine()}
    if ours and "peer" in found:
        note = (
            f"{name_tasks(asked)}; the peer wrote {len(bench.peer)} of them, at batch {BATCH}, scaled; "
            f"{bench.equal():.1%} of those alike"
        )
        results.append(compare_seconds("generate", found, note=note))
    if ours and "product" in found:
        work = bench.work() / 1e9
        note = f"{work:.0f} GFLOP that {name_tasks(asked)} need, against products of {product.size} x {product.size}"
        rates = [work / taken for taken in ours]
        results.append(
            compare(
                "matrix_peak", ours=rates, peer=found["product"], unit="GFLOP/s", of="ours/peer", note=note, **about
            )
        )
    if "collect" in found:
        capture = asked[0].settings.capture
        note = f"{name_tasks(asked)}; all layers at {len(capture.positions)} positions, located and written to disk"
        if ours:
            results.append(
                compare("capture", ours=found["collect"], peer=ours, unit="s", of="ours/peer", note=note, **about)
            )
        sites = asked[0].language_model.sites
        raw = sum(len(sites.of(s)) * sites.widths[s] for s in capture.sites) * len(capture.positions) * 2
        stored = bench.bytes_per_answer
        results.append(
            compare(
                "store", ours=stored, peer=[raw] * len(stored), unit="bytes/answer", of="ours/peer", note=note, **about
            )
        )
    return results
