"""What token scores add to the time per token of a server: answers written side by side, with and without them.

Two batches of the same prompts are written in turn, a token of each answer of one and then of the other, so that both
see the same machine, the same number of answers and the same lengths. One reads the detector's states and scores every
token, as the server's thread does; the other only writes. A round's figure is the median of its steps. About 3 minutes.
"""

import statistics
from collections import deque
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from benchmarks.machine import describe_machine, settle
from benchmarks.made_detector import make_detector
from benchmarks.rounds import Options, Result, compare, seconds
from benchmarks.workload import MODEL, ask
from tacitly.engines.base import Request, Sampling
from tacitly.engines.continuous import ContinuousBatch
from tacitly.engines.forward import Forward
from tacitly.models.load import load_model
from tacitly.serve.limits import Limits
from tacitly.serve.service import Service

STREAMS = 64
STEPS = 50  # of a round
WARM = 4


@dataclass
class Writing:
    """A batch that goes on for as long as it is asked to.

    Attributes:
        service: What scores tokens; None for a batch that only writes.
    """

    batch: ContinuousBatch
    service: Service | None
    scored: int = 0

    @torch.inference_mode()
    def step(self) -> float:
        """Write one token of every answer; the milliseconds that it takes."""
        with self.service.recorder.attached() if self.service else nullcontext():
            return 1000 * seconds(self._step)

    def _step(self) -> None:
        self.batch.step()
        if self.service is not None and self.service.tokens is not None:
            _, states = self.batch.fed(self.service.tokens.site)
            self.scored += sum(p is not None for p, _ in self.service.score_tokens(states))
        self.batch.newest()
        settle()


def measure(options: Options) -> list[Result]:
    """Measure `serve_scores`."""
    model = load_model(MODEL)
    streams, per_round = options.size(STREAMS, 4), options.size(STEPS, 4)
    steps = options.rounds * per_round + WARM
    prompts = [prompt for one in ask(streams, model) for prompt in one.prompts][:streams]
    service = Service(make_detector(model), model, limits=Limits(streams=streams, new_tokens=steps + 1))
    sides = {"ours": _begin(service, prompts, steps + 1, scores=True)}
    sides["peer"] = _begin(service, prompts, steps + 1, scores=False)
    names = list(sides)
    for _ in range(WARM):
        for name in names:
            sides[name].step()
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(options.rounds):
        taken: dict[str, list[float]] = {name: [] for name in names}
        for step in range(per_round):
            for name in names[:: -1 if step % 2 else 1]:
                taken[name].append(sides[name].step())
        for name in names:
            found[name].append(statistics.median(taken[name]) / streams)
    scored = sides["ours"].scored
    if scored != steps * streams:
        raise RuntimeError(f"{scored} of {steps * streams} tokens have a score")
    note = f"{streams} answers at once, {steps} tokens of each; {scored:,} tokens scored, none missing"
    machine = describe_machine()
    return [compare("serve_scores", **found, unit="ms/token", of="ours/peer", machine=machine, note=note)]


@torch.inference_mode()
def _begin(service: Service, prompts: list[tuple[int, ...]], tokens: int, *, scores: bool) -> Writing:
    """A batch with all answers begun, which no token ends before its time."""
    requests = [
        Request(key=str(i), prompt_ids=prompt, sample=1, sampling=Sampling(max_new_tokens=tokens))
        for i, prompt in enumerate(prompts)
    ]
    forward = Forward(service.language_model)
    batch = ContinuousBatch(
        service.language_model,
        forward,
        forward.prefix(prompts),
        slots=len(prompts),
        columns=max(map(len, prompts)) + tokens,
        sampling=Sampling(max_new_tokens=tokens),
        recorder=service.recorder if scores else None,
        grows=True,
    )
    batch._end_ids = batch._end_ids[:0]  # so that both sides have as many answers all the time
    with service.recorder.attached() if scores else nullcontext():
        batch.fill(deque(requests))
    return Writing(batch, service if scores else None)
