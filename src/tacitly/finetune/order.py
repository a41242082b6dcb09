"""In which order examples are learned, drawn anew every epoch from a seed of its own."""

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices


class EpochOrder(Sampler[int]):
    """Every example once, at random or with those of similar length side by side, so that little is padding.

    Unlike the trainer's own, it draws from no global state, so that a training which goes on in the middle of an epoch
    sees the same order.

    Args:
        lengths: Tokens of each example.
        batch_size: Examples that are learned together.
        seed: Where the drawing starts; each epoch has its own.
        grouped: Whether by length.

    Example:
        >>> order = EpochOrder([3, 9, 3, 9], batch_size=2, seed=0, grouped=True)
        >>> sorted(order) == [0, 1, 2, 3], list(order) == list(order)
        (True, True)
    """

    def __init__(self, lengths: Sequence[int], *, batch_size: int, seed: int, grouped: bool) -> None:
        self._lengths = list(lengths)
        self._batch_size = batch_size
        self._seed = seed
        self._grouped = grouped
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Draw for this epoch from now on."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        drawn = torch.Generator().manual_seed(self._seed * 1_000_003 + self._epoch)
        if not self._grouped:
            return iter(torch.randperm(len(self._lengths), generator=drawn).tolist())
        return iter(get_length_grouped_indices(self._lengths, self._batch_size, generator=drawn))  # type: ignore[no-untyped-call]
