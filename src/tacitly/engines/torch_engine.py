"""Answers and states from a PyTorch model: answers written in slots, existing texts read in batches."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from tacitly.activations.capture import PassStates, Recorder, TokenStates
from tacitly.engines.base import MEMORY, Generation, Reading, Request, Sampling, Written
from tacitly.engines.continuous import ContinuousBatch
from tacitly.engines.decoding import measure
from tacitly.engines.forward import Forward, PrefixCache
from tacitly.engines.passes import PASS_TOKENS, in_passes
from tacitly.engines.room import Room
from tacitly.models.load import LanguageModel
from tacitly.records import EndToken

LOGIT_BUDGET_BYTES = 400_000_000  # of a batch whose answers exist already


@dataclass(frozen=True)
class TorchEngine:
    """Writes answers with a Hugging Face causal language model and reads its states on the way.

    Implements `Generator` and `StateReader`.
    """

    language_model: LanguageModel

    @torch.inference_mode()
    def generate(
        self,
        requests: Sequence[Request],
        *,
        sampling: Sampling,
        capture: Sequence[str] = (),
        batch_size: int = 96,
        memory: float = MEMORY,
    ) -> Iterator[list[Generation]]:
        """Write an answer for every request, longest prompts first.

        Args:
            requests: What to answer; requests with equal prompts share its computation.
            sampling: How tokens are chosen and where answers end.
            capture: Sites whose states are read on the way.
            batch_size: The most answers that are written at once.
            memory: GB that the answers being written may take, the model apart; where prompts are long, fewer are
                written at once.

        Yields:
            As many answers as are written at once, or more, as they are finished; what comes next is computed only
            when asked for.

        Raises:
            CaptureError: If a site does not exist in this model.
        """
        forward = Forward(self.language_model)
        recorder = Recorder(self.language_model.sites, tuple(capture)) if capture else None
        ordered = sorted(requests, key=lambda r: (-len(r.prompt_ids), r.prompt_ids, r.key, r.sample))
        prefix = forward.prefix([r.prompt_ids for r in ordered])
        room = Room(self.language_model, recorder, new_tokens=sampling.max_new_tokens, memory=memory)
        with recorder.attached() if recorder else nullcontext():
            for group, slots in room.groups(ordered, prefix.length, most=batch_size):
                batch = ContinuousBatch(
                    self.language_model,
                    forward,
                    prefix,
                    slots=slots,
                    columns=len(group[0].prompt_ids) - prefix.length + sampling.max_new_tokens,
                    sampling=sampling,
                    recorder=recorder,
                )
                yield from self._drain(batch, group, size=slots)

    def _drain(self, batch: ContinuousBatch, requests: deque[Request], *, size: int) -> Iterator[list[Generation]]:
        finished: list[Generation] = []
        while requests or batch.busy:
            finished += batch.fill(requests)
            finished += batch.step()
            if len(finished) >= size or not (requests or batch.busy):
                if self.language_model.device.type == "cuda":
                    torch.cuda.current_stream().synchronize()  # states are copied while the next tokens are written
                yield finished
                finished = []

    @torch.inference_mode()
    def read_states(
        self,
        readings: Sequence[Reading],
        *,
        sites: Sequence[str],
        batch_size: int = 96,
        layers: Sequence[int] | None = None,
    ) -> Iterator[list[tuple[str, TokenStates]]]:
        """Read the states of given tokens by one teacher-forced pass per batch; what all texts begin with is read once.

        Args:
            readings: Texts as token ids, with the indices wanted.
            sites: Where to read.
            batch_size: The most texts at once; fewer where they are long.
            layers: Which layers; None for all. What comes after the last of them is left out.

        Yields:
            `(key, {site: [layer, index, width]})` for each reading of a batch, longest texts first.

        Raises:
            CaptureError: If a site does not exist in this model.
        """
        forward = Forward(self.language_model)
        recorder = Recorder(self.language_model.sites, tuple(sites), only=layers)
        ordered = sorted(readings, key=lambda r: (-len(r.token_ids), r.key))
        prefix = forward.prefix([r.token_ids for r in ordered], most=min((min(r.indices) for r in ordered), default=0))
        with recorder.attached():
            for batch in in_passes(
                ordered, lambda r: len(r.token_ids) - prefix.length, most=batch_size, tokens=PASS_TOKENS
            ):
                indices = [[i - prefix.length for i in r.indices] for r in batch]
                states = PassStates(recorder, indices, stops=True)
                with recorder.picking(states.pick):
                    forward.texts(prefix, [r.token_ids for r in batch])
                yield [(reading.key, states.take(row)) for row, reading in enumerate(batch)]

    @torch.inference_mode()
    def read_answers(
        self, answers: Sequence[Written], *, capture: Sequence[str] = (), batch_size: int = 96
    ) -> Iterator[list[Generation]]:
        """Read answers that exist already by one teacher-forced pass per batch; what all begin with is read once.

        Args:
            answers: The answers as token ids; each one's end token, where it has one, is read after it.
            capture: Sites whose states are read in the same pass.
            batch_size: The most answers at once; fewer where they or their logits would take too much memory.

        Yields:
            What the model would have yielded, had it written them, longest first.

        Raises:
            CaptureError: If a site does not exist in this model.
        """
        forward = Forward(self.language_model)
        recorder = Recorder(self.language_model.sites, tuple(capture))
        ordered = sorted(answers, key=lambda a: (-len(a.prompt_ids) - len(a.token_ids), a.key, a.sample))
        prefix = forward.prefix([a.prompt_ids for a in ordered])
        vocabulary = self.language_model.model.config.get_text_config(decoder=True).vocab_size
        tokens = min(PASS_TOKENS, LOGIT_BUDGET_BYTES // (4 * vocabulary))
        with recorder.attached():
            for batch in in_passes(ordered, lambda a: len(_forced(a)) - prefix.length, most=batch_size, tokens=tokens):
                yield self._read(batch, forward, prefix, recorder)

    def _read(
        self, batch: Sequence[Written], forward: Forward, prefix: PrefixCache, recorder: Recorder
    ) -> list[Generation]:
        texts = [_forced(a) for a in batch]
        starts = [len(a.prompt_ids) - 1 - prefix.length for a in batch]
        ends = [len(text) - 1 - prefix.length for text in texts]  # nothing is chosen after the last token
        states = PassStates(recorder, [range(s, e + 1) for s, e in zip(starts, ends, strict=True)])
        places = [(row, i) for row, (s, e) in enumerate(zip(starts, ends, strict=True)) for i in range(s, e)]
        rows, columns = torch.tensor(places, device=self.language_model.device).reshape(-1, 2).unbind(1)
        with recorder.picking(states.pick):
            logits = forward.texts_logits(prefix, texts, rows=rows, columns=columns)
        ids = [text[len(a.prompt_ids) :] for a, text in zip(batch, texts, strict=True)]
        told = measure(logits, torch.tensor([i for some in ids for i in some], device=logits.device))
        numbers = [x.tolist() for x in (told.logprobs, told.logits, told.entropies)]
        read, first = [], 0
        for row, (answer, some) in enumerate(zip(batch, ids, strict=True)):
            last, n, ended = first + len(some), len(answer.token_ids), answer.end_id is not None
            logprobs, raw, entropies = (tuple(x[first:last]) for x in numbers)
            first = last
            end = EndToken(token_id=some[-1], logprob=logprobs[-1], logit=raw[-1], entropy=entropies[-1])
            read.append(
                Generation(
                    key=answer.key,
                    sample=answer.sample,
                    text=answer.text,
                    token_ids=answer.token_ids,
                    logprobs=logprobs[:n],
                    logits=raw[:n],
                    entropies=entropies[:n],
                    finish_reason="end_of_turn" if ended else "length",
                    end=end if ended else None,
                    states=states.take(row) if recorder.names else None,
                )
            )
        return read


def _forced(answer: Written) -> tuple[int, ...]:
    """The whole text of an answer that exists, with the token that ends it."""
    return (*answer.prompt_ids, *answer.token_ids, *(() if answer.end_id is None else (answer.end_id,)))
