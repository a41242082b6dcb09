"""Answers and states from a PyTorch model: batched, with a shared prompt prefix and finished rows dropped."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch

from tacitly.activations.capture import PassStates, Recorder, StepBuffer, TokenStates, bytes_per_row
from tacitly.engines.base import Generation, Reading, Request, Sampling, Written
from tacitly.engines.decoding import Draws, Row, measure
from tacitly.engines.forward import Forward, PrefixCache
from tacitly.models.load import LanguageModel
from tacitly.records import EndToken

LOGIT_BUDGET_BYTES = 400_000_000  # of a batch whose answers exist already
STATE_BUDGET_BYTES = 1_000_000_000  # of a batch's states while it is written; larger batches are made smaller


@dataclass(frozen=True)
class TorchEngine:
    """Writes answers with a Hugging Face causal language model and reads its states on the way.

    Implements `Generator` and `StateReader`.
    """

    language_model: LanguageModel

    @torch.inference_mode()
    def generate(
        self, requests: Sequence[Request], *, sampling: Sampling, capture: Sequence[str] = (), batch_size: int = 64
    ) -> Iterator[list[Generation]]:
        """Write an answer for every request, longest prompts first.

        Args:
            requests: What to answer; requests with equal prompts share its computation.
            sampling: How tokens are chosen and where answers end.
            capture: Sites whose states are read on the way.
            batch_size: The most answers that are written at once.

        Yields:
            The answers of one batch; what is asked next is computed only when asked for.

        Raises:
            CaptureError: If a site does not exist in this model.
        """
        forward = Forward(self.language_model)
        recorder = Recorder(self.language_model.sites, tuple(capture)) if capture else None
        if recorder:
            per_row = bytes_per_row(recorder, sampling.max_new_tokens + 1)
            batch_size = max(1, min(batch_size, STATE_BUDGET_BYTES // per_row))
        ordered = sorted(requests, key=lambda r: (-len(r.prompt_ids), r.prompt_ids, r.key, r.sample))
        prefix = forward.prefix([r.prompt_ids for r in ordered])
        longest = max((len(r.prompt_ids) for r in ordered), default=0) + sampling.max_new_tokens
        for batch in _batches(ordered, batch_size, equal_lengths=forward.needs_equal_lengths(longest)):
            yield self._write(batch, forward, prefix, sampling, recorder)

    @torch.inference_mode()
    def read_states(
        self, readings: Sequence[Reading], *, sites: Sequence[str], batch_size: int = 64
    ) -> Iterator[list[tuple[str, TokenStates]]]:
        """Read the states of given tokens by one teacher-forced pass per batch.

        Args:
            readings: Texts as token ids, with the indices wanted.
            sites: Where to read.
            batch_size: The most texts at once.

        Yields:
            `(key, {site: [layer, index, width]})` for each reading of a batch.
        """
        forward = Forward(self.language_model)
        recorder = Recorder(self.language_model.sites, tuple(sites))
        ordered = sorted(readings, key=lambda r: (-len(r.token_ids), r.key))
        for start in range(0, len(ordered), batch_size):
            batch = ordered[start : start + batch_size]
            states = PassStates(recorder, [r.indices for r in batch])
            with recorder.attached(), recorder.picking(states.pick):
                forward.whole([r.token_ids for r in batch])
            yield [(reading.key, states.take(row)) for row, reading in enumerate(batch)]

    @torch.inference_mode()
    def read_answers(
        self, answers: Sequence[Written], *, capture: Sequence[str] = (), batch_size: int = 64
    ) -> Iterator[list[Generation]]:
        """Read answers that exist already by one teacher-forced pass per batch.

        Args:
            answers: The answers as token ids; each one's end token, where it has one, is read after it.
            capture: Sites whose states are read in the same pass.
            batch_size: The most answers at once; fewer where their logits would take too much memory.

        Yields:
            What the model would have yielded, had it written them.

        Raises:
            CaptureError: If a site does not exist in this model.
        """
        forward = Forward(self.language_model)
        recorder = Recorder(self.language_model.sites, tuple(capture))
        ordered = sorted(answers, key=lambda a: (len(a.prompt_ids), len(a.token_ids), a.key, a.sample))
        vocabulary = self.language_model.model.config.get_text_config(decoder=True).vocab_size
        most = LOGIT_BUDGET_BYTES // (4 * vocabulary)  # rows times columns
        while ordered:
            batch, ordered = ordered[:batch_size], ordered[batch_size:]
            while len(batch) > 1 and len(batch) * _columns(batch) > most:
                ordered.insert(0, batch.pop())
            yield self._read(batch, forward, recorder)

    def _read(self, batch: Sequence[Written], forward: Forward, recorder: Recorder) -> list[Generation]:
        forced = [(*a.token_ids, *(() if a.end_id is None else (a.end_id,))) for a in batch]
        first = min(len(a.prompt_ids) for a in batch) - 1
        starts = [len(a.prompt_ids) - 1 for a in batch]
        states = PassStates(recorder, [range(s, s + 1 + len(ids)) for s, ids in zip(starts, forced, strict=True)])
        with recorder.attached(), recorder.picking(states.pick):
            logits = forward.whole_logits(
                [(*a.prompt_ids, *ids) for a, ids in zip(batch, forced, strict=True)], first=first
            )
        read = []
        for row, (answer, ids, start) in enumerate(zip(batch, forced, starts, strict=True)):
            told = measure(logits[row, start - first :][: len(ids)], torch.tensor(ids, device=logits.device))
            n, ended = len(answer.token_ids), answer.end_id is not None
            end = EndToken(
                token_id=ids[-1], logprob=told.logprobs[-1], logit=told.logits[-1], entropy=told.entropies[-1]
            )
            read.append(
                Generation(
                    key=answer.key,
                    sample=answer.sample,
                    text=answer.text,
                    token_ids=answer.token_ids,
                    logprobs=tuple(told.logprobs[:n]),
                    logits=tuple(told.logits[:n]),
                    entropies=tuple(told.entropies[:n]),
                    finish_reason="end_of_turn" if ended else "length",
                    end=end if ended else None,
                    states=states.take(row) if recorder.names else None,
                )
            )
        return read

    def _write(
        self,
        batch: Sequence[Request],
        forward: Forward,
        prefix: PrefixCache,
        sampling: Sampling,
        recorder: Recorder | None,
    ) -> list[Generation]:
        rows = [Row(request) for request in batch]
        draws = Draws(batch, sampling)
        columns = sampling.max_new_tokens + 1
        buffer = StepBuffer(recorder, rows=len(rows), columns=columns) if recorder else None
        tokenizer = self.language_model.tokenizer
        with recorder.attached() if recorder else nullcontext():
            active = torch.arange(len(rows))
            step = forward.begin(prefix, [r.prompt_ids for r in batch])
            for column in range(columns):
                picker = buffer.picker(active, column, source=step.source) if buffer else None
                with recorder.picking(picker) if recorder and picker else nullcontext():
                    logits = step.logits()
                chosen = draws.choose(logits, active)
                keep = []
                for i, row in enumerate(rows[r] for r in active.tolist()):
                    if row.finish is None:
                        row.add(chosen, i)
                        row.close(sampling, self.language_model.end_ids, tokenizer)
                    # A token's state exists once the token has been fed, so a captured answer goes one step further.
                    if row.finish is None or (buffer and len(row.token_ids) > column):
                        keep.append(i)
                if not keep:
                    break
                kept = torch.tensor(keep)
                active = active[kept]
                step.advance(torch.tensor([rows[r].token_ids[-1] for r in active.tolist()]), kept)
        written = []
        for i, row in enumerate(rows):
            generation = row.generation(sampling, tokenizer)
            if buffer:
                tokens = 1 + len(generation.token_ids) + (generation.end is not None)
                generation = replace(generation, states=buffer.take(i, tokens))
            written.append(generation)
        return written


def _columns(batch: Sequence[Written]) -> int:
    """From how many columns of a batch logits are needed."""
    longest = max(len(a.prompt_ids) + len(a.token_ids) for a in batch)
    return longest + 2 - min(len(a.prompt_ids) for a in batch)


def _batches(ordered: Sequence[Request], size: int, *, equal_lengths: bool) -> Iterator[list[Request]]:
    batch: list[Request] = []
    for request in ordered:
        other_length = equal_lengths and batch and len(batch[0].prompt_ids) != len(request.prompt_ids)
        if batch and (len(batch) == size or other_length):
            yield batch
            batch = []
        batch.append(request)
    if batch:
        yield batch
