"""Forward passes over a growing batch: prefix, padding, positions, cache."""

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import DynamicCache

from tacitly.errors import ModelError
from tacitly.models.load import LanguageModel

SHORTEST_PREFIX = 4  # tokens; below this a pass of its own costs more than it saves


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """The keys and values of a prompt prefix, computed once for a whole run."""

    cache: DynamicCache
    length: int


class Forward:
    """Runs one model on batches.

    Raises:
        ModelError: If the model keeps a recurrent state instead of keys and values, which cannot be shared or padded.
    """

    def __init__(self, language_model: LanguageModel) -> None:
        self.model = language_model.model
        self.device = language_model.device
        accepted = inspect.signature(self.model.forward).parameters
        self.takes_positions = "position_ids" in accepted
        self.keeps_logits = "logits_to_keep" in accepted
        if any(DynamicCache(config=self.model.config).is_linear):
            raise ModelError(
                f"{type(self.model).__name__} keeps a recurrent state, which cannot be batched here",
                allowed="models whose layers all attend to keys and values",
            )

    def needs_equal_lengths(self, longest: int) -> bool:
        """Whether padding between prefix and question would change what a row attends to.

        So it is with a sliding window shorter than the longest sequence, and where positions cannot be given.
        """
        config = self.model.config.get_text_config(decoder=True)
        windows = [getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size")]
        return not self.takes_positions or any(window and longest > window for window in windows)

    def prefix(self, prompts: Sequence[Sequence[int]]) -> PrefixCache:
        """Compute the longest common prefix of all prompts, leaving each at least one token of its own."""
        ordered = sorted(map(tuple, prompts)) or [()]
        first, last = ordered[0], ordered[-1]  # what the first and the last share, all share
        shared = [a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))]
        length = min([len(shared), *(len(prompt) - 1 for prompt in prompts)])
        cache = DynamicCache()
        if length < SHORTEST_PREFIX:
            return PrefixCache(cache, 0)
        self._run(torch.tensor([shared[:length]]), mask=None, positions=None, cache=cache)
        return PrefixCache(cache, length)

    def begin(self, prefix: PrefixCache, prompts: Sequence[Sequence[int]]) -> "Step":
        """The first step of a batch: what the prompts add to the prefix, equal prompts computed once."""
        unique = list(dict.fromkeys(tuple(prompt) for prompt in prompts))
        source = torch.tensor([{p: i for i, p in enumerate(unique)}[tuple(prompt)] for prompt in prompts])
        suffixes = [prompt[prefix.length :] for prompt in unique]
        width = max(map(len, suffixes))
        tokens = torch.zeros(len(unique), width, dtype=torch.long)
        mask = torch.zeros(len(unique), prefix.length + width, dtype=torch.long)
        mask[:, : prefix.length] = 1
        for i, suffix in enumerate(suffixes):  # padded on the left, so that every row ends in the last column
            tokens[i, width - len(suffix) :] = torch.tensor(suffix)
            mask[i, prefix.length + width - len(suffix) :] = 1
        return Step(self, tokens, mask, _repeated(prefix, len(unique)), source)

    def reads_trees(self, longest: int) -> bool:
        """Whether every token can be told which tokens it attends to, so that texts share what they have in common."""
        takes_masks = self.model.config._attn_implementation in ("sdpa", "eager")
        return takes_masks and not self.needs_equal_lengths(longest)

    def tree(
        self,
        prefix: PrefixCache,
        tokens: Int[Tensor, "row column"],
        *,
        attends: Bool[Tensor, "row column cached"],
        positions: Int[Tensor, "row column"],
        keep: int,
    ) -> Float[Tensor, "row kept vocabulary"]:
        """One pass over tokens that go on from the prefix in any order, each attending to those it is told to.

        Args:
            prefix: What all of them go on from.
            tokens: What is read.
            attends: To which tokens each one attends, those of the prefix first; at least to one.
            positions: Where each token stands in its text.
            keep: The logits after this many tokens at the end of each row are wanted.
        """
        dtype = self.model.dtype
        mask = torch.zeros(attends.shape, dtype=dtype).masked_fill_(~attends, torch.finfo(dtype).min)
        return self._run(
            tokens, mask=mask[:, None], positions=positions, cache=_repeated(prefix, len(tokens)), keep=keep
        )

    def whole(self, sequences: Sequence[Sequence[int]]) -> None:
        """Run whole texts, padded on the right, for what hooks see of them; the output layer is left out."""
        self.model.base_model(**self._padded(sequences), use_cache=False)

    def whole_logits(self, sequences: Sequence[Sequence[int]], *, first: int) -> Float[Tensor, "row column vocabulary"]:
        """The same, with the logits after every token from the column `first` on; those of padding mean nothing."""
        width = max(map(len, sequences))
        kwargs = {"logits_to_keep": width - first} if self.keeps_logits else {}
        logits: Tensor = self.model(**self._padded(sequences), use_cache=False, **kwargs).logits
        return logits[:, first - width :]

    def _padded(self, sequences: Sequence[Sequence[int]]) -> dict[str, Any]:
        width = max(map(len, sequences))
        tokens = torch.zeros(len(sequences), width, dtype=torch.long)
        mask = torch.zeros(len(sequences), width, dtype=torch.long)
        for i, sequence in enumerate(sequences):
            tokens[i, : len(sequence)] = torch.tensor(list(sequence))
            mask[i, : len(sequence)] = 1
        return {
            "input_ids": tokens.to(self.device),
            "attention_mask": None if bool(mask.all()) else mask.to(self.device),
        }

    def _run(
        self,
        tokens: Int[Tensor, "row column"],
        *,
        mask: Int[Tensor, "row cached"] | Float[Tensor, "row 1 column cached"] | None,
        positions: Int[Tensor, "row column"] | None,
        cache: DynamicCache,
        keep: int = 1,
    ) -> Float[Tensor, "row kept vocabulary"]:
        kwargs: dict[str, Any] = {}
        if self.takes_positions and positions is not None:
            kwargs["position_ids"] = positions.to(self.device)
        if self.keeps_logits:
            kwargs["logits_to_keep"] = keep
        output = self.model(
            input_ids=tokens.to(self.device),
            attention_mask=None if mask is None else mask.to(self.device),
            past_key_values=cache,
            use_cache=True,
            **kwargs,
        )
        logits: Tensor = output.logits[:, -keep:]
        return logits


def _repeated(prefix: PrefixCache, rows: int) -> DynamicCache:
    """A prefix for each row of a pass, which may go on writing in it."""
    cache = copy.deepcopy(prefix.cache)
    if prefix.length:
        cache.batch_repeat_interleave(rows)
    return cache


class Step:
    """The next forward pass of a batch: first its prompts, then one token per row that is left.

    Attributes:
        source: Which row of the pass each active row reads: equal prompts share one in the first pass.
    """

    def __init__(
        self,
        forward: Forward,
        tokens: Int[Tensor, "row column"],
        mask: Int[Tensor, "row cached"],
        cache: DynamicCache,
        source: Int[Tensor, " active"],
    ) -> None:
        self._forward = forward
        self._tokens = tokens
        self._mask = mask
        self._positions = (mask.cumsum(-1) - 1).clamp_(min=0)[:, -tokens.shape[1] :]
        self._cache = cache
        self._shared = len(source) != len(tokens) or not torch.equal(source, torch.arange(len(tokens)))
        self.source = source

    def logits(self) -> Float[Tensor, "active vocabulary"]:
        """Run the pass; the logits after each active row's last token."""
        mask = None if bool(self._mask.all()) else self._mask
        logits = self._forward._run(self._tokens, mask=mask, positions=self._positions, cache=self._cache)[:, -1]
        return logits[self.source.to(logits.device)]

    def advance(self, tokens: Int[Tensor, " kept"], keep: Int[Tensor, " kept"]) -> None:
        """Prepare the next pass: keep these active rows and feed each one token."""
        everything = not self._shared and len(keep) == len(self.source)
        if not everything:
            rows = self.source[keep]
            self._cache.batch_select_indices(rows.to(self._forward.device))
            self._mask, self._positions = self._mask[rows], self._positions[rows]
            self._shared = False
        self._mask = torch.cat([self._mask, torch.ones(len(keep), 1, dtype=torch.long)], dim=1)
        self._positions = self._positions[:, -1:] + 1
        self._tokens = tokens[:, None]
        self.source = torch.arange(len(keep))
