"""Read a model's states during a forward pass."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from tacitly.models.sites import ModelSites, Tap, input_of, vectors_of

TokenStates = Mapping[str, Float[np.ndarray, "layer _token _width"]]


@dataclass(slots=True)
class Recorder:
    """Keeps the states of chosen tokens while a model runs.

    Attributes:
        sites: Where to read.
        names: The sites wanted.
        only: The layers wanted; None for all.
    """

    sites: ModelSites
    names: Sequence[str]
    only: Sequence[int] | None = None
    _pick: Callable[[str, int, Tensor], None] | None = field(default=None, init=False)

    @contextmanager
    def attached(self) -> Iterator["Recorder"]:
        """Attach to the model for the length of a block."""
        hooks = [
            self._hook(site, row, self.sites.of(site)[layer])
            for site in self.names
            for row, layer in enumerate(self.layers(site))
        ]
        try:
            yield self
        finally:
            for hook in hooks:
                hook.remove()

    @contextmanager
    def picking(self, pick: Callable[[str, int, Tensor], None]) -> Iterator[None]:
        """Hand every site's states `[batch, token, width]` (or `[batch * token, width]`) of a forward to `pick`.

        Args:
            pick: Called with the site, the layer's row (0 is the site's first layer), and the states.
        """
        self._pick = pick
        try:
            yield
        finally:
            self._pick = None

    def layers(self, site: str) -> tuple[int, ...]:
        """The layer numbers of a site's rows.

        Raises:
            CaptureError: If the model does not have the site.
        """
        return tuple(layer for layer in sorted(self.sites.of(site)) if self.only is None or layer in self.only)

    @property
    def taps(self) -> int:
        """How many times a pass is read."""
        return sum(len(self.layers(site)) for site in self.names)

    def width(self, site: str) -> int:
        """The width of a site's vectors."""
        return self.sites.widths[site]

    def _hook(self, site: str, row: int, tap: Tap) -> Any:
        def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if self._pick is not None:
                self._pick(site, row, input_of(args, kwargs))

        def after(_: nn.Module, args: tuple[Any, ...], output: Any) -> None:  # noqa: ARG001
            if self._pick is not None:
                self._pick(site, row, vectors_of(output))

        if tap.side == "input":
            return tap.module.register_forward_pre_hook(before, with_kwargs=True)
        return tap.module.register_forward_hook(after)


class StepBuffer:
    """The states of growing answers, where the model is: one column per token.

    Args:
        recorder: What is read.
        rows: Number of answers.
        columns: The most tokens that one answer can have, with the last prompt token and the end token.
    """

    def __init__(self, recorder: Recorder, *, rows: int, columns: int) -> None:
        self._recorder, self._rows, self._columns = recorder, rows, columns
        self._states: dict[str, Tensor] = {}

    def _of(self, site: str, like: Tensor) -> Tensor:
        """A site's states, on the device and in the precision of what is read."""
        if site not in self._states:
            shape = (self._rows, len(self._recorder.layers(site)), self._columns, self._recorder.width(site))
            self._states[site] = like.new_zeros(shape)
        return self._states[site]

    def picker(self, rows: Tensor, columns: Tensor) -> Callable[[str, int, Tensor], None]:
        """Store the last token of each row of a pass.

        Args:
            rows: Which answer each row of the pass belongs to.
            columns: Which of its tokens the pass reads.
        """
        bases: dict[int, Tensor] = {}  # by number of layers: where each row's vectors begin

        def pick(site: str, row: int, states: Tensor) -> None:
            last = states.reshape(len(rows), -1, states.shape[-1])[:, -1]
            kept = self._of(site, last)
            layers = kept.shape[1]
            if layers not in bases:
                bases[layers] = rows * layers * self._columns + columns
            kept.view(-1, kept.shape[-1]).index_copy_(0, bases[layers] + row * self._columns, last)

        return pick

    def copy(self, other: "StepBuffer", rows: Tensor, to: Tensor) -> None:
        """Copy the first column of another buffer's rows to these rows."""
        for site, states in other._states.items():
            self._of(site, states)[to, :, 0] = states[rows, :, 0]

    def at(self, site: str, rows: Tensor, columns: Tensor) -> Float[Tensor, "row layer width"]:
        """The states of one token of each of these rows."""
        return self._states[site][rows, :, columns]

    def resize(self, rows: int, columns: int, *, kept: int) -> None:
        """Make room for so many answers of so many tokens; the first ones stay as they are."""
        end = min(columns, self._columns)
        self._rows, self._columns = rows, columns
        old, self._states = self._states, {}
        for site, states in old.items():
            self._of(site, states)[:kept, :, :end] = states[:kept, :, :end]

    def move(self, to: Tensor, come: Tensor) -> None:
        """Move answers to other rows."""
        for states in self._states.values():
            states[to] = states[come]

    def take(self, row: int, columns: int) -> TokenStates:
        """A copy of the first `columns` tokens of one answer, by site: `[layer, token, width]`.

        On an accelerator it is under way when this returns, and there once the device has been waited for.
        """
        taken = {}
        for site, states in self._states.items():
            some = states[row, :, :columns]
            copy = torch.empty(some.shape, dtype=torch.float32, pin_memory=some.is_cuda)
            taken[site] = copy.copy_(some, non_blocking=some.is_cuda).numpy()
        return taken


class EnoughRead(Exception):  # noqa: N818 -- not an error
    """All that was wanted of a pass is read; the rest of the model can be left out."""


class PassStates:
    """The states of chosen tokens of a batch that one forward pass reads whole.

    Args:
        recorder: What is read.
        indices: Which tokens of each row.
        stops: Raise `EnoughRead` once everything is read.
    """

    def __init__(self, recorder: Recorder, indices: Sequence[Sequence[int]], *, stops: bool = False) -> None:
        self._layers = {site: len(recorder.layers(site)) for site in recorder.names}
        self._left = recorder.taps if stops else -1
        counts = torch.tensor([len(one) for one in indices], dtype=torch.long)
        self._batch = len(indices)
        self._ends = counts.cumsum(0).tolist()
        self._rows = torch.arange(len(indices)).repeat_interleave(counts)
        self._columns = torch.tensor([i for one in indices for i in one], dtype=torch.long)
        self._states: dict[str, Tensor] = {}
        self._arrays: dict[str, Float[np.ndarray, "layer token width"]] = {}

    def pick(self, site: str, row: int, states: Tensor) -> None:
        """Keep one site's states of one layer."""
        texts = states.reshape(self._batch, -1, states.shape[-1])
        if site not in self._states:
            self._rows, self._columns = self._rows.to(states.device), self._columns.to(states.device)
            self._states[site] = texts.new_empty(self._layers[site], len(self._rows), texts.shape[-1])
        self._states[site][row] = texts[self._rows, self._columns]
        self._left -= 1
        if self._left == 0:
            raise EnoughRead

    def take(self, row: int) -> TokenStates:
        """The states of one row by site: `[layer, index, width]`."""
        if not self._arrays:
            self._arrays = {site: states.to("cpu", torch.float32).numpy() for site, states in self._states.items()}
        start = self._ends[row - 1] if row else 0
        return {site: states[:, start : self._ends[row]] for site, states in self._arrays.items()}


def bytes_per_row(recorder: Recorder, columns: int) -> int:
    """Memory that one answer's states take in a `StepBuffer`."""
    return sum(len(recorder.layers(site)) * columns * recorder.width(site) * 4 for site in recorder.names)
