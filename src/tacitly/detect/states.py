"""The states that scores are read from: one teacher-forced pass per answer, no longer and no deeper than needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tacitly.activations.capture import TokenStates
from tacitly.detect.preparing import PreparedAnswer
from tacitly.engines.base import Reading
from tacitly.engines.torch_engine import TorchEngine

Cell = tuple[str, int]
"""A site and a layer."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read of an answer.

    Attributes:
        answer: The answer.
        cells: Where.
        indices: Which of its captured tokens (`tacitly.activations.positions`), in order, at least one.
    """

    answer: PreparedAnswer
    cells: frozenset[Cell]
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AnswerStates:
    """What was read of an answer.

    Attributes:
        states: By site: layers, tokens, width.
        layers: The layers of each site.
        indices: The captured tokens.
    """

    states: TokenStates
    layers: Mapping[str, Sequence[int]]
    indices: tuple[int, ...]

    def at(self, site: str, layer: int, indices: Sequence[int]) -> Float[np.ndarray, "token width"]:
        """The states of some captured tokens in one cell."""
        places = {index: column for column, index in enumerate(self.indices)}
        columns = [places[index] for index in indices]
        found: Float[np.ndarray, "token width"] = self.states[site][self.layers[site].index(layer), columns]
        return found


def read_wanted(engine: TorchEngine, wanted: Mapping[int, Wanted], *, batch_size: int) -> dict[int, AnswerStates]:
    """Read what is wanted; a text ends with the last token that is read, a pass with the deepest layer.

    Args:
        engine: Reads.
        wanted: What of each answer, by any numbers.
        batch_size: The most answers in one pass.

    Returns:
        What was read, by the same numbers.
    """
    groups: dict[frozenset[Cell], dict[int, Wanted]] = {}
    for number, one in wanted.items():
        groups.setdefault(one.cells, {})[number] = one
    found: dict[int, AnswerStates] = {}
    for cells, members in groups.items():
        sites, layers = sorted({site for site, _ in cells}), sorted({layer for _, layer in cells})
        known = engine.language_model.sites
        rows = {site: [layer for layer in sorted(known.of(site)) if layer in layers] for site in sites}
        readings = [_reading(number, one) for number, one in members.items()]
        for batch in engine.read_states(readings, sites=sites, layers=layers, batch_size=batch_size):
            for key, states in batch:
                found[int(key)] = AnswerStates(states, rows, members[int(key)].indices)
    return found


def _reading(number: int, one: Wanted) -> Reading:
    ids = one.answer.up_to(one.indices[-1])
    before = len(one.answer.prompt_ids) - 1
    return Reading(key=str(number), token_ids=ids, indices=tuple(before + index for index in one.indices))
