"""What probes read: the states of answers at named positions, at all their tokens, or after a verdict on them."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float


@runtime_checkable
class StateTable(Protocol):
    """States of the answers that it was opened for, in their order."""

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites captured."""

    @property
    def positions(self) -> tuple[str, ...]:
        """The token positions captured."""

    def layers(self, site: str) -> tuple[int, ...]:
        """The layers of a site; 0 is the embedding output, which only `residual` has."""

    def present(self, position: str) -> Bool[np.ndarray, " answer"]:
        """Which answers have a position."""

    def states(self, site: str, layer: int, position: str) -> Float[np.ndarray, "answer width"]:
        """The states of one cell in float32; zeros where an answer does not have the position."""

    def layer_states(self, site: str, layer: int) -> Float[np.ndarray, "answer position width"]:
        """The states of one layer at all positions, read once."""

    def token_layers(self, site: str) -> tuple[int, ...]:
        """The layers of a site of which every answer token was kept; mostly none."""

    def token_states(self, site: str, layer: int) -> list[Float[np.ndarray, "_token width"]]:
        """The states of every token of each answer, at such a layer."""


@runtime_checkable
class ContrastTable(Protocol):
    """States of the same answers after each was said to be true, and after it was said to be false."""

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers of the residual stream that were kept."""

    @property
    def present(self) -> Bool[np.ndarray, " answer"]:
        """Which answers have a pair."""

    def layer_states(self, layer: int) -> Float[np.ndarray, "answer 2 width"]:
        """The states after "true" and after "false", in this order; zeros where an answer has no pair."""


class ArrayStateTable:
    """A fake that holds its states in memory.

    Args:
        values: The states by site and layer, each `[answers, positions, width]`.
        positions: The names of the positions.
        present: Which answers have which position; all of them by default.
        tokens: The states of every token of each answer, by site and layer; none by default.

    Example:
        >>> table = ArrayStateTable({("residual", 0): np.zeros((3, 1, 4), np.float32)}, positions=("-1",))
        >>> table.layers("residual"), table.states("residual", 0, "-1").shape
        ((0,), (3, 4))
    """

    def __init__(
        self,
        values: Mapping[tuple[str, int], Float[np.ndarray, "answer position _width"]],
        *,
        positions: tuple[str, ...],
        present: Bool[np.ndarray, "answer position"] | None = None,
        tokens: Mapping[tuple[str, int], Sequence[Float[np.ndarray, "_token _width"]]] | None = None,
    ) -> None:
        self._values = dict(values)
        self._tokens = dict(tokens or {})
        self._present = present
        self.positions = positions
        self.sites = tuple(dict.fromkeys(site for site, _ in self._values))

    def layers(self, site: str) -> tuple[int, ...]:
        """The layers of a site, in order."""
        return tuple(sorted(layer for name, layer in self._values if name == site))

    def present(self, position: str) -> Bool[np.ndarray, " answer"]:
        """Which answers have a position."""
        if self._present is None:
            return np.ones(len(next(iter(self._values.values()))), dtype=bool)
        found: Bool[np.ndarray, " answer"] = self._present[:, self.positions.index(position)]
        return found

    def states(self, site: str, layer: int, position: str) -> Float[np.ndarray, "answer width"]:
        """The states of one cell."""
        return self.layer_states(site, layer)[:, self.positions.index(position)]

    def layer_states(self, site: str, layer: int) -> Float[np.ndarray, "answer position width"]:
        """The states of one layer."""
        values: Float[np.ndarray, "answer position width"] = self._values[site, layer].astype(np.float32)
        return values

    def token_layers(self, site: str) -> tuple[int, ...]:
        """The layers of a site of which every answer token is there."""
        return tuple(sorted(layer for name, layer in self._tokens if name == site))

    def token_states(self, site: str, layer: int) -> list[Float[np.ndarray, "_token width"]]:
        """The states of every token of each answer."""
        return [tokens.astype(np.float32) for tokens in self._tokens[site, layer]]


class ArrayContrastTable:
    """A fake that holds its pairs in memory.

    Args:
        values: The pairs by layer, each `[answers, 2, width]`: after "true" and after "false".
        present: Which answers have one; all of them by default.

    Example:
        >>> ArrayContrastTable({3: np.zeros((5, 2, 4), np.float32)}).layer_states(3).shape
        (5, 2, 4)
    """

    def __init__(
        self,
        values: Mapping[int, Float[np.ndarray, "answer 2 _width"]],
        *,
        present: Bool[np.ndarray, " answer"] | None = None,
    ) -> None:
        self._values = dict(values)
        self.layers = tuple(sorted(self._values))
        all_of_them = np.ones(len(next(iter(self._values.values()))), dtype=bool)
        self.present: Bool[np.ndarray, " answer"] = all_of_them if present is None else present

    def layer_states(self, layer: int) -> Float[np.ndarray, "answer 2 width"]:
        """The pairs of one layer."""
        values: Float[np.ndarray, "answer 2 width"] = self._values[layer].astype(np.float32)
        return values


class SomePositions:
    """The same states at some of their positions only.

    Args:
        states: The states.
        positions: Which positions; each must be among theirs.

    Example:
        >>> table = ArrayStateTable({("residual", 0): np.zeros((3, 2, 4), np.float32)}, positions=("-2", "-1"))
        >>> SomePositions(table, ["-1"]).layer_states("residual", 0).shape
        (3, 1, 4)
    """

    def __init__(self, states: StateTable, positions: Sequence[str]) -> None:
        self._states = states
        self._places = [states.positions.index(position) for position in positions]
        self.positions = tuple(positions)
        self.sites = states.sites

    def layers(self, site: str) -> tuple[int, ...]:
        """The layers of a site."""
        return self._states.layers(site)

    def present(self, position: str) -> Bool[np.ndarray, " answer"]:
        """Which answers have a position."""
        return self._states.present(position)

    def states(self, site: str, layer: int, position: str) -> Float[np.ndarray, "answer width"]:
        """The states of one cell."""
        return self._states.states(site, layer, position)

    def layer_states(self, site: str, layer: int) -> Float[np.ndarray, "answer position width"]:
        """The states of one layer at these positions."""
        chosen: Float[np.ndarray, "answer position width"] = self._states.layer_states(site, layer)[:, self._places]
        return chosen

    def token_layers(self, site: str) -> tuple[int, ...]:
        """The layers of a site of which every answer token is there."""
        return self._states.token_layers(site)

    def token_states(self, site: str, layer: int) -> list[Float[np.ndarray, "_token width"]]:
        """The states of every token of each answer."""
        return self._states.token_states(site, layer)
