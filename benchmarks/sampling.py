"""Ten samples of each question: our engine against `model.generate(num_return_sequences=10)`.

Ours writes all of them. The peer is dealt batches of ten questions, a hundred rows (of 10, 30, 60 and 100 rows the last
cost it least for both tasks): two batches in each round, others in every round, so that three rounds see sixty
questions; it is scaled. Both draw at temperature 1 from all tokens. About 4 minutes.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from benchmarks.machine import compare_seconds, settle
from benchmarks.rounds import Options, Result, Side, alternate, deal, seconds
from benchmarks.workload import MODEL, Asked, ask, batches, chosen_ids, generate_plainly, name_tasks
from tacitly.models.load import load_model

QUESTIONS = 100
SAMPLES = 10
BATCH = 10  # questions of a batch of the peer's
PEER_BATCHES = 2  # of a round


@dataclass
class SamplingSides:
    """What is measured on one set of questions."""

    asked: Sequence[Asked]
    options: Options
    ours: list[int] = field(default_factory=list)
    peer: list[int] = field(default_factory=list)
    questions: set[tuple[int, ...]] = field(default_factory=set)

    def write(self, _: int = 0) -> float:
        """Seconds in which our engine writes all samples."""

        def work() -> None:
            for one in self.asked:
                self.ours += [len(chosen_ids(g)) for g in one.generate(samples=range(1, SAMPLES + 1))]
            settle()

        return seconds(work)

    def write_plainly(self, round_: int) -> float:
        """Seconds in which `model.generate` would write all samples, from some of its batches."""
        everything = [prompt for one in self.asked for prompt in one.prompts]
        whole = list(batches(everything, min(BATCH, max(1, len(everything) // 2))))
        dealt = deal(len(whole), per_round=min(PEER_BATCHES, len(whole)), rounds=self.options.rounds, round_=round_)
        model, most = self.asked[0].language_model, max(one.sampling.max_new_tokens for one in self.asked)
        torch.manual_seed(round_)

        def work() -> None:
            for i in dealt:
                rows = generate_plainly(
                    model, whole[i], max_new_tokens=most, do_sample=True, num_return_sequences=SAMPLES, top_k=0
                )
                self.peer += [len(row) for row in rows]
            settle()

        taken = seconds(work)
        self.questions.update(prompt for i in dealt for prompt in whole[i])
        return taken * len(everything) / sum(len(whole[i]) for i in dealt)


def measure(options: Options) -> list[Result]:
    """Measure `samples`."""
    model = load_model(MODEL)
    asked = ask(options.size(QUESTIONS, 4), model)
    sides, warm = SamplingSides(asked, options), SamplingSides(ask(2, model), options)
    found = alternate(
        {"ours": Side(sides.write, warm.write), "peer": Side(sides.write_plainly, lambda: warm.write_plainly(0))},
        rounds=options.rounds,
    )
    note = (
        f"{SAMPLES} samples each of {name_tasks(asked)}; the peer wrote those of {len(sides.questions)}, scaled; "
        f"tokens in a sample: ours {statistics.mean(sides.ours):.1f}, the peer's {statistics.mean(sides.peer):.1f}"
    )
    return [compare_seconds("samples", found, note=note)]
