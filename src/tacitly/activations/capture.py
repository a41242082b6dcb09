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
    """

    sites: ModelSites
    names: Sequence[str]
    _pick: Callable[[str, int, Tensor], None] | None = field(default=None, init=False)

    @contextmanager
    def attached(self) -> Iterator["Recorder"]:
        """Attach to the model for the length of a block."""
        hooks = [
            self._hook(site, row, tap)
            for site in self.names
            for row, (_, tap) in enumerate(sorted(self.sites.of(site).items()))
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
        """The layer numbers of a site's rows."""
        return tuple(sorted(self.sites.of(site)))

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
    """The states of a batch of growing answers: one column per forward step.

    Args:
        recorder: What is read.
        rows: Number of answers.
        columns: The most tokens that one answer can have, with the last prompt token and the end token.
    """

    def __init__(self, recorder: Recorder, *, rows: int, columns: int) -> None:
        self._states = {
            site: torch.zeros(rows, len(recorder.layers(site)), columns, recorder.width(site))
            for site in recorder.names
        }

    def picker(self, active: Tensor, column: int, *, source: Tensor) -> Callable[[str, int, Tensor], None]:
        """Store the last token of each row of a forward in `column` of the rows `active`.

        Args:
            active: Which answers are still growing.
            column: Which of their tokens the forward feeds.
            source: The row of the forward that each of them reads (equal prompts share one).
        """
        rows = int(source.max()) + 1

        def pick(site: str, row: int, states: Tensor) -> None:
            last = states.reshape(rows, -1, states.shape[-1])[:, -1].to("cpu", torch.float32)
            self._states[site][active, row, column] = last[source]

        return pick

    def take(self, row: int, columns: int) -> TokenStates:
        """The first `columns` tokens of one answer, by site: `[layer, token, width]`."""
        return {site: states[row, :, :columns].numpy() for site, states in self._states.items()}


class PassStates:
    """The states of chosen tokens of a batch that one forward pass reads whole.

    Args:
        recorder: What is read.
        indices: Which tokens of each row.
    """

    def __init__(self, recorder: Recorder, indices: Sequence[Sequence[int]]) -> None:
        self._indices = [torch.tensor(list(one), dtype=torch.long) for one in indices]
        self._states: list[dict[str, list[Tensor]]] = [{site: [] for site in recorder.names} for _ in indices]

    def pick(self, site: str, row: int, states: Tensor) -> None:  # noqa: ARG002 -- layers come in their order
        """Keep one site's states of one layer."""
        texts = states.reshape(len(self._indices), -1, states.shape[-1])
        for kept, index, text in zip(self._states, self._indices, texts, strict=True):
            kept[site].append(text[index.to(text.device)].to("cpu", torch.float32))

    def take(self, row: int) -> TokenStates:
        """The states of one row by site: `[layer, index, width]`."""
        return {site: torch.stack(layers).numpy() for site, layers in self._states[row].items()}


def bytes_per_row(recorder: Recorder, columns: int) -> int:
    """Memory that one answer's states take in a `StepBuffer`."""
    return sum(len(recorder.layers(site)) * columns * recorder.width(site) * 4 for site in recorder.names)
