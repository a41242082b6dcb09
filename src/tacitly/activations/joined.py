"""The states of several runs as one table, one run after the other."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from tacitly.activations.base import StateTable


class JoinedStates:
    """The answers of several tables in one, in the order of the tables. Implements `StateTable`.

    Args:
        parts: Tables of the same sites, layers and width.
        positions: The positions to read, which all of them have; by default those of the first.

    Example:
        >>> from tacitly.activations.base import ArrayStateTable
        >>> one = ArrayStateTable({("residual", 0): np.zeros((3, 1, 4), np.float32)}, positions=("-1",))
        >>> JoinedStates([one, one]).states("residual", 0, "-1").shape
        (6, 4)
    """

    def __init__(self, parts: Sequence[StateTable], *, positions: Sequence[str] | None = None) -> None:
        self._parts = list(parts)
        self.sites = self._parts[0].sites
        self.positions = self._parts[0].positions if positions is None else tuple(positions)

    def only(self, positions: Sequence[str]) -> "JoinedStates":
        """The same answers at some of the positions."""
        return JoinedStates(self._parts, positions=positions)

    def layers(self, site: str) -> tuple[int, ...]:
        """The layers of a site."""
        return self._parts[0].layers(site)

    def present(self, position: str) -> Bool[np.ndarray, " answer"]:
        """Which answers have a position."""
        found: Bool[np.ndarray, " answer"] = np.concatenate([part.present(position) for part in self._parts])
        return found

    def states(self, site: str, layer: int, position: str) -> Float[np.ndarray, "answer width"]:
        """The states of one cell."""
        values: Float[np.ndarray, "answer width"] = np.concatenate(
            [part.states(site, layer, position) for part in self._parts]
        )
        return values

    def layer_states(self, site: str, layer: int) -> Float[np.ndarray, "answer position width"]:
        """The states of one layer at all positions."""
        values: Float[np.ndarray, "answer position width"] = np.concatenate(
            [
                part.layer_states(site, layer)[:, [part.positions.index(name) for name in self.positions]]
                for part in self._parts
            ]
        )
        return values

    def token_layers(self, site: str) -> tuple[int, ...]:
        """The layers of a site of which every part has all answer tokens."""
        first, *others = self._parts
        return tuple(layer for layer in first.token_layers(site) if all(layer in p.token_layers(site) for p in others))

    def token_states(self, site: str, layer: int) -> list[Float[np.ndarray, "_token width"]]:
        """The states of every token of each answer."""
        return [tokens for part in self._parts for tokens in part.token_states(site, layer)]
