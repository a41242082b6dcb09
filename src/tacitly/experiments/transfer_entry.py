"""One entry of a transfer: which probes are asked about a target, and what they are worth there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from tacitly.experiments.answer_table import is_eligible
from tacitly.experiments.transfer_pool import TrainedProbe, TransferPool
from tacitly.experiments.transfer_target import TransferTarget, undefined
from tacitly.experiments.transfer_task import sharing

FoldOfSeed = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which probes of a pool are asked about which folds of a target.

    Attributes:
        pool: The pool.
        target: The target.
        teachers: What of the pool the probes may learn from, save what they would share with what they are tested on.
        places: For each seed and fold of the target the place of its probe.
    """

    pool: TransferPool
    target: TransferTarget
    teachers: Bool[np.ndarray, " row"]
    places: Mapping[FoldOfSeed, int]

    @classmethod
    def of(cls, pool: TransferPool, target: TransferTarget, *, whole: bool = False) -> "Asked":
        """Ask a pool for the probes that a target needs.

        Args:
            pool: Whose answers are learned from; those of the target's own task are not.
            target: What is tested.
            whole: Keep the target as a whole apart. Without, a probe for each of its folds learns from whatever shares
                nothing with that fold; where nothing is shared at all, these are one and the same probe.
        """
        keys, theirs = pool.keys(target.grouping), target.task.keys(target.grouping)
        teachers = pool.usable & ~pool.of(target.task)
        folds = dict(_folds(target))
        places = {
            fold: pool.ask(teachers & ~sharing(keys, [theirs[i] for i in np.flatnonzero(tested).tolist()]))
            for fold, tested in ({(0, 0): target.tested} if whole else folds).items()
        }
        if whole:
            places = dict.fromkeys(folds, places[0, 0])
        return cls(pool=pool, target=target, teachers=teachers, places=places)

    def entry(self) -> dict[str, Any]:
        """What the probes are worth on the target, once the pool is trained."""
        probes: dict[int, TrainedProbe] = {}
        for place in dict.fromkeys(self.places.values()):
            probe = self.pool[place]
            if isinstance(probe, str):
                return undefined(probe)
            probes[place] = probe
        reason = self._unreadable(probes)
        return undefined(reason) if reason else {**self.target.figures(self._scores(probes)), **self._about(probes)}

    def _scores(self, probes: Mapping[int, TrainedProbe]) -> list[Float[np.ndarray, " row"]]:
        """What the probes say under each seed."""
        states = self.target.task.probed.states
        said = {place: probe.score(states, self.target.tested) for place, probe in probes.items()}
        scores = {seed: np.full(len(self.target.tested), np.nan) for seed in self.target.folds}
        for (seed, number), tested in _folds(self.target):
            scores[seed][tested] = said[self.places[seed, number]][tested]
        return list(scores.values())

    def _unreadable(self, probes: Mapping[int, TrainedProbe]) -> str | None:
        """Why the target cannot be read where the probes read: the answers that can would be a selection."""
        states, folds = self.target.task.probed.states, dict(_folds(self.target))
        read = {fold: probes[place].choice.cell.position for fold, place in self.places.items()}
        present = np.concatenate([states.present(read[fold]) for fold in folds])
        if is_eligible(present, np.concatenate(list(folds.values())), np.tile(self.target.correct, len(folds))):
            return None
        lacking = {read[fold] for fold, tested in folds.items() if not states.present(read[fold])[tested].all()}
        return (
            "fewer than 95 % of the right or of the wrong answers have the tokens that are read: "
            f"{', '.join(sorted(lacking))}"
        )

    def _about(self, probes: Mapping[int, TrainedProbe]) -> dict[str, Any]:
        """What the probes learned from, and where they read; of several probes the most that one learned from."""
        learned = np.logical_and.reduce([self.pool.rows(place) for place in probes])
        cells = {(p.choice.cell, p.choice.C): None for p in probes.values()}
        return {
            "trained_on": max(probe.rows for probe in probes.values()),
            "left_out": int((self.teachers & ~learned).sum()),
            "cells": [{"site": c.site, "layer": c.layer, "position": c.position, "C": C} for c, C in cells],
        }


def _folds(target: TransferTarget) -> Iterator[tuple[FoldOfSeed, Bool[np.ndarray, " row"]]]:
    """Each tested fold of each seed."""
    for seed, numbers in target.folds.items():
        for number in np.unique(numbers[numbers >= 0]):
            yield (seed, int(number)), numbers == number
