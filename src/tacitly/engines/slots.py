"""Keys and values of answers that are written side by side, each at its own place."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import CacheLayerMixin

from tacitly.errors import ModelError


@dataclass
class Places:
    """Where the next pass writes: one token for each of the first rows.

    Attributes:
        columns: The column of each row's token.
        width: How many columns the pass attends to.
    """

    columns: Int[Tensor, " row"] = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))
    width: int = 0
    _flat: dict[tuple[int, int], Int[Tensor, " vector"]] = field(default_factory=dict, init=False)

    def set(self, columns: Int[Tensor, " row"]) -> None:
        """Place the next pass."""
        self.columns = columns
        self.width = int(columns.max()) + 1
        self._flat.clear()

    def flat(self, heads: int, columns: int) -> Int[Tensor, " vector"]:
        """Where the vectors `[row, head]` go in a tensor `[slot, head, column]`, which is counted through."""
        if (heads, columns) not in self._flat:
            rows = torch.arange(len(self.columns) * heads, device=self.columns.device)
            self._flat[heads, columns] = rows * columns + self.columns.repeat_interleave(heads)
        return self._flat[heads, columns]


class SlotLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """One layer's keys and values `[slot, head, column, width]`, allocated once and written in place."""

    is_sliding = False
    keys: Tensor
    values: Tensor

    def __init__(self, places: Places, keys: Tensor, values: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._places = places
        self.keys, self.values = keys, values
        self.is_initialized = True

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing: the layer is made whole."""

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """Write one token per row; everything that the rows may attend to."""
        places = self._places
        for kept, new in ((self.keys, key_states), (self.values, value_states)):
            _, heads, columns, width = kept.shape
            kept.view(-1, width).index_copy_(0, places.flat(heads, columns), new.reshape(-1, width))
        rows = len(places.columns)
        return self.keys[:rows, :, : places.width], self.values[:rows, :, : places.width]

    def resize(self, slots: int, columns: int, *, rows: int, end: int) -> None:
        """Make room for so much; the first rows keep what is before the column `end`."""
        for name in ("keys", "values"):
            kept: Tensor = getattr(self, name)
            new = kept.new_zeros(slots, kept.shape[1], columns, kept.shape[3])
            new[:rows, :, :end] = kept[:rows, :, :end]
            setattr(self, name, new)

    def get_seq_length(self) -> int:
        """How many columns are written, where all rows are equally long."""
        return self._places.width - 1

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Length and offset of the mask."""
        return self.get_seq_length() + query_length, 0

    def get_max_length(self) -> int:
        """How many columns there are."""
        return int(self.keys.shape[2])


class SlotCache(Cache):
    """The cache of a batch whose rows come and go.

    Args:
        like: A cache of prompts read by the same model, for the shapes of its layers.
        prefix: What every row goes on from, put in the first columns of every slot; or empty.
        slots: How many rows there can be.
        capacity: How many columns.
    """

    def __init__(self, like: DynamicCache, *, prefix: DynamicCache, slots: int, capacity: int) -> None:
        self.places = Places()
        self._prefix = list(layers_of(prefix))
        self._mixed = False  # whether rows that do not go on from the prefix have been here
        self._mine: list[SlotLayer] = []
        for read in layers_of(like):
            keys, values = (x.new_zeros(slots, x.shape[1], capacity, x.shape[3]) for x in read)
            self._mine.append(SlotLayer(self.places, keys, values))
        self._write_prefix(slice(None))
        super().__init__(layers=[*self._mine])

    def place(self, slots: Int[Tensor, " row"], read: DynamicCache, rows: Int[Tensor, " row"], *, first: int) -> None:
        """Copy what was read of prompts, from the column `first` on, to slots.

        Args:
            slots: Where to.
            read: What was read of prompts.
            rows: Which prompt goes to each slot.
            first: The length of the prefix, which is there already; 0 for prompts that do not go on from it.
        """
        if self._prefix and not first:
            self._mixed = True
        elif self._mixed:
            self._write_prefix(slots)
        for mine, (keys, values) in zip(self._mine, layers_of(read), strict=True):
            end = keys.shape[2]
            mine.keys[slots, :, first:end] = keys[rows, :, first:]
            mine.values[slots, :, first:end] = values[rows, :, first:]

    def move(self, to: Int[Tensor, " row"], come: Int[Tensor, " row"], *, first: int, end: int) -> None:
        """Move rows to other slots; only the columns before `end` count, those of the prefix, before `first`, apart."""
        first = 0 if self._mixed else first
        for layer in self._mine:
            layer.keys[to, :, first:end] = layer.keys[come, :, first:end]
            layer.values[to, :, first:end] = layer.values[come, :, first:end]

    def resize(self, slots: int, columns: int, *, rows: int, end: int) -> None:
        """Make room for so many rows of so many columns.

        Args:
            slots: How many rows there can be from now on.
            columns: And how many columns.
            rows: How many rows there are, which stay as they are,
            end: and one past the last column that any of them has written.
        """
        for layer in self._mine:
            layer.resize(slots, columns, rows=rows, end=end)
        self._write_prefix(slice(rows, None))

    def _write_prefix(self, slots: slice | Int[Tensor, " row"]) -> None:
        for layer, (keys, values) in zip(self._mine, self._prefix, strict=False):  # an empty prefix has no layers
            layer.keys[slots, :, : keys.shape[2]] = keys
            layer.values[slots, :, : values.shape[2]] = values


def layers_of(cache: DynamicCache) -> Iterator[tuple[Tensor, Tensor]]:
    """Each layer's keys and values."""
    for layer in cache.layers:
        if not isinstance(layer, CacheLayerMixin) or layer.keys is None or layer.values is None:
            raise ModelError(f"{type(layer).__name__} keeps no keys and values, which cannot be batched here")
        yield layer.keys, layer.values
