"""Readings made of others: several side by side, token probabilities, and states minus those of the same answer."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from tacitly.errors import UndefinedMetricError
from tacitly.probes.cell import Cell
from tacitly.probes.readings import Features, Material, Place, Reading

ANSWER_GIVEN = "given"
_PROBABILITIES = ("probability_", "logit_", "perplexity_", "entropy_")
_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class Joined:
    """A reading with others beside it: `[answer, sum of widths]`. The first one has the places; the others one each."""

    main: Reading
    beside: tuple[Reading, ...]

    @property
    def words(self) -> str:
        """What is read."""
        return "; ".join(reading.words for reading in (self.main, *self.beside))

    def places(self, material: Material, cell: Cell) -> tuple[Place, ...]:
        """The places of the first reading."""
        for reading in self.beside:
            reading.places(material, cell)
        return self.main.places(material, cell)

    def read(self, material: Material, place: Place) -> Features:
        """Everything side by side, of the answers that have all of it."""
        cell = Cell(place.site, place.layer or 0, place.position)
        found = [self.main.read(material, place)]
        for reading in self.beside:
            key = (reading, reading.places(material, cell)[0])
            if key not in material.memory:
                material.memory[key] = reading.read(material, key[1])
            found.append(material.memory[key])
        values = np.concatenate([features.values for features in found], axis=1)  # noqa: PD011
        return Features(values, np.logical_and.reduce([features.present for features in found]))


@dataclass(frozen=True, slots=True)
class Probabilities:
    """What the token-probability baselines say of each answer: `[answer, number]`.

    Probabilities have their logarithms beside them, and perplexities are replaced by theirs: a linear probe cannot
    take logarithms itself.
    """

    words: str = "the token probabilities, logits and entropies"

    def places(self, material: Material, cell: Cell) -> tuple[Place, ...]:  # noqa: ARG002
        """One place: they stand nowhere in the model."""
        if not self._names(material):
            raise UndefinedMetricError("no token probability is known of enough answers")
        return (Place("residual", None, "token probabilities"),)

    def read(self, material: Material, place: Place) -> Features:  # noqa: ARG002
        """The numbers of each answer that has all of them."""
        columns = []
        for name in self._names(material):
            values = np.asarray(material.columns[name], dtype=np.float64)
            if not name.startswith("perplexity_"):
                columns.append(values)
            if name.startswith(("probability_", "perplexity_")):
                columns.append(_log(values))
        joined = np.stack(columns, axis=1)
        missing = np.count_nonzero(np.isnan(joined), axis=1) > 0
        return Features(np.where(missing[:, None], 0.0, joined).astype(np.float32), ~missing)

    def _names(self, material: Material) -> list[str]:
        return [name for name in material.columns if name.startswith(_PROBABILITIES)]


def _log(values: Float[np.ndarray, " answer"]) -> Float[np.ndarray, " answer"]:
    """The logarithm of a probability, or minus that of a perplexity (whose score is its negative)."""
    size = np.log(np.maximum(np.abs(values), _LEAST))
    signed: Float[np.ndarray, " answer"] = np.where(values < 0, -size, size)
    return signed


@dataclass(frozen=True, slots=True)
class MinusSameAnswer:
    """What another reading reads, minus its mean over all answers that gave the same exact answer.

    The mean knows no label, but it does know the other answers of the run, tested ones included: a detector needs a
    stored mean for each answer that it may meet, or several unlabelled answers that say the same. An answer that
    nobody else gave has nothing left. Under `by_answer` no string is in both parts, so that what is learned depends
    on the training part only.
    """

    main: Reading

    @property
    def words(self) -> str:
        """What is read."""
        return f"{self.main.words}, minus its mean over the same exact answer"

    def places(self, material: Material, cell: Cell) -> tuple[Place, ...]:
        """The places of the other reading."""
        return self.main.places(material, cell)

    def read(self, material: Material, place: Place) -> Features:
        """The differences; exactly zero for equal states of the same exact answer."""
        found = self.main.read(material, place)
        values = found.values.astype(np.float64)  # noqa: PD011
        codes, names = pd.factorize(material.columns[ANSWER_GIVEN])
        centred = np.zeros_like(values)
        for code in range(len(names)):
            rows = np.flatnonzero((codes == code) & found.present)
            if not len(rows):
                continue
            # Measured from the first one, so that equal states leave exactly nothing.
            offset = values[rows] - values[rows[0]]
            centred[rows] = offset - offset.mean(axis=0)
        return Features(centred.astype(np.float32), found.present)
