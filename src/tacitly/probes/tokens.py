"""Answers of different lengths as one array of tokens."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from tacitly.probes.binary import Standard


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of several answers, one after the other.

    Attributes:
        states: Those of all answers, in float32.
        starts: Where each answer begins.
        lengths: How many tokens each has, at least one.
    """

    states: Float[np.ndarray, "token width"]
    starts: Int[np.ndarray, " row"]
    lengths: Int[np.ndarray, " row"]

    @classmethod
    def of(cls, answers: Any) -> "Tokens":
        """Join answers, each `[token, width]`.

        Raises:
            ValueError: There is none, one has no token, widths differ, or a state is not finite.

        Example:
            >>> Tokens.of([np.zeros((2, 4)), np.ones((1, 4))]).starts.tolist()
            [0, 2]
        """
        parts = [np.asarray(answer, dtype=np.float32) for answer in answers]
        shapes = {part.shape[1:] for part in parts}
        if len(shapes) != 1 or len(next(iter(shapes))) != 1 or any(not len(part) for part in parts):
            raise ValueError("X must hold one array [token, width] per answer, of one width, with at least one token")
        lengths = np.array([len(part) for part in parts])
        states = np.concatenate(parts)
        if not np.isfinite(states).all():
            raise ValueError("X holds NaN or infinity")
        return cls(states, np.cumsum(lengths) - lengths, lengths)

    def standardised(self, standard: Standard) -> "Tokens":
        """The same tokens at mean 0 and spread 1."""
        return replace(self, states=standard.apply(self.states).astype(np.float32))

    def padded(
        self, rows: Int[np.ndarray, " chosen"]
    ) -> tuple[Int[np.ndarray, " token"], Int[np.ndarray, " token"], Int[np.ndarray, " token"]]:
        """Which tokens some answers have, and where each goes in a table of one line per answer.

        Args:
            rows: The answers, by number.

        Returns:
            The number of each token, its line, and its place in the line; other places of the table are padding.

        Example:
            >>> tokens = Tokens.of([np.zeros((2, 4)), np.ones((1, 4))])
            >>> [found.tolist() for found in tokens.padded(np.array([1, 0]))]
            [[2, 0, 1], [0, 1, 1], [0, 0, 1]]
        """
        lengths = self.lengths[rows]
        lines = np.repeat(np.arange(len(rows)), lengths)
        places = np.arange(len(lines)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return np.repeat(self.starts[rows], lengths) + places, lines, places
