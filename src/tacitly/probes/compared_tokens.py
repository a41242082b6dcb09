"""Readings of the exact answer's states beside those of the question: two tokens, their difference, their agreement."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from tacitly.activations.base import StateTable
from tacitly.errors import UndefinedMetricError
from tacitly.probes.cell import Cell
from tacitly.probes.readings import Features, Material, Place, layer_of

QUESTION = "last_q_token"
FIRST, LAST = "exact_answer_first_token", "exact_answer_last_token"
_DEPTHS = (0.4, 0.8)  # below, a state is mostly its token; above, mostly the next one
_AGREEING = (
    QUESTION,
    "first_answer_token",
    "exact_answer_before_first_token",
    FIRST,
    LAST,
    "exact_answer_after_last_token",
    "-1",
)
_MOSTLY = 0.95


def answer_places(states: StateTable, *, positions: tuple[str, ...], layers: int) -> tuple[Place, ...]:
    """Places in the middle of the residual stream, evenly spaced over its depth.

    Args:
        states: What was captured.
        positions: The positions to read; those that were not captured are left out.
        layers: How many layers.

    Returns:
        One place per layer and position.

    Raises:
        UndefinedMetricError: None of them was captured.

    Example:
        >>> from tacitly.activations.base import ArrayStateTable
        >>> table = ArrayStateTable({("residual", i): np.zeros((1, 1, 2)) for i in range(11)}, positions=("-1",))
        >>> [place.layer for place in answer_places(table, positions=("-1",), layers=3)]
        [4, 6, 8]
    """
    kept = [layer for layer in states.layers("residual") if layer] if "residual" in states.sites else []
    here = [position for position in positions if position in states.positions]
    if not kept or not here:
        raise UndefinedMetricError(f"the residual stream at {' or '.join(positions)} was not captured")
    wanted = np.linspace(*_DEPTHS, layers) * max(kept)
    chosen = dict.fromkeys(min(kept, key=lambda layer: (abs(layer - goal), layer)) for goal in wanted)
    return tuple(Place("residual", layer, position) for layer in chosen for position in here)


def _require(states: StateTable, *positions: str) -> None:
    for position in positions:
        if position not in states.positions:
            raise UndefinedMetricError(f"the position {position} was not captured")


@dataclass(frozen=True, slots=True)
class AnswerToken:
    """The state of the exact answer's first or last token at one of several layers: `[answer, width]`."""

    words: str = "the exact answer's first or last token, at one of several layers"
    layers: int = 4

    def places(self, material: Material, cell: Cell) -> tuple[Place, ...]:  # noqa: ARG002
        """Several layers at both ends of the exact answer."""
        return answer_places(material.states, positions=(FIRST, LAST), layers=self.layers)

    def read(self, material: Material, place: Place) -> Features:
        """The states of the place."""
        states = material.states
        return Features(states.states(place.site, layer_of(place), place.position), states.present(place.position))


@dataclass(frozen=True, slots=True)
class TwoTokens:
    """The last question token and the exact answer at one layer: side by side, or the answer minus the question.

    The question's token, just before the answer, is where the model has made up its mind; the difference is what
    reading its own answer has changed.
    """

    how: Literal["both", "difference"]
    layers: int = 4

    @property
    def words(self) -> str:
        """What is read."""
        if self.how == "both":
            return "the last question token and the exact answer's last token, at one of several layers"
        return "the exact answer's first or last token minus the last question token, at one of several layers"

    def places(self, material: Material, cell: Cell) -> tuple[Place, ...]:  # noqa: ARG002
        """Several layers; the exact answer's last token, and for the difference its first one too."""
        _require(material.states, QUESTION)
        positions = (LAST,) if self.how == "both" else (FIRST, LAST)
        return answer_places(material.states, positions=positions, layers=self.layers)

    def read(self, material: Material, place: Place) -> Features:
        """The two states joined, or their difference."""
        states = material.states
        layer = layer_of(place)
        asked = states.states(place.site, layer, QUESTION)
        answered = states.states(place.site, layer, place.position)
        values = np.concatenate([asked, answered], axis=1) if self.how == "both" else answered - asked
        return Features(values, states.present(QUESTION) & states.present(place.position))


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the states of an answer agree with each other, and with the token that was said; no direction of them.

    Per layer of the residual stream: the cosine of each position's state with the embedding of the exact answer's
    first token (where input and output embeddings are tied, this is the logit lens: how near the model is to saying
    it), the cosine of each position's state with that of the last question token, and the length of the state of the
    exact answer's last token. A few numbers a layer, none of which names an answer, so that there is little to learn
    about which answers are mostly right.

    Reference:
        The logit lens: nostalgebraist (2020).
    """

    words: str = "cosines between the states of the question, of the answer and of the token said, at every layer"

    def places(self, material: Material, cell: Cell) -> tuple[Place, ...]:  # noqa: ARG002
        """The one place: every layer of the residual stream."""
        states = material.states
        _require(states, QUESTION, FIRST, LAST)
        if "residual" not in states.sites or 0 not in states.layers("residual"):
            raise UndefinedMetricError("layer 0 of the residual stream was not captured")
        return (Place("residual", None, LAST),)

    def read(self, material: Material, place: Place) -> Features:
        """`[answer, number]`, of the positions that nearly all located answers have."""
        states = material.states
        located = states.present(LAST)
        positions = [
            position
            for position in _AGREEING
            if position in states.positions and states.present(position)[located].mean() >= _MOSTLY
        ]
        present = np.logical_and.reduce([states.present(position) for position in positions])
        said = _directions(states.states(place.site, 0, FIRST))
        columns = []
        for layer in states.layers(place.site):
            if not layer:
                continue
            values = states.layer_states(place.site, layer)
            at = {position: values[:, states.positions.index(position)] for position in positions}
            pointing = {position: _directions(state) for position, state in at.items()}
            columns += [(pointing[position] * said).sum(axis=1) for position in positions]
            columns += [(pointing[position] * pointing[QUESTION]).sum(axis=1) for position in positions[1:]]
            columns.append(np.linalg.norm(at[LAST], axis=1))
        return Features(np.stack(columns, axis=1), present)


def _directions(states: Float[np.ndarray, "answer width"]) -> Float[np.ndarray, "answer width"]:
    lengths = np.linalg.norm(states, axis=1, keepdims=True)
    directions: Float[np.ndarray, "answer width"] = np.zeros_like(states)
    np.divide(states, lengths, out=directions, where=lengths > 0)
    return directions
