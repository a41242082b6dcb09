"""Forward passes: prefixes, padding, positions, caches."""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import Cache, DynamicCache

from tacitly.activations.capture import EnoughRead
from tacitly.engines.slots import SlotCache, layers_of
from tacitly.errors import ModelError
from tacitly.models.load import LanguageModel
from tacitly.text import shared_length

SHORTEST_PREFIX = 4  # tokens; below this a pass of its own costs more than it saves


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """The keys and values of a prompt prefix, computed once for a whole run."""

    cache: DynamicCache
    length: int
    ids: tuple[int, ...] = ()

    @classmethod
    def nothing(cls) -> Self:
        """What prompts begin with that share nothing."""
        return cls(DynamicCache(), 0)

    def begins(self, prompt: Sequence[int]) -> bool:
        """Whether a prompt begins with it, and goes on."""
        return len(prompt) > self.length and tuple(prompt[: self.length]) == self.ids


@dataclass(frozen=True, slots=True)
class PromptsRead:
    """What was read of a batch of prompts.

    Attributes:
        logits: After each prompt's last token.
        visible: Which columns of the cache are text.
        cache: Keys and values, the prefix's first.
    """

    logits: Float[Tensor, "row vocabulary"]
    visible: Bool[Tensor, "row cached"]
    cache: DynamicCache


class Forward:
    """Runs one model on batches.

    Raises:
        ModelError: If the model keeps a recurrent state instead of keys and values, which cannot be shared or padded.
    """

    def __init__(self, language_model: LanguageModel) -> None:
        self.model = language_model.model
        self.device = language_model.device
        self._head: nn.Module = self.model.get_output_embeddings()  # type: ignore[no-untyped-call]
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

    def prefix(self, prompts: Sequence[Sequence[int]], *, most: int | None = None) -> PrefixCache:
        """Compute the longest common prefix of all prompts, of at most so many tokens; one at least stays with each."""
        shared = shared_length(map(tuple, prompts))
        length = min([shared, *(len(prompt) - 1 for prompt in prompts), *(() if most is None else (most,))])
        cache = DynamicCache()
        if length < SHORTEST_PREFIX:
            return PrefixCache(cache, 0)
        self._run(torch.tensor([prompts[0][:length]]), mask=None, positions=None, cache=cache)
        return PrefixCache(cache, length, tuple(prompts[0][:length]))

    def prompts(self, prefix: PrefixCache, prompts: Sequence[Sequence[int]]) -> PromptsRead:
        """Read what prompts add to the prefix, padded on the left so that every row ends in the last column."""
        suffixes = [prompt[prefix.length :] for prompt in prompts]
        width = max(map(len, suffixes))
        tokens = torch.zeros(len(prompts), width, dtype=torch.long)
        visible = torch.zeros(len(prompts), prefix.length + width, dtype=torch.bool)
        visible[:, : prefix.length] = True
        for i, suffix in enumerate(suffixes):
            tokens[i, width - len(suffix) :] = torch.tensor(suffix)
            visible[i, prefix.length + width - len(suffix) :] = True
        cache = repeated(prefix, len(prompts))
        positions = (visible.long().cumsum(-1) - 1).clamp_(min=0)[:, -width:]
        mask = None if bool(visible.all()) else visible.long()
        logits = self._run(tokens, mask=mask, positions=positions, cache=cache)[:, -1]
        return PromptsRead(logits, visible.to(self.device), cache)

    def part(self, tokens: Sequence[int], *, start: int, cache: DynamicCache) -> None:
        """Read a part of one prompt for what the cache keeps of it.

        Args:
            tokens: The part.
            start: Where it begins in the prompt.
            cache: What was read before it.
        """
        positions = torch.arange(start, start + len(tokens))[None]
        self._run(torch.tensor([tokens]), mask=None, positions=positions, cache=cache)

    def step(
        self,
        tokens: Int[Tensor, " row"],
        *,
        positions: Int[Tensor, " row"],
        mask: Float[Tensor, "row cached"] | None,
        cache: SlotCache,
        wanted: Int[Tensor, " chosen"] | None = None,
    ) -> Float[Tensor, "chosen vocabulary"]:
        """One more token of every row.

        Args:
            tokens: The token that each row goes on with.
            positions: Where it stands in its text.
            mask: Added to what it attends to; None where all rows are equally long and the model sees to it.
            cache: Keys and values, with the places of these tokens set.
            wanted: The rows whose next token is chosen; None for all. The output layer is left out for the others.
        """
        with self._only(wanted):
            return self._run(
                tokens[:, None],
                mask=None if mask is None else mask[:, None, None],
                positions=positions[:, None],
                cache=cache,
            )[:, -1]

    @contextmanager
    def _only(self, wanted: Tensor | tuple[Tensor, Tensor] | None) -> Iterator[None]:
        """Let the output layer see these rows alone; or the tokens at these rows and columns, as one row."""
        if wanted is None:
            yield
            return

        def select(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
            states = args[0][wanted]
            return (states[None] if isinstance(wanted, tuple) else states, *args[1:])

        hook = self._head.register_forward_pre_hook(select)
        try:
            yield
        finally:
            hook.remove()

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
            tokens, mask=mask[:, None], positions=positions, cache=repeated(prefix, len(tokens)), keep=keep
        )

    def texts(self, prefix: PrefixCache, sequences: Sequence[Sequence[int]]) -> None:
        """Run texts that go on from a prefix for what hooks see of them; the output layer is left out.

        Args:
            prefix: What all of them begin with.
            sequences: The texts, each longer than the prefix.
        """
        with suppress(EnoughRead):
            self.model.base_model(**self._padded(prefix, sequences))

    def texts_logits(
        self,
        prefix: PrefixCache,
        sequences: Sequence[Sequence[int]],
        *,
        rows: Int[Tensor, " token"],
        columns: Int[Tensor, " token"],
    ) -> Float[Tensor, "token vocabulary"]:
        """The same, with the logits after some of their tokens, whose columns are counted after the prefix."""
        with self._only((rows, columns)):
            logits: Tensor = self.model(**self._padded(prefix, sequences)).logits
        return logits[0]

    def _padded(self, prefix: PrefixCache, sequences: Sequence[Sequence[int]]) -> dict[str, Any]:
        """A pass over texts, padded on the right."""
        suffixes = [sequence[prefix.length :] for sequence in sequences]
        width = max(map(len, suffixes))
        tokens = torch.zeros(len(suffixes), width, dtype=torch.long)
        mask = torch.zeros(len(suffixes), prefix.length + width, dtype=torch.long)
        for i, suffix in enumerate(suffixes):
            tokens[i, : len(suffix)] = torch.tensor(suffix)
            mask[i, : prefix.length + len(suffix)] = 1
        given: dict[str, Any] = {
            "input_ids": tokens.to(self.device),
            "attention_mask": None if bool(mask.all()) else mask.to(self.device),
            "use_cache": bool(prefix.length),
        }
        if prefix.length:
            given["past_key_values"] = repeated(prefix, len(suffixes))
            if self.takes_positions:
                positions = torch.arange(prefix.length, prefix.length + width)
                given["position_ids"] = positions.expand(len(suffixes), -1).to(self.device)
        return given

    def _run(
        self,
        tokens: Int[Tensor, "row column"],
        *,
        mask: Int[Tensor, "row cached"] | Float[Tensor, "row 1 column cached"] | None,
        positions: Int[Tensor, "row column"] | None,
        cache: Cache,
        keep: int = 1,
    ) -> Float[Tensor, "chosen kept vocabulary"]:
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


def repeated(prefix: PrefixCache, rows: int) -> DynamicCache:
    """A prefix for each row of a pass, which may go on writing in it: what it adds is joined to a new tensor."""
    return DynamicCache([(k.expand(rows, -1, -1, -1), v.expand(rows, -1, -1, -1)) for k, v in layers_of(prefix.cache)])
