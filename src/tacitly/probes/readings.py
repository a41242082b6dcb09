"""What a family of probes reads of each answer: one cell, every layer, every token, or a pair of contrasting states."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Shaped

from tacitly.activations.base import ContrastTable, StateTable
from tacitly.errors import UndefinedMetricError
from tacitly.probes.cell import Cell

EVERY_TOKEN = "every answer token"  # noqa: S105
CONTRAST_ORDER = ("exact_answer", "answer")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is read.

    Attributes:
        site: The site.
        layer: The layer; None for every one of them.
        position: A token position, or what stands for one.
    """

    site: str
    layer: int | None
    position: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """All that there is to read of a study's answers; it knows no label and no fold.

    Attributes:
        states: Their states.
        contrast: Their states after a verdict on them, by what the verdict was on: `exact_answer` or `answer`; empty
            where the model was not asked.
        columns: Other things known of each answer, by name: `given` (the exact answer in its canonical form),
            `entity`, and the token probabilities that every answer has.
        memory: What a reading that costs much keeps for the next time, by the reading and its place.
    """

    states: StateTable
    contrast: Mapping[str, ContrastTable] = field(default_factory=dict)
    columns: Mapping[str, Shaped[np.ndarray, " answer"]] = field(default_factory=dict)
    memory: "dict[tuple[Reading, Place], Features]" = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Features:
    """What was read.

    Attributes:
        values: One entry per answer along the first axis.
        present: Which answers have it; the values of the others mean nothing.
    """

    values: Shaped[np.ndarray, "answer ..."]
    present: Bool[np.ndarray, " answer"]


class Reading(Protocol):
    """Reads the same of every answer, whatever their labels and folds: what depends on those is learned in `fit`.

    A frozen value, so that two families that read alike share what was read.
    """

    @property
    def words(self) -> str:
        """What is read, for a reader of the report."""

    def places(self, material: Material, cell: Cell) -> tuple[Place, ...]:
        """Where it may be read; of several places, the inner folds choose.

        Args:
            material: What there is.
            cell: The cell that the reference probe chose in the same training part.

        Raises:
            UndefinedMetricError: It was not captured.
        """

    def read(self, material: Material, place: Place) -> Features:
        """Read it at a place, for all answers."""


@dataclass(frozen=True, slots=True)
class OneCell:
    """The state of one token at one layer: `[answer, width]`."""

    words: str = "the probe's cell"

    def places(self, material: Material, cell: Cell) -> tuple[Place, ...]:  # noqa: ARG002
        """The reference probe's cell."""
        return (Place(cell.site, cell.layer, cell.position),)

    def read(self, material: Material, place: Place) -> Features:
        """The states of the cell."""
        return Features(
            material.states.states(place.site, layer_of(place), place.position), material.states.present(place.position)
        )


ONE_CELL = OneCell()


@dataclass(frozen=True, slots=True)
class EveryLayer:
    """The states of one token at every layer of a site: `[answer, layer, width]`."""

    words: str = "the probe's token, at every layer"

    def places(self, material: Material, cell: Cell) -> tuple[Place, ...]:  # noqa: ARG002
        """The reference probe's site and position."""
        return (Place(cell.site, None, cell.position),)

    def read(self, material: Material, place: Place) -> Features:
        """The states of each layer, lowest first."""
        states = material.states
        layers = [states.states(place.site, layer, place.position) for layer in states.layers(place.site)]
        return Features(np.stack(layers, axis=1), states.present(place.position))


@dataclass(frozen=True, slots=True)
class EveryToken:
    """The states of every answer token at one layer: an array of `[token, width]` arrays."""

    words: str = "every answer token, at one layer"

    def places(self, material: Material, cell: Cell) -> tuple[Place, ...]:  # noqa: ARG002
        """Every layer of which all answer tokens were kept."""
        states = material.states
        found = [Place(site, layer, EVERY_TOKEN) for site in states.sites for layer in states.token_layers(site)]
        if not found:
            raise UndefinedMetricError(
                "the states of all answer tokens were not kept (capture.token_layers names layers)"
            )
        return tuple(found)

    def read(self, material: Material, place: Place) -> Features:
        """The states of each answer's tokens."""
        tokens = material.states.token_states(place.site, layer_of(place))
        values = np.empty(len(tokens), dtype=object)
        values[:] = tokens
        return Features(values, np.array([len(states) > 0 for states in tokens], dtype=bool))


@dataclass(frozen=True, slots=True)
class ContrastPair:
    """The states after the answer was called true and after it was called false: `[answer, 2, width]`."""

    words: str = "states after “true” and after “false”"

    def places(self, material: Material, cell: Cell) -> tuple[Place, ...]:
        """The layer of the reference probe's cell, or the nearest one that was kept, of exact answers if there are."""
        for asked in CONTRAST_ORDER:
            layers = material.contrast[asked].layers if asked in material.contrast else ()
            if layers:
                layer = min(layers, key=lambda kept: (abs(kept - cell.layer), kept))
                return (Place("residual", layer, f"verdict on {asked}"),)
        raise UndefinedMetricError("the model was not asked about its answers (self_evaluation.of names what)")

    def read(self, material: Material, place: Place) -> Features:
        """The pairs of the layer."""
        table = material.contrast[place.position.removeprefix("verdict on ")]
        return Features(table.layer_states(layer_of(place)), table.present)


def layer_of(place: Place) -> int:
    """The layer of a place that has one.

    Raises:
        ValueError: It stands for every layer.
    """
    if place.layer is None:
        raise ValueError(f"{place} names no layer")
    return place.layer
