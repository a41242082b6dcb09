"""Reading prompts before their answers begin: several in one pass, and a long one in parts where others go on."""

from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch
from transformers import DynamicCache

from tacitly.activations.capture import Recorder, StepBuffer
from tacitly.engines.base import Request
from tacitly.engines.forward import Forward, PrefixCache, PromptsRead, repeated

PROMPT_TOKENS = 1024  # of prompts that are read in one pass, padding included
PART_TOKENS = 256  # of a long prompt, between two tokens of the answers that are being written


@dataclass(frozen=True, slots=True)
class ReadPrompts:
    """Prompts that are read, and the answers that are still to be begun.

    Attributes:
        read: What was read.
        states: Of each prompt's last token, where any are wanted.
        waiting: The answers, each with its prompt's row.
        first: The length of the prefix that the prompts go on from.
    """

    read: PromptsRead
    states: StepBuffer | None
    waiting: deque[tuple[Request, int]]
    first: int


@dataclass(frozen=True, slots=True)
class _Part:
    """A long prompt of which a part is read."""

    requests: list[Request]
    prefix: PrefixCache
    cache: DynamicCache
    length: int

    @property
    def ids(self) -> tuple[int, ...]:
        return self.requests[0].prompt_ids


class PromptReader:
    """Reads the prompts of a batch.

    Args:
        forward: Runs the model.
        prefix: What prompts begin with, or most of them.
        recorder: What is read on the way, if anything.
        most: The most prompts in one pass.
        equal: Whether those of a pass must be equally long.
        in_parts: Whether a long prompt is read in parts, one at a time.
    """

    def __init__(
        self,
        forward: Forward,
        prefix: PrefixCache,
        *,
        recorder: Recorder | None,
        most: int,
        equal: bool,
        in_parts: bool,
    ) -> None:
        self._forward, self._prefix, self._recorder = forward, prefix, recorder
        self._most, self._equal, self._in_parts = most, equal, in_parts
        self._part: _Part | None = None

    @property
    def busy(self) -> bool:
        """Whether a prompt is read in part."""
        return self._part is not None

    def cancel(self, key: str) -> None:
        """Give up the answers with this key."""
        if self._part is not None:
            kept = [request for request in self._part.requests if request.key != key]
            self._part = replace(self._part, requests=kept) if kept else None

    def read(self, waiting: deque[Request]) -> ReadPrompts | None:
        """Read the next prompts in one pass, or a part of a long one: None where it is not yet whole."""
        if self._part is None:
            requests, prefix = self._take(waiting)
            unique = list(dict.fromkeys(request.prompt_ids for request in requests))
            if not self._in_parts or len(unique) > 1 or len(unique[0]) - prefix.length <= PART_TOKENS:
                return self._whole(requests, prefix, unique)
            self._part = _Part(requests, prefix, repeated(prefix, 1), prefix.length)
        part, end = self._part, self._part.length + PART_TOKENS
        if end < len(part.ids):
            self._forward.part(part.ids[part.length : end], start=part.length, cache=part.cache)
            self._part = replace(part, length=end)
            return None
        self._part = None
        so_far = PrefixCache(part.cache, part.length, part.ids[: part.length])
        read = self._whole(part.requests, so_far, [part.ids])
        return replace(read, first=part.prefix.length)

    def _take(self, waiting: deque[Request]) -> tuple[list[Request], PrefixCache]:
        """Answers whose prompts are read together: they all go on from the prefix, or none of them does."""
        requests: list[Request] = []
        unique: set[tuple[int, ...]] = set()
        longest = 0
        prefix = self._prefix if self._prefix.begins(waiting[0].prompt_ids) else PrefixCache.nothing()
        while waiting:
            prompt = waiting[0].prompt_ids
            if self._prefix.begins(prompt) != (prefix is self._prefix):
                break
            if prompt not in unique:
                longest = max(longest, len(prompt) - prefix.length)
                if unique and not self._fits(
                    len(unique) + 1, longest, alike=len(prompt) == len(requests[0].prompt_ids)
                ):
                    break
                unique.add(prompt)
            requests.append(waiting.popleft())
        return requests, prefix

    def _fits(self, prompts: int, longest: int, *, alike: bool) -> bool:
        """Whether so many prompts of at most so many tokens are read in one pass; `alike` if all are equally long."""
        if prompts > self._most or prompts * longest > PROMPT_TOKENS or (self._in_parts and longest > PART_TOKENS):
            return False
        return alike or not self._equal

    def _whole(self, requests: list[Request], prefix: PrefixCache, prompts: Sequence[tuple[int, ...]]) -> ReadPrompts:
        states = StepBuffer(self._recorder, rows=len(prompts), columns=1) if self._recorder else None
        rows = torch.arange(len(prompts), device=self._forward.device)
        with reading(self._recorder, states, rows, torch.zeros_like(rows)):
            read = self._forward.prompts(prefix, prompts)
        numbers = {prompt: row for row, prompt in enumerate(prompts)}
        pairs = deque((request, numbers[request.prompt_ids]) for request in requests)
        return ReadPrompts(read, states, pairs, prefix.length)


def reading(
    recorder: Recorder | None, states: StepBuffer | None, rows: torch.Tensor, columns: torch.Tensor
) -> AbstractContextManager[None]:
    """Keep the states of a pass, where any are wanted.

    Args:
        recorder: What is read.
        states: Where it is kept.
        rows: Which answer each row of the pass belongs to.
        columns: Which of its tokens the pass reads.
    """
    if recorder is None or states is None:
        return nullcontext()
    return recorder.picking(states.picker(rows, columns))
